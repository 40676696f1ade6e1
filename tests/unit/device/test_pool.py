"""Buffers that come back by themselves, warm."""

import gc
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpumpi.device.pool import BufferPool

MIB = 1 << 20


def address(array):
    return array.ctypes.data


@pytest.mark.parametrize("n_bytes", [0, 1, 4095, 4096, 4097, MIB, 3 * MIB + 1])
def test_a_buffer_is_bytes_of_the_size_asked_and_writable(n_bytes):
    buffer = BufferPool().take(n_bytes)
    assert (buffer.dtype, buffer.shape) == (np.uint8, (n_bytes,))
    buffer[:] = 7
    assert int(buffer.sum(dtype=np.int64)) == 7 * n_bytes


@pytest.mark.parametrize("n_bytes", [4096, 4097, 100_000, 2 * MIB, 5 * MIB + 3])
def test_a_buffer_of_a_page_or_more_begins_at_a_page(n_bytes):
    assert address(BufferPool().take(n_bytes)) % 4096 == 0


def test_a_negative_size_is_refused():
    with pytest.raises(ValueError, match="negative"):
        BufferPool().take(-1)


def test_rows_are_a_buffer_in_shape():
    rows = BufferPool().rows(1000, 12)
    assert rows.shape == (1000, 12)
    assert rows.flags.c_contiguous
    assert BufferPool().rows(5, 0).shape == (5, 0)


def test_a_buffer_returns_when_its_last_view_dies():
    pool = BufferPool()
    buffer = pool.take(MIB)
    where = address(buffer)
    view = buffer[100:200].view(np.int32).reshape(5, 5)[::2]
    del buffer
    assert pool.kept_bytes == 0
    other = pool.take(MIB)
    assert address(other) != where, "a view still lives"
    view[:] = 1
    del view
    assert pool.kept_bytes == MIB
    assert address(pool.take(MIB)) == where
    assert pool.held_bytes == 2 * MIB


def test_a_buffer_in_a_cycle_returns_with_the_collection():
    pool = BufferPool()
    cycle = [pool.take(MIB)]
    cycle.append(cycle)
    del cycle
    gc.collect()
    assert pool.kept_bytes == MIB


def test_a_warm_buffer_keeps_what_was_in_it():
    pool = BufferPool()
    buffer = pool.take(MIB)
    buffer[:] = 3
    del buffer
    assert (pool.take(MIB) == 3).all(), "nobody cleaned it: that is what it is for"


@settings(derandomize=True, deadline=None)
@given(st.integers(4096, 1 << 40))
def test_near_sizes_share_a_class_that_wastes_little(n_bytes):
    from gpumpi.device.pool import _size_class

    size = _size_class(n_bytes)
    assert size % 4096 == 0
    huge = 2 * MIB if n_bytes > MIB else 0
    assert n_bytes <= size < n_bytes + max(4096, n_bytes / 7, huge)
    assert _size_class(size) == size, "a class is of its own class"


def test_a_smaller_request_takes_a_buffer_little_larger_and_leaves_a_much_larger_one():
    pool = BufferPool()
    where = address(pool.take(MIB))
    assert address(pool.take(MIB - 100_000)) == where
    assert pool.held_bytes == MIB
    small = pool.take(MIB // 2)
    assert address(small) != where
    assert pool.held_bytes == MIB + MIB // 2


def test_the_smallest_buffer_that_fits_is_taken():
    pool = BufferPool()
    buffers = [pool.take(n * MIB) for n in (10, 12, 14)]
    places = [address(buffer) for buffer in buffers]
    buffers.clear()
    assert [address(pool.take(n * MIB)) for n in (12, 10, 14)] == [places[1], places[0], places[2]]


@settings(derandomize=True, deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 300_000), st.booleans()), max_size=60))
def test_live_buffers_never_share_memory(requests):
    pool = BufferPool()
    live = []
    for number, (n_bytes, drop) in enumerate(requests):
        buffer = pool.take(n_bytes)
        assert buffer.size == n_bytes
        buffer[:] = number % 251
        live.append((number % 251, buffer))
        if drop:
            live.pop(len(live) // 2)
        del buffer
    assert all((buffer == mark).all() for mark, buffer in live)
    live.clear()
    assert pool.held_bytes == pool.kept_bytes


def test_no_more_is_kept_than_allowed_and_the_largest_goes_first():
    pool = BufferPool(keep_bytes=3 * MIB)
    large, small = pool.take(4 * MIB), pool.take(MIB)
    del small
    assert pool.kept_bytes == MIB
    del large
    assert (pool.kept_bytes, pool.held_bytes) == (MIB, MIB)


def test_trim_gives_back_what_waits_and_nothing_in_use():
    pool = BufferPool()
    used, waiting = pool.take(MIB), pool.take(MIB)
    del waiting
    used[:] = 9
    pool.trim()
    assert (pool.kept_bytes, pool.held_bytes) == (0, MIB)
    assert (used == 9).all()


def test_a_buffer_outlives_its_pool():
    pool = BufferPool()
    buffer = pool.take(MIB)
    del pool
    gc.collect()
    buffer[:] = 1
    assert buffer.sum() == MIB


def test_threads_take_and_drop_without_sharing_a_buffer():
    pool = BufferPool(keep_bytes=2 * MIB)
    wrong = []

    def work(mark):
        rng = np.random.default_rng(mark)
        for n_bytes in rng.integers(4096, 200_000, 300).tolist():
            buffer = pool.take(n_bytes)
            buffer[:] = mark
            view = buffer[1::2]
            del buffer
            if not (view == mark).all():
                wrong.append(mark)

    threads = [threading.Thread(target=work, args=(mark,)) for mark in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert pool.held_bytes == pool.kept_bytes <= 2 * MIB
