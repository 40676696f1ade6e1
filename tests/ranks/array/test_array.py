"""Partitioned arrays: pieces, the whole, and what is done with them."""

import numpy as np
import pytest
from oracles import CUTS, SORTABLE, cut, distributed, some, sort_order

pytestmark = pytest.mark.ranks(1, 2, 3, 4, 5)

DTYPES = [*SORTABLE, "c8", "V3", "U2", [("a", "i1"), ("b", ">f8", (2,))]]


def random_bits(rng, shape, dtype):
    dtype = np.dtype(dtype)
    if dtype.kind == "b":
        return rng.integers(0, 2, shape).astype(bool)
    if dtype.kind == "U":
        return rng.integers(0, 1000, shape).astype(dtype)
    return np.frombuffer(bytearray(rng.bytes(int(np.prod(shape)) * dtype.itemsize)), dtype).reshape(shape)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("row_shape", [(), (3,), (2, 2)], ids=str)
def test_pieces_make_the_whole(world, rng, dtype, row_shape):
    whole = random_bits(rng, (11, *row_shape), dtype)
    borders = cut(rng, 11, world.size, "uneven")
    piece = whole[borders[world.rank] : borders[world.rank + 1]]
    array = world.array(piece)
    assert (array.dtype, array.shape, len(array), array.size) == (whole.dtype, whole.shape, 11, whole.size)
    assert array.layout.offsets == tuple(borders)
    assert array.local.tobytes() == piece.tobytes()
    assert np.shares_memory(array.local, piece) or not piece.size, "a piece is not copied"
    found = array.gather()
    assert (found.dtype, found.shape) == (whole.dtype, whole.shape)
    assert found.tobytes() == whole.tobytes()


@pytest.mark.parametrize("how", CUTS)
@pytest.mark.parametrize("n", [0, 1, 3, 100])
def test_the_whole_is_gathered_on_every_rank_or_on_one(world, rng, how, n):
    whole = rng.integers(0, 99, (n, 2))
    borders = cut(rng, n, world.size, how)
    array = world.array(whole[borders[world.rank] : borders[world.rank + 1]])
    for root in range(world.size):
        found = array.gather(root)
        assert np.array_equal(found, whole) if world.rank == root else found is None
    assert np.array_equal(array.gather(), whole)


def test_a_piece_may_be_anything_like_an_array(world):
    assert world.array([1, 2]).gather().tolist() == [1, 2] * world.size
    assert world.array(range(3)).dtype == np.int64
    assert world.array((1.5,)).gather().tolist() == [1.5] * world.size


def test_rows_without_bytes(world):
    array = world.array(np.empty((4, 0)))
    assert array.shape == (4 * world.size, 0)
    assert array.size == 0
    assert array.local.shape == (4, 0)


def test_it_does_not_pretend_to_be_local(world):
    array = world.array(np.arange(3))
    with pytest.raises(TypeError, match=r"use .local for this rank's piece, .gather\(\) for all"):
        np.asarray(array)
    assert repr(array) == f"<gpumpi.PartitionedArray ({3 * world.size},) int64 on {world.size} ranks>"


@pytest.mark.parametrize("dtype", SORTABLE)
@pytest.mark.parametrize("descending", [False, True])
def test_argsort_is_the_stable_order(world, rng, dtype, descending):
    values = some(rng, dtype, 300, few=True)
    borders = cut(rng, 300, world.size, "uneven")
    array = world.array(values[borders[world.rank] : borders[world.rank + 1]])
    order = array.argsort(descending=descending)
    assert order.dtype == np.int64
    assert np.array_equal(order.gather(), sort_order((values, descending)))


@pytest.mark.parametrize("how", CUTS)
@pytest.mark.parametrize("n", [0, 1, 2, 9])
def test_few_rows_wherever_they_are(world, rng, how, n):
    values = some(rng, "f8", n)
    borders = cut(rng, n, world.size, how)
    array = world.array(values[borders[world.rank] : borders[world.rank + 1]])
    order = sort_order((values, False))
    assert array.sort().gather().tobytes() == values[order].tobytes()
    assert array.argsort().gather().tolist() == order.tolist()
    assert array.sort(head=1).gather().tobytes() == values[order[:1]].tobytes()


@pytest.mark.parametrize("dtype", ["f4", "f8", "f2", ">f8"])
@pytest.mark.parametrize("descending", [False, True])
def test_both_zeros_and_every_nan_keep_their_bits_and_their_order(world, rng, dtype, descending):
    values = distributed(rng, dtype, 999, "few")
    plain = np.dtype(dtype).newbyteorder("=")
    bits = values.astype(plain).view(f"u{plain.itemsize}")
    missing = np.isnan(values)
    bits[missing] |= rng.integers(0, 2**9, int(missing.sum())).astype(bits.dtype)
    values = bits.view(plain).byteswap().view(dtype) if dtype.startswith(">") else bits.view(plain)
    array = world.array(np.array_split(values, world.size)[world.rank])
    found = array.sort(descending=descending).gather()
    assert found.tobytes() == values[sort_order((values, descending))].tobytes()


def test_sorting_leaves_the_array_as_it_is(world, rng):
    values = rng.integers(0, 9, 100)
    array = world.array(np.array_split(values, world.size)[world.rank])
    array.sort()
    array.argsort()
    assert np.array_equal(array.gather(), values)
