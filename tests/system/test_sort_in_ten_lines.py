"""The program of ten lines that stands in the README does what it says."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

PROGRAM = Path(__file__).with_name("sort_in_ten_lines.py")
MPIRUN = shutil.which("mpirun", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")


@pytest.mark.parametrize("n", [1, 3])
def test_program(n):
    if MPIRUN is None and n > 1:
        pytest.skip("no mpirun next to this Python or in PATH")
    clean = {name: value for name, value in os.environ.items() if not re.match("OMPI_|PMIX_|PMI_|PRTE_|GPUMPI_", name)}
    clean |= {
        "OMPI_ALLOW_RUN_AS_ROOT": "1",
        "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
        "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
        "PYTHONPATH": str(PROGRAM.parents[2]),
    }
    command = [*([MPIRUN, "-n", str(n)] if n > 1 else []), sys.executable, str(PROGRAM)]
    done = subprocess.run(command, env=clean, capture_output=True, text=True, timeout=60)
    numbers = np.concatenate([np.random.default_rng(rank).random(1_000_000) for rank in range(n)])
    smallest = np.array([numbers[numbers >= rank / n].min() for rank in range(n)])
    expected = f"{n}000000 numbers are sorted; each rank's smallest: {smallest.round(3)}"
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, expected, "")


def test_it_is_ten_lines():
    assert len([line for line in PROGRAM.read_text().splitlines() if line.strip()]) == 10


def test_the_readme_shows_it():
    readme = PROGRAM.parents[2] / "README.md"
    if not readme.exists():
        pytest.skip("no README next to the tests")
    assert PROGRAM.read_text().strip() in readme.read_text()
