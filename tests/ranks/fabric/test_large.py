"""More bytes than a 32-bit count holds, for real."""

import numpy as np
import pytest

pytestmark = [pytest.mark.ranks(2), pytest.mark.slow]

N = 2**31 + 17
MARKS = {0: 1, 2**31 - 2: 2, 2**31 - 1: 3, 2**31: 4, N - 1: 5}


@pytest.fixture(scope="module")
def marked():
    """Zeros, which cost no memory until written, with a few marks about the limit."""
    array = np.zeros(N, np.uint8)
    array[list(MARKS)] = list(MARKS.values())
    return array


def marks_of(array, shift=0):
    return {at: int(array[at - shift]) for at in MARKS if 0 <= at - shift < len(array)}


def test_bcast(fabric, marked):
    buf = marked.copy() if fabric.rank == 0 else np.zeros(N, np.uint8)
    fabric.bcast(buf)
    assert marks_of(buf) == MARKS
    assert np.count_nonzero(buf) == len(MARKS)


def test_message(fabric, marked):
    if fabric.rank == 0:
        fabric.send(marked, 1)
    else:
        assert marks_of(fabric.recv(np.zeros(N, np.uint8), 0)) == MARKS


def test_alltoallv(fabric, marked):
    """Rank 0's second piece and rank 1's first are over the limit, as are the offsets behind them."""
    found = fabric.alltoallv(marked, [5, N - 5] if fabric.rank == 0 else [N - 9, 9])
    if fabric.rank == 0:
        assert found[:5].tolist() == marked[:5].tolist()
        assert marks_of(found[5:]) == {at: mark for at, mark in MARKS.items() if at < N - 9}
    else:
        assert marks_of(found[: N - 5], shift=5) == {at: mark for at, mark in MARKS.items() if at >= 5}
        assert found[N - 5 :].tolist() == marked[N - 9 :].tolist()
