"""``-n``: which launcher is used and what it is told. The launchers here are scripts that say what they were told."""

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from gpumpi.cli import launch
from gpumpi.errors import UserError

OPEN_MPI = "mpirun (Open MPI) 5.0.11"
HYDRA = "HYDRA build details:\n    Version: 5.0.2"


def make_launcher(folder: Path, version: str, name: str = "mpirun", body: str = "exit 0") -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f'#!/bin/sh\nif [ "$1" = --version ]; then echo "{version}"; exit 0; fi\n{body}\n')
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@pytest.fixture
def bare_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Python with no launcher beside it."""
    folder = tmp_path / "python"
    folder.mkdir()
    (folder / "python3").symlink_to(sys.executable)
    monkeypatch.setattr(sys, "executable", str(folder / "python3"))
    return folder


def test_the_launcher_beside_python_comes_before_the_one_in_path(bare_python: Path, tmp_path: Path) -> None:
    in_path = make_launcher(tmp_path / "elsewhere", OPEN_MPI)
    environment = {"PATH": str(in_path.parent)}
    assert launch.find_launcher(environment) == (str(in_path),)
    beside = make_launcher(bare_python, OPEN_MPI, "mpiexec")
    assert launch.find_launcher(environment) == (str(beside),)
    assert launch.find_launcher({**environment, "GPUMPI_MPIRUN": "srun --mpi=pmix"}) == ("srun", "--mpi=pmix")


def test_no_launcher_names_the_remedy(bare_python: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"pip install 'gpumpi\[mpi\]'.*module load"):
        launch.find_launcher({"PATH": str(tmp_path)})


def test_open_mpi_is_told_what_one_node_needs(bare_python: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_launcher(bare_python, OPEN_MPI)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    job = launch.plan_launch(5, ["sort", "a.h5", "b.h5", "-n", "5"], {"PATH": "", "OMPI_MCA_pml": "ucx"})
    assert job.command[1:4] == ("--oversubscribe", "--bind-to", "none")
    at = job.command.index("-n")
    assert job.command[at : at + 2] == ("-n", "5")
    assert job.command[at + 2 :] == (sys.executable, "-P", "-m", "gpumpi", "sort", "a.h5", "b.h5", "-n", "5")
    assert job.environment["OMPI_ALLOW_RUN_AS_ROOT"] == job.environment["OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"] == "1"
    assert job.environment["OMPI_MCA_pml"] == "ucx", "the user's own setting stays"
    assert job.environment["OMPI_MCA_btl"] == "self,sm" and job.environment["OMPI_MCA_osc"] == "^ucx"


def test_several_nodes_keep_their_network(bare_python: Path) -> None:
    make_launcher(bare_python, OPEN_MPI)
    job = launch.plan_launch(2, [], {"SLURM_JOB_NUM_NODES": "2"})
    assert "OMPI_MCA_btl" not in job.environment and "OMPI_MCA_pml" not in job.environment


def test_one_rank_a_core_stays_on_its_core(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 3})
    assert [launch._binding(n).partition(":")[0] for n in (1, 2, 4, 5)] == ["none", "none", "core", "none"]


def test_mpich_and_unknown_launchers_get_no_flags_of_open_mpi(bare_python: Path) -> None:
    make_launcher(bare_python, HYDRA)
    job = launch.plan_launch(3, ["info"], {})
    assert job.command[1:5] == ("-bind-to", "none", "-n", "3")
    assert not any(name.startswith("OMPI_") for name in job.environment)
    job = launch.plan_launch(3, ["info"], {"GPUMPI_MPIRUN": "srun --mpi=pmix"})
    assert job.command[:4] == ("srun", "--mpi=pmix", "-n", "3")


def test_ranks_import_the_package_that_started_them(bare_python: Path) -> None:
    make_launcher(bare_python, OPEN_MPI)
    job = launch.plan_launch(2, [], {"PYTHONPATH": "/mine"})
    root = str(Path(launch.__file__).parents[2])
    assert job.environment["PYTHONPATH"] == f"{root}{os.pathsep}/mine"
    assert "PYTHONPATH" in job.command


@pytest.mark.parametrize(
    ("n_ranks", "environment", "asked_here", "answer"),
    [
        (None, {}, False, False), (4, {}, True, True), (4, {}, False, True),
        (4, {"OMPI_COMM_WORLD_SIZE": "4"}, True, False), (None, {"OMPI_COMM_WORLD_SIZE": "4"}, False, False),
        (2, {"OMPI_COMM_WORLD_SIZE": "4"}, False, False),
    ],
)  # fmt: skip
def test_ranks_are_started_once(
    n_ranks: int | None, environment: dict[str, str], asked_here: bool, answer: bool
) -> None:
    assert launch.must_start(n_ranks, environment, asked_here=asked_here) is answer


def test_another_number_than_the_launchers_is_refused() -> None:
    with pytest.raises(UserError, match="-n 2 was asked for, and the launcher has started 4"):
        launch.must_start(2, {"OMPI_COMM_WORLD_SIZE": "4"}, asked_here=True)


@pytest.mark.parametrize("code", [0, 1, 2, 75])
def test_the_exit_code_of_the_job_comes_back(tmp_path: Path, code: int) -> None:
    job = make_launcher(tmp_path, OPEN_MPI, body=f"exit {code}")
    assert launch.run(launch.Launch((str(job),), os.environ)) == code


def test_a_signal_is_passed_on_and_becomes_the_exit_code(tmp_path: Path) -> None:
    job = make_launcher(tmp_path, OPEN_MPI, body="echo ready; exec sleep 60")
    program = "import sys; from gpumpi.cli import launch; sys.exit(launch.run(launch.Launch((sys.argv[1],), {})))"
    root = str(Path(launch.__file__).parents[2])
    with subprocess.Popen(
        [sys.executable, "-c", program, str(job)], stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": root}
    ) as process:
        assert process.stdout is not None and process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 128 + signal.SIGTERM
