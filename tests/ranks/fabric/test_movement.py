"""bcast, gather, scatter, allgather, alltoall: bytes come out as NumPy would stack them, whatever the dtype."""

import numpy as np
import pytest

pytestmark = pytest.mark.ranks(1, 2, 3, 4, 5)

PADDED = np.dtype({"names": ["id", "x"], "formats": ["u1", ("f4", (2,))], "offsets": [0, 4], "itemsize": 16})
DTYPES = ["?", "i1", "u2", ">i4", "i8", "f2", "f4", ">f8", "g", "F", "D", "S5", "U3", "V7", "M8[us]", "m8[s]", PADDED]
SHAPES = [(), (0,), (1,), (7,), (3, 0, 2), (2, 3)]


def same(found, expected):
    """Equal in shape, dtype and every byte."""
    assert found.shape == expected.shape
    assert found.dtype == expected.dtype
    assert found.tobytes() == expected.tobytes()


def joined(arrays, shape):
    """The arrays' bytes one after the other: NumPy's own stack drops padding and byte order."""
    return np.frombuffer(bytearray().join(array.tobytes() for array in arrays), arrays[0].dtype).reshape(shape)


def roots(fabric):
    return {0, fabric.size - 1}


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_every_dtype_moves(fabric, call, limit, everyone, dtype):
    arrays = everyone((5, 2), dtype)
    mine, stack = arrays[fabric.rank], joined(arrays, (fabric.size, *arrays[0].shape))
    buf = joined([mine], mine.shape)
    assert call("bcast", buf) is buf
    same(buf, arrays[0])
    same(call("allgather", mine), stack)
    gathered = call("gather", mine)
    same(call("scatter", stack if fabric.rank == 0 else None), mine)
    if fabric.rank == 0:
        same(gathered, stack)
    else:
        assert gathered is None


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_every_shape_moves(fabric, call, limit, everyone, shape):
    arrays = everyone(shape, "f8")
    mine, stack = arrays[fabric.rank], joined(arrays, (fabric.size, *arrays[0].shape))
    for root in roots(fabric):
        buf = joined([mine], mine.shape)
        call("bcast", buf, root)
        same(buf, arrays[root])
        found = call("gather", mine, root=root)
        if fabric.rank == root:
            same(found, stack)
        same(call("scatter", stack if fabric.rank == root else None, root=root), mine)
        into = np.zeros_like(mine)
        assert call("scatter", stack if fabric.rank == root else None, into, root) is into
        same(into, mine)
    same(call("allgather", mine), stack)


@pytest.mark.parametrize("rows", [0, 1, 3])
@pytest.mark.parametrize("dtype", ["i4", "V7"])
def test_alltoall_transposes_blocks(fabric, call, limit, everyone, rows, dtype):
    arrays = everyone((rows * fabric.size, 2), dtype)
    blocks = [array.reshape(fabric.size, rows, 2)[fabric.rank] for array in arrays]
    expected = joined(blocks, (rows * fabric.size, 2))
    mine = arrays[fabric.rank]
    same(call("alltoall", mine), expected)
    into = np.zeros_like(expected)
    assert call("alltoall", mine, into) is into
    same(into, expected)
    assert call("alltoall", mine, mine) is mine
    same(mine, expected)


def test_results_go_where_they_are_told(fabric, call, limit, everyone):
    arrays = everyone((4,), "i8")
    stack = joined(arrays, (fabric.size, *arrays[0].shape))
    flat = np.zeros(4 * fabric.size, "i8")
    assert call("allgather", arrays[fabric.rank], flat) is flat
    same(flat.reshape(stack.shape), stack)
    target = np.zeros_like(stack) if fabric.rank == 0 else None
    assert call("gather", arrays[fabric.rank], target) is target
    if fabric.rank == 0:
        same(target, stack)


def test_allgather_in_place(fabric, call, limit, everyone):
    arrays = everyone((3,), "f4")
    target = np.zeros((fabric.size, 3), "f4")
    target[fabric.rank] = arrays[fabric.rank]
    assert call("allgather", None, target) is target
    same(target, joined(arrays, (fabric.size, *arrays[0].shape)))


def test_numbers_and_strided_arrays_are_sent(fabric, call):
    assert call("allgather", fabric.rank).tolist() == list(range(fabric.size))
    assert call("allgather", np.float32(fabric.rank)).dtype == np.float32
    strided = np.arange(24).reshape(4, 6)[::2, ::-3] + fabric.rank
    strided = np.asfortranarray(strided)
    same(call("allgather", strided)[fabric.rank], np.ascontiguousarray(strided))
    read_only = np.arange(3.0)
    read_only.flags.writeable = False
    same(call("allgather", read_only)[0], read_only)


def test_wrong_sizes_are_refused_before_anything_moves(fabric):
    with pytest.raises(ValueError, match=r"allgather: recv has shape \(1,\) of float64"):
        fabric.allgather(np.zeros(3), np.zeros(1))
    with pytest.raises(ValueError, match="neither send nor recv"):
        fabric.allgather(None)
    with pytest.raises(ValueError, match="use alltoallv"):
        fabric.alltoall(np.float64(1))
    if fabric.size > 1:
        with pytest.raises(ValueError, match="use alltoallv"):
            fabric.alltoall(np.zeros(fabric.size + 1))


def test_what_cannot_be_received_into_is_refused(fabric):
    read_only = np.zeros(3)
    read_only.flags.writeable = False
    for target, why in [
        (np.zeros((4, 4))[:, ::2], "not C-contiguous"),
        (read_only, "read-only"),
        (np.zeros(3, object), "holds pointers"),
        ([1, 2, 3], "list cannot be received into"),
        (b"abc", "bytes cannot be received into"),
    ]:
        with pytest.raises(TypeError, match=why):
            fabric.irecv(target, 0)


def test_barrier(call):
    assert call("barrier") is None
