"""An SPMD program of ten lines that uses the collectives alone does what it says."""

from pathlib import Path

import numpy as np
import pytest

PROGRAM = Path(__file__).with_name("sort_in_ten_lines.py")


@pytest.mark.parametrize("n", [1, 3])
def test_it_sorts(spmd, n):
    done = spmd(n, PROGRAM)
    numbers = np.concatenate([np.random.default_rng(rank).random(1_000_000) for rank in range(n)])
    smallest = np.array([numbers[numbers >= rank / n].min() for rank in range(n)])
    expected = f"{n}000000 numbers are sorted; each rank's smallest: {smallest.round(3)}"
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, expected, "")


def test_it_is_ten_lines():
    assert len([line for line in PROGRAM.read_text().splitlines() if line.strip()]) == 10
