"""The command as a user runs it: another process, often several."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.system.processes import MPI_ENVIRONMENT, mpirun, run_process

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def gpumpi(tmp_path: Path) -> Run:
    """Run ``gpumpi ARGUMENTS`` in an empty folder."""

    def run(*arguments: str | os.PathLike[str], **environment: str) -> subprocess.CompletedProcess[str]:
        return run_process([sys.executable, "-m", "gpumpi", *arguments], tmp_path, **environment)

    return run


@pytest.fixture
def spmd(tmp_path: Path) -> Run:
    """Run a Python program on ranks in an empty folder: ``spmd(3, "program.py", arguments...)``."""

    def run(n_ranks: int, *arguments: str | os.PathLike[str], **environment: str) -> subprocess.CompletedProcess[str]:
        return run_process([*mpirun(n_ranks), sys.executable, *arguments], tmp_path, **MPI_ENVIRONMENT, **environment)

    return run
