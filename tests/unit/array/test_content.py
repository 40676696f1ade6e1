"""This rank's rows, from memory and from a source."""

import numpy as np
import pytest

from gpumpi.array.content import ArrayContent, SourceContent, as_rows
from gpumpi.device.pool import BufferPool
from gpumpi.schema import Column, Schema

COLUMNS = (Column("a", np.dtype("i8")), Column("v", np.dtype("f4"), (3,)))


class MemorySource:
    """A source over two arrays that are known to the test, which notes what is read."""

    name, identity = "memory", "1"

    def __init__(self, n_rows):
        rng = np.random.default_rng(n_rows)
        self.schema = Schema(COLUMNS, n_rows)
        self.arrays = [rng.integers(0, 256, (n_rows, column.row_bytes), dtype=np.uint8) for column in COLUMNS]
        self.was_read = []

    def read(self, column, start, out):
        assert out.shape[1] == COLUMNS[column].row_bytes
        assert 0 <= start <= start + len(out) <= self.schema.n_rows
        self.was_read.append((column, start, len(out)))
        out[:] = self.arrays[column][start : start + len(out)]

    def close(self):
        pass


@pytest.fixture(params=["arrays", "source"])
def content_of(request):
    """content_of(n): a content of n rows and its columns."""

    def make(n_rows):
        source = MemorySource(n_rows + 11)
        mine = [array[7 : 7 + n_rows] for array in source.arrays]
        if request.param == "arrays":
            return ArrayContent(mine), mine
        return SourceContent(source, 7, n_rows, BufferPool()), mine

    return make


@pytest.mark.parametrize("n_rows", [0, 1, 9, 10, 11, 1000])
def test_blocks_are_all_rows_in_order_and_never_too_large(content_of, n_rows):
    content, columns = content_of(n_rows)
    assert content.n_local == n_rows
    at = 0
    for start, block in content.blocks(10):
        assert start == at
        assert 1 <= len(block[0]) == len(block[1]) <= 10
        for rows, column in zip(block, columns, strict=True):
            assert rows.flags.c_contiguous
            assert np.array_equal(rows, column[at : at + len(rows)])
        at += len(block[0])
    assert at == n_rows


def test_blocks_can_be_taken_again(content_of):
    content, _ = content_of(25)
    first = [[rows.copy() for rows in block] for _, block in content.blocks(10)]
    again = [[rows.copy() for rows in block] for _, block in content.blocks(10)]
    assert all(np.array_equal(a, b) for x, y in zip(first, again, strict=True) for a, b in zip(x, y, strict=True))


def test_any_rows_are_read(content_of):
    content, columns = content_of(100)
    for index, start, n_rows in [(0, 0, 100), (1, 99, 1), (1, 40, 20), (0, 100, 0)]:
        out = np.empty((n_rows, COLUMNS[index].row_bytes), np.uint8)
        content.read(index, start, out)
        assert np.array_equal(out, columns[index][start : start + n_rows])


def test_settled_it_holds_the_same_rows(content_of):
    content, columns = content_of(50)
    settled = content.settle()
    assert isinstance(settled, ArrayContent)
    assert all(np.array_equal(a, b) for a, b in zip(settled.columns, columns, strict=True))
    assert settled.settle() is settled


def test_a_source_is_not_read_before_rows_are_asked_for():
    source = MemorySource(100)
    content = SourceContent(source, 10, 50, BufferPool())
    assert content.n_local == 50
    blocks = content.blocks(20)
    assert source.was_read == []
    next(blocks)
    assert source.was_read == [(0, 10, 20), (1, 10, 20)]


@pytest.mark.parametrize(
    "dtype", ["u1", "?", ">i4", "f8", "M8[ns]", "S5", "U3", "V7", [("a", "i1"), ("b", ">f8", (2,))]]
)
@pytest.mark.parametrize("shape", [(0,), (1,), (7,), (7, 3), (0, 3), (7, 0), (5, 2, 2)])
def test_rows_are_the_array_s_own_bytes(dtype, shape):
    dtype = np.dtype(dtype)
    size = int(np.prod(shape))
    array = np.frombuffer(np.random.default_rng(1).bytes(size * dtype.itemsize), dtype).reshape(shape)
    rows = as_rows(array)
    assert rows.dtype == np.uint8
    assert rows.shape == (shape[0], dtype.itemsize * int(np.prod(shape[1:], dtype=int)))
    assert rows.tobytes() == array.tobytes()
    assert np.shares_memory(rows, array) or not size, "no copy"


def test_rows_of_a_strided_array_are_a_copy_in_its_order():
    array = np.arange(24).reshape(4, 6)
    for view in (array.T, array[::-2], array[:, 1::2], np.asfortranarray(array), np.broadcast_to(np.int8(5), (9,))):
        assert as_rows(view).tobytes() == np.ascontiguousarray(view).tobytes()
    record = np.zeros(5, [("a", "i1"), ("b", "i8")])
    record["b"] = np.arange(5)
    assert as_rows(record["b"]).tobytes() == np.arange(5).tobytes()
