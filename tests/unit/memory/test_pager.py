"""Rows go in by partition in any order of blocks, and come out in input order."""

import contextlib
import gc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpumpi.device.host import HostDevice
from gpumpi.errors import UserError
from gpumpi.memory.budget import Budget
from gpumpi.memory.page import column_starts
from gpumpi.memory.pager import Pager

DEVICE = HostDevice()
UNLIMITED = 1 << 40


def a_pager(widths=(4,), n_partitions=3, page_rows=10, limit_bytes=UNLIMITED, device=DEVICE):
    budget = Budget(limit_bytes)
    return Pager(device, budget, widths, n_partitions, page_rows), budget


def block(rng, widths, counts):
    return [rng.integers(0, 256, (int(np.sum(counts)), width), dtype=np.uint8) for width in widths]


def taken(pager, partition, column, width):
    out = np.full((int(pager.rows[partition]), width), 0xEE, np.uint8)
    pager.read(partition, column, out)
    return out


@settings(derandomize=True, deadline=None, max_examples=120)
@given(st.data())
def test_what_goes_in_by_blocks_in_any_order_comes_out_in_input_order(data):
    widths = data.draw(st.lists(st.sampled_from([0, 1, 3, 4, 8, 100]), min_size=1, max_size=3))
    n_partitions = data.draw(st.integers(1, 4))
    page_rows = data.draw(st.integers(1, 9))
    counts = data.draw(st.lists(st.lists(st.integers(0, 12), min_size=n_partitions, max_size=n_partitions), max_size=7))
    arrival = data.draw(st.permutations(range(len(counts))))
    rng = np.random.default_rng(len(counts))
    pager, budget = a_pager(widths, n_partitions, page_rows)
    blocks = [block(rng, widths, c) for c in counts]
    expected = [[[] for _ in widths] for _ in range(n_partitions)]
    for columns, of_each in zip(blocks, counts, strict=True):
        borders = np.concatenate([[0], np.cumsum(of_each, dtype=np.int64)])
        for p in range(n_partitions):
            for c, rows in enumerate(columns):
                expected[p][c].append(rows[borders[p] : borders[p + 1]].copy())
    for number in arrival:
        pager.append(1000 * number, blocks[number], np.array(counts[number], np.int64))
    for rows in blocks:
        for column in rows:
            column[:] = 0xAA  # the pager has its own copy
    assert pager.rows.tolist() == np.sum(counts, axis=0, dtype=int).tolist() if counts else not pager.rows.any()
    for p in range(n_partitions):
        for c, width in enumerate(widths):
            whole = np.concatenate([np.empty((0, width), np.uint8), *expected[p][c]])
            assert np.array_equal(taken(pager, p, c, width), whole)
            assert np.array_equal(taken(pager, p, c, width), whole), "reading takes nothing away"
    page_bytes = column_starts(widths, page_rows)[1]
    pages = sum(-(-n // page_rows) for n in pager.rows.tolist())
    assert budget.held_bytes == budget.peak_bytes == pages * page_bytes


@pytest.mark.parametrize("n_rows", [9, 10, 11, 20, 21])
def test_rows_around_the_end_of_a_page(n_rows):
    pager, budget = a_pager()
    rng = np.random.default_rng(n_rows)
    (rows,) = block(rng, (4,), [n_rows])
    counts = np.array([0, n_rows, 0])
    pager.append(0, [rows], counts)
    pager.append(n_rows, [rows[::-1].copy()], counts)
    assert np.array_equal(taken(pager, 1, 0, 4), np.concatenate([rows, rows[::-1]]))
    assert budget.held_bytes == -(-2 * n_rows // 10) * column_starts((4,), 10)[1]


def test_first_rows_beyond_32_bits_order_blocks_too():
    pager, _ = a_pager(widths=(1,), n_partitions=1)
    for first_row in (2**40, 5, 2**33, 2**40 - 1):
        pager.append(first_row, [np.full((2, 1), first_row % 251, np.uint8)], np.array([2]))
    assert taken(pager, 0, 0, 1)[::2, 0].tolist() == [n % 251 for n in (5, 2**33, 2**40 - 1, 2**40)]


def test_dropping_gives_the_budget_back_and_forgets_the_rows():
    pager, budget = a_pager()
    rows = block(np.random.default_rng(1), (4,), [25, 3, 0])
    pager.append(0, rows, np.array([25, 3, 0]))
    page_bytes = column_starts((4,), 10)[1]
    assert budget.held_bytes == 4 * page_bytes
    pager.drop(0)
    assert budget.held_bytes == page_bytes
    pager.drop(0)
    pager.drop(2)
    assert budget.held_bytes == page_bytes, "dropping what is not there changes nothing"
    assert np.array_equal(taken(pager, 1, 0, 4), rows[0][25:])
    pager.drop(1)
    assert (budget.held_bytes, budget.peak_bytes) == (0, 4 * page_bytes)


def test_a_dropped_page_is_used_again_by_others_only():
    device = HostDevice()
    pager, _ = a_pager(widths=(64,), n_partitions=2, page_rows=70_000, device=device)
    rows = block(np.random.default_rng(1), (64,), [105_000])
    pager.append(0, rows, np.array([105_000, 0]))
    pager.drop(0)
    gc.collect()
    kept_bytes = device.pool.kept_bytes
    assert kept_bytes >= 2 * 64 * 70_000
    others = [device.pool.take(64 * 70_000) for _ in range(2)]
    assert device.pool.kept_bytes == kept_bytes - sum(map(_whole, others))
    for other in others:
        other[:] = 0x55
    with contextlib.suppress(ValueError):  # it may refuse
        pager.append(105_000, [rows[0][:100]], np.array([100, 0]))
    assert all((other == 0x55).all() for other in others), "rows went into memory that was given back"


def _whole(buffer):
    """Bytes of the buffer that an array is a view of."""
    base = buffer
    while isinstance(base.base, np.ndarray):
        base = base.base
    return base.size


def test_a_page_too_many_is_refused_and_what_is_there_stays():
    page_bytes = column_starts((4,), 10)[1]
    pager, budget = a_pager(limit_bytes=2 * page_bytes)
    (rows,) = block(np.random.default_rng(1), (4,), [20])
    pager.append(0, [rows], np.array([10, 10, 0]))
    with pytest.raises(UserError, match="a page of rows needs 64 B of host memory; 128 B of 128 B are held"):
        pager.append(20, [rows[:1]], np.array([0, 0, 1]))
    assert budget.held_bytes == 2 * page_bytes
    assert np.array_equal(taken(pager, 0, 0, 4), rows[:10])
    pager.drop(0)
    pager.append(30, [rows[:1]], np.array([0, 1, 0]))
    assert np.array_equal(taken(pager, 1, 0, 4), np.concatenate([rows[10:], rows[:1]]))


def test_a_pager_that_nobody_wants_any_more_gives_its_budget_back():
    pager, budget = a_pager()
    pager.append(0, block(np.random.default_rng(1), (4,), [25, 3, 0]), np.array([25, 3, 0]))
    del pager
    gc.collect()
    assert budget.held_bytes == 0, "its pages are gone, so nothing is held"
