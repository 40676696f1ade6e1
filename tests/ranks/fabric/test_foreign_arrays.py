"""Arrays that are not NumPy's pass through every kind of call, by the one protocol that they offer."""

import array

import numpy as np
import pytest

pytestmark = pytest.mark.ranks(1, 2, 3, 4, 5)


class OnlyCuda:
    """Offers nothing but __cuda_array_interface__, over host memory: what a device array looks like to MPI."""

    def __init__(self, values):
        interface = values.__array_interface__
        self._values = values
        self.__cuda_array_interface__ = {key: interface[key] for key in ("shape", "typestr", "data", "strides")}
        self.__cuda_array_interface__["version"] = 3


class OnlyDlpack:
    """Offers nothing but DLPack."""

    def __init__(self, values):
        self._values = values

    def __dlpack__(self, **asked):
        return self._values.__dlpack__(**asked)

    def __dlpack_device__(self):
        return self._values.__dlpack_device__()


WRAPPERS = {"cuda": OnlyCuda, "dlpack": OnlyDlpack, "buffer": memoryview}


@pytest.fixture(params=WRAPPERS.values(), ids=WRAPPERS)
def wrap(request):
    return request.param


def test_movement(fabric, call, limit, wrap):
    size, mine = fabric.size, np.arange(6.0).reshape(2, 3) + fabric.rank
    stack = np.stack([mine - fabric.rank + rank for rank in range(size)])
    target = np.zeros_like(stack)
    wrapped = wrap(target)
    assert call("allgather", wrap(mine), wrapped) is wrapped
    np.testing.assert_array_equal(target, stack)
    np.testing.assert_array_equal(call("allgather", wrap(mine)), stack, strict=True)
    buf = mine.copy()
    call("bcast", wrap(buf), size - 1)
    np.testing.assert_array_equal(buf, stack[-1])
    np.testing.assert_array_equal(call("scatter", wrap(stack) if fabric.rank == 0 else None), mine)
    transposed = np.zeros_like(stack)
    call("alltoall", wrap(np.stack([mine] * size)), wrap(transposed))
    np.testing.assert_array_equal(transposed, stack)


def test_uneven_movement(fabric, call, limit, wrap):
    counts = [rank + 1 for rank in range(fabric.size)]
    mine = np.full((counts[fabric.rank], 2), fabric.rank, "i8")
    whole = np.repeat(np.arange(fabric.size), counts)[:, None].repeat(2, axis=1)
    np.testing.assert_array_equal(call("allgatherv", wrap(mine)), whole, strict=True)
    target = np.zeros_like(whole)
    call("alltoallv", wrap(np.concatenate([mine] * fabric.size)), [len(mine)] * fabric.size, wrap(target))
    np.testing.assert_array_equal(target, whole)


def test_reductions(fabric, call, limit, wrap):
    mine, size = np.arange(30) * (fabric.rank + 1), fabric.size
    target = np.zeros_like(mine)
    call("allreduce", wrap(mine), wrap(target))
    np.testing.assert_array_equal(target, np.arange(30) * (size * (size + 1) // 2))
    both = wrap(mine)
    assert call("allreduce", both, both, "max") is both
    np.testing.assert_array_equal(mine, np.arange(30) * size)


def test_messages(fabric, limit, wrap):
    mine, found = np.arange(40) + fabric.rank, np.zeros(40, int)
    right, left = (fabric.rank + 1) % fabric.size, (fabric.rank - 1) % fabric.size
    receiving = fabric.irecv(wrap(found), left)
    fabric.isend(wrap(mine), right).wait()
    receiving.wait()
    np.testing.assert_array_equal(found, np.arange(40) + left)


def test_plain_buffers(fabric):
    found = fabric.allgather(array.array("i", [fabric.rank, 7]))
    np.testing.assert_array_equal(found, [[rank, 7] for rank in range(fabric.size)])
    found = fabric.allgather(b"ab")
    assert found.dtype == np.uint8
    assert found.tobytes() == b"ab" * fabric.size


def test_what_is_not_contiguous_is_refused(fabric, wrap):
    strided = np.zeros((4, 4))[:, ::2]
    with pytest.raises(TypeError, match="not C-contiguous"):
        fabric.isend(wrap(strided), 0)
    with pytest.raises(TypeError, match="not C-contiguous"):
        fabric.irecv(wrap(np.zeros((2, 3)).T), 0)
