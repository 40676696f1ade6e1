"""gatherv, scatterv, allgatherv, alltoallv: rows come out as NumPy would concatenate them, with empty ranks too."""

import numpy as np
import pytest

pytestmark = pytest.mark.ranks(1, 2, 3, 4, 5)

DTYPES = ["u1", "?", ">i4", "f2", "f8", "V7", np.dtype([("id", "u8"), ("name", "S3")])]
COUNTS = {
    "uneven": lambda rank: (3 * rank + 1) % 5,
    "none": lambda rank: 0,
    "only-last": lambda rank: 9 * (rank == 0),
    "one": lambda rank: 1,
}


def same(found, expected):
    assert found.shape == expected.shape
    assert found.dtype == expected.dtype
    assert found.tobytes() == expected.tobytes()


def joined(arrays, row_shape):
    """The arrays' bytes one after the other: NumPy's own concatenate drops padding and byte order."""
    return np.frombuffer(bytearray().join(array.tobytes() for array in arrays), arrays[0].dtype).reshape(-1, *row_shape)


@pytest.mark.parametrize("rows", COUNTS.values(), ids=COUNTS)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_gather_and_scatter(fabric, call, limit, everyone, rows, dtype):
    arrays = everyone(lambda rank: (rows(rank), 2), dtype)
    counts = [len(array) for array in arrays]
    mine, whole = arrays[fabric.rank], joined(arrays, (2,))
    same(call("allgatherv", mine), whole)
    same(call("allgatherv", mine, counts=counts), whole)
    for root in {0, fabric.size - 1}:
        is_root = fabric.rank == root
        for given in (None, counts):
            found = call("gatherv", mine, counts=given, root=root)
            same(found, whole) if is_root else None
        same(call("scatterv", whole if is_root else None, counts if is_root else None, root=root), mine)
        into = np.zeros_like(mine)
        assert call("scatterv", whole if is_root else None, counts, into, root) is into
        same(into, mine)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("most", [0, 1, 8])
def test_alltoallv(fabric, call, limit, everyone, rng, dtype, most):
    table = rng.integers(0, most + 1, (fabric.size, fabric.size))
    table[rng.integers(fabric.size)] = 0  # a rank that sends nothing
    arrays = everyone(lambda rank: (table[rank].sum(), 3), dtype)
    mine, counts, recv_counts = arrays[fabric.rank], table[fabric.rank], table[:, fabric.rank]
    starts = np.cumsum(table, axis=1) - table
    pieces = [arrays[peer][starts[peer, fabric.rank] :][: table[peer, fabric.rank]] for peer in range(fabric.size)]
    expected = joined(pieces, (3,))
    same(call("alltoallv", mine, counts), expected)
    same(call("alltoallv", mine, list(counts), recv_counts=recv_counts), expected)
    into = np.zeros_like(expected)
    assert call("alltoallv", mine, counts, into) is into
    same(into, expected)


def test_alltoallv_in_place(fabric, call, limit, everyone):
    table = np.add.outer(np.arange(fabric.size), np.arange(fabric.size)) % 3
    arrays = everyone(lambda rank: (table[rank].sum(),), "i8")
    starts = np.cumsum(table, axis=1) - table
    pieces = [arrays[peer][starts[peer, fabric.rank] :][: table[peer, fabric.rank]] for peer in range(fabric.size)]
    mine = arrays[fabric.rank]
    assert call("alltoallv", mine, table[fabric.rank], mine) is mine
    same(mine, joined(pieces, ()))


def test_wrong_counts_are_refused(fabric):
    rows = np.zeros((4, 2))
    with pytest.raises(ValueError, match="send has 4 rows"):
        fabric.alltoallv(rows, [5] * fabric.size)
    with pytest.raises(ValueError, match="send has 4 rows"):
        fabric.alltoallv(rows, [4] + [0] * fabric.size)
    with pytest.raises(ValueError, match=r"counts are \[0, .*give the rows for each of"):
        fabric.alltoallv(rows, [4] + [0] * (fabric.size - 1), recv_counts=[0] * (fabric.size + 1))
    with pytest.raises(ValueError, match="sends 4 rows"):
        fabric.allgatherv(rows, counts=[3] * fabric.size)
    with pytest.raises(ValueError, match="rows along axis 0"):
        fabric.allgatherv(np.float64(1))
    with pytest.raises(ValueError, match="sends 4 rows"):
        fabric.gatherv(rows, counts=[4] * (fabric.size + 1))
