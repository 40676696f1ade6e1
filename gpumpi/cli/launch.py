"""``-n 4``: start this very command under `mpirun`, with the flags that the machine needs.

Knows: where launchers are and how Open MPI and MPICH are told things. Does not know: what the command does, MPI itself.

The ranks run the same Python and the same package as the process that starts them, whatever the folder is. This
process stays until the job ends, passes signals on, hands the job's exit code back, and leaves out the launcher's
remark that a rank ended with an exit code: the rank has said why in better words.
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from gpumpi.cli.launched import launched_size, on_one_node
from gpumpi.cli.remarks import copy_without_exit_remarks
from gpumpi.errors import UserError

OPEN_MPI, HYDRA, OTHER = "Open MPI", "Hydra", "other"
_PASSED_ON = (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
_SHOW_CURSOR = "\x1b[?25h"


@dataclass(frozen=True)
class Launch:
    """A job to start: its command line and its environment."""

    command: tuple[str, ...]
    environment: Mapping[str, str]


def must_start(n_ranks: int | None, environment: Mapping[str, str], *, asked_here: bool) -> bool:
    """Whether this process has to start the ranks.

    Parameters
    ----------
    n_ranks : int or None
        Ranks wanted, None if nobody said.
    environment : mapping
        The environment of this process.
    asked_here : bool
        Whether the number stood on the command line; one from the environment gives way to a launcher.

    Raises
    ------
    UserError
        If a launcher has started another number of ranks.
    """
    size = launched_size(environment)
    if size is None:
        return n_ranks is not None
    if n_ranks is not None and n_ranks != size and asked_here:
        raise UserError(f"-n {n_ranks} was asked for, and the launcher has started {size}; "
                        f"leave -n out, or start {n_ranks} with the launcher")  # fmt: skip
    return False


def plan_launch(n_ranks: int, arguments: Sequence[str], environment: Mapping[str, str]) -> Launch:
    """Command line and environment of the job that runs ``gpumpi ARGUMENTS`` on `n_ranks` ranks.

    Raises
    ------
    UserError
        If there is no launcher.
    """
    launcher = find_launcher(environment)
    job = dict(environment)
    flags: list[str] = []
    root = _uninstalled_root()
    if root:
        job["PYTHONPATH"] = os.pathsep.join(filter(None, (root, environment.get("PYTHONPATH"))))
    kind = _kind(launcher) if len(launcher) == 1 else OTHER
    if kind == OPEN_MPI:
        _prepare_open_mpi(job)
        flags = ["--oversubscribe", "--bind-to", _binding(n_ranks)] + (["-x", "PYTHONPATH"] if root else [])
    elif kind == HYDRA:
        flags = ["-bind-to", "none"]
    columns = _terminal_columns()
    if columns:
        job["GPUMPI_TERMINAL"] = columns
    python = (sys.executable, "-P", "-m", "gpumpi")
    return Launch((*launcher, *flags, "-n", str(n_ranks), *python, *arguments), job)


def find_launcher(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Launcher to use: ``GPUMPI_MPIRUN`` with its flags, else the one beside this Python, else the one in PATH."""
    if environment.get("GPUMPI_MPIRUN"):
        return tuple(shlex.split(environment["GPUMPI_MPIRUN"]))
    beside_python = str(Path(sys.executable).parent)
    for folders in (beside_python, environment.get("PATH", os.defpath)):
        for name in ("mpirun", "mpiexec"):
            found = shutil.which(name, path=folders)
            if found:
                return (found,)
    raise UserError("-n needs mpirun, and there is none beside this Python or in PATH; "
                    "pip install 'gpumpi[mpi]', or load the cluster's MPI (module load openmpi)")  # fmt: skip


def run(launch: Launch) -> int:
    """Exit code of the job, which has ended; its output and errors have gone where ours go."""
    with _signals_passed_on() as jobs:
        job = subprocess.Popen(launch.command, env=launch.environment, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
        jobs.append(job)
        if job.stderr is not None:
            copy_without_exit_remarks(job.stderr.fileno(), sys.stderr.fileno())
        code = job.wait()
    if sys.stderr.isatty():
        sys.stderr.write(_SHOW_CURSOR)  # a rank that was ended in the middle of its bar has not
        sys.stderr.flush()
    return code if code >= 0 else 128 - code


@contextmanager
def _signals_passed_on() -> Iterator[list[subprocess.Popen[bytes]]]:
    """Send the signals that come to this process on to the jobs in the list.

    Ctrl-C reaches mpirun by itself, as it does every process of the terminal; this one only has to outlive it.
    """
    jobs: list[subprocess.Popen[bytes]] = []

    def pass_on(number: int, _frame: FrameType | None) -> None:
        for job in jobs:
            job.send_signal(number)

    before = {number: signal.signal(number, pass_on) for number in _PASSED_ON}
    before[signal.SIGINT] = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        yield jobs
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _kind(launcher: Sequence[str]) -> str:
    said = subprocess.run(
        [launcher[0], "--version"], capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False
    )
    text = said.stdout + said.stderr
    if "Open MPI" in text or "OpenRTE" in text or "PRRTE" in text:
        return OPEN_MPI
    return HYDRA if "HYDRA" in text or "Intel(R) MPI" in text else OTHER


def _prepare_open_mpi(job: dict[str, str]) -> None:
    """Set what Open MPI needs unless the user has set it already."""
    if os.geteuid() == 0:
        job.setdefault("OMPI_ALLOW_RUN_AS_ROOT", "1")
        job.setdefault("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1")
    # UCX prints three lines a rank when it cannot open a window, and is not used for windows anyway.
    job.setdefault("OMPI_MCA_osc", "^ucx")
    if on_one_node(job):
        # One copy between processes; the default stalls for milliseconds at messages of 1 to 8 MB.
        job.setdefault("OMPI_MCA_pml", "ob1")
        job.setdefault("OMPI_MCA_btl", "self,sm")


def _binding(n_ranks: int) -> str:
    """One rank a core stays on its core; with cores to spare a rank's threads may use them."""
    return "core:if-supported" if n_ranks == len(os.sched_getaffinity(0)) else "none"


def _uninstalled_root() -> str | None:
    """Folder to import this package from where it is not installed, such as a checkout."""
    root = Path(__file__).resolve().parents[2]
    return None if root.name in ("site-packages", "dist-packages") else str(root)


def _terminal_columns() -> str | None:
    """Width of the terminal, which a rank cannot see: its output goes through the launcher."""
    if not sys.stderr.isatty():
        return None
    # A terminal that nobody has told its size says 0.
    return str(os.get_terminal_size(sys.stderr.fileno()).columns or 80)
