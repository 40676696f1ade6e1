"""Starting processes as a user does, alone or under a launcher."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LIMIT_S = 120


def clean_environment() -> dict[str, str]:
    """This environment without what an outer launcher or user has set, so that a test finds what a fresh shell has."""
    foreign = ("OMPI_", "PMIX_", "PMI_", "PRTE_", "SLURM_", "GPUMPI_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    environment["PYTHONPATH"] = str(ROOT)
    return environment


def run_process(
    command: Sequence[str | os.PathLike[str]], cwd: str | os.PathLike[str] | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        list(map(str, command)), cwd=cwd, env={**clean_environment(), **environment}, capture_output=True, text=True,
        timeout=LIMIT_S, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def mpirun(n_ranks: int) -> list[str]:
    """A user's own launcher, with what root and few cores need; skips the test where there is none."""
    from gpumpi.cli.launch import find_launcher
    from gpumpi.errors import UserError

    try:
        (launcher,) = find_launcher(clean_environment())
    except UserError as error:
        pytest.skip(str(error))
    return [launcher, "--oversubscribe", "--bind-to", "none", "-n", str(n_ranks)]


MPI_ENVIRONMENT = {
    "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1", "OMPI_MCA_osc": "^ucx",
    "OMPI_MCA_pml": "ob1", "OMPI_MCA_btl": "self,sm",
}  # fmt: skip
