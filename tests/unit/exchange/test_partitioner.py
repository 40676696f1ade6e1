"""Splitters part any keys evenly, ties by row number included."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpumpi.algorithms.sort import plan as plan_module
from gpumpi.exchange.partitioner import EVERY_ROW, range_partitioner, sample_positions
from gpumpi.schema import Column, Schema

N_ROWS = 1 << 20


def partition_of(words, rows, partitioner):
    """Number of splitters not above each row, by NumPy's own sort of rows and splitters together."""
    all_words = np.concatenate([partitioner.words, words], axis=1)
    all_rows = np.concatenate([partitioner.rows, rows])
    is_row = np.arange(all_rows.size) >= partitioner.rows.size
    order = np.lexsort((is_row, all_rows, *all_words[::-1]))
    below = np.cumsum(~is_row[order])
    found = np.empty(all_rows.size, np.int64)
    found[order] = below
    return found[partitioner.rows.size :]


def ordered_sample(words, rows):
    order = np.lexsort((rows, *words[::-1]))
    return np.ascontiguousarray(words[:, order]), rows[order]


def sampled(words, n_partitions, n_blocks, block_rows, seed=5):
    starts = sample_positions(words.shape[1], n_blocks, block_rows, seed)
    rows = (starts[:, None] + np.arange(block_rows)).ravel()
    return range_partitioner(*ordered_sample(words[:, rows], rows), n_partitions)


def keys(shape, n=N_ROWS):
    rng = np.random.default_rng(11)
    uniform = rng.integers(0, 2**64, n, dtype=np.uint64)
    return {
        "uniform": lambda: uniform,
        "all equal": lambda: np.full(n, 42, np.uint64),
        "zipf": lambda: rng.zipf(1.2, n).astype(np.uint64),
        "three values": lambda: rng.integers(0, 3, n).astype(np.uint64),
        "two values, one rare": lambda: (rng.random(n) < 0.01).astype(np.uint64),
        "sorted": lambda: np.sort(uniform),
        "reverse": lambda: np.sort(uniform)[::-1].copy(),
        "runs of equal keys": lambda: np.repeat(rng.integers(0, 1000, n // 4).astype(np.uint64), 4),
        "half one value": lambda: np.where(rng.random(n) < 0.5, np.uint64(7), uniform),
        "periodic": lambda: (np.arange(n) % 4096).astype(np.uint64),
        "shuffled runs of neighbours": lambda: (
            rng.permutation(n // 64).astype(np.uint64)[:, None] * np.uint64(64) + np.arange(64, dtype=np.uint64)
        ).ravel(),
    }[shape]()


SHAPES = [
    "uniform", "all equal", "zipf", "three values", "two values, one rare", "sorted", "reverse", "runs of equal keys",
    "half one value", "periodic", "shuffled runs of neighbours",
]  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
def test_no_rank_gets_more_than_a_tenth_over_its_share(shape):
    words = keys(shape)[None]
    rows = np.arange(N_ROWS)
    for n_partitions in (2, 5, 16):
        partitioner = sampled(words, n_partitions, 4096, 16)
        counts = np.bincount(partition_of(words, rows, partitioner), minlength=n_partitions)
        assert counts.sum() == N_ROWS
        assert counts.max() * n_partitions / N_ROWS <= 1.1, counts.tolist()


@pytest.mark.parametrize("n_ranks", [2, 8, 64])
def test_rows_that_lie_in_runs_of_neighbours_are_parted_evenly_too(n_ranks):
    """As particles do that were written cell by cell: rows that lie together are worth one row of a sample."""
    n_rows = 1 << 22
    table = Schema((Column("k", np.dtype("u8")),), n_rows)
    plan = plan_module.make_plan(table, ["k"], n_ranks)
    run = plan.sample_block_rows
    starts = np.random.default_rng(3).permutation(n_rows // run).astype(np.uint64) * np.uint64(run)
    words = (starts[:, None] + np.arange(run, dtype=np.uint64)).ravel()[None]
    partitioner = sampled(words, n_ranks, plan.sample_blocks, plan.sample_block_rows)
    counts = np.bincount(np.searchsorted(partitioner.words[0], words[0], "right"), minlength=n_ranks)
    assert counts.max() * n_ranks / n_rows <= 1.1, counts.tolist()


@settings(derandomize=True, deadline=None, max_examples=200)
@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2)), min_size=0, max_size=40),
    st.integers(1, 20),
)
def test_splitters_ascend_are_of_the_sample_and_part_all_rows_in_order(pairs, n_partitions):
    words = np.array(pairs, np.uint64).reshape(-1, 2).T.copy()
    rows = np.arange(len(pairs)) * 3
    partitioner = range_partitioner(*ordered_sample(words, rows), n_partitions)
    assert partitioner.n_partitions == (n_partitions if pairs else 1)
    found = list(zip(*partitioner.words.tolist(), partitioner.rows.tolist(), strict=True)) if pairs else []
    assert found == sorted(found)
    for *key, row in found:
        mine = [i for i, pair in enumerate(pairs) if list(pair) == key]
        assert mine, "a splitter is a key of the sample"
        assert row in [3 * i for i in mine] or (row == EVERY_ROW and len(mine) == 1)
    if pairs:
        ids = partition_of(words, rows, partitioner)[np.lexsort((rows, *words[::-1]))]
        assert (np.diff(ids) >= 0).all(), "partitions are ranges of (key, row)"


def test_a_key_that_fills_the_sample_is_parted_by_row():
    rows = np.arange(0, 1000, 10)
    partitioner = range_partitioner(np.zeros((1, 100), np.uint64), rows, 4)
    assert partitioner.rows.tolist() == [250, 500, 750]
    assert np.bincount(partition_of(np.zeros((1, 1000), np.uint64), np.arange(1000), partitioner)).tolist() == [250] * 4


def test_keys_that_are_all_different_are_parted_without_rows():
    words = np.arange(100, dtype=np.uint64)[None]
    partitioner = range_partitioner(words, np.random.default_rng(1).permutation(100), 4)
    assert (partitioner.rows == EVERY_ROW).all()
    assert partitioner.words.tolist() == [[25, 50, 75]]


@pytest.mark.parametrize("n_partitions", [1, 3])
def test_an_empty_sample_or_a_single_partition_needs_no_splitter(n_partitions):
    for n_sampled in (0, 5 if n_partitions == 1 else 0):
        words = np.zeros((2, n_sampled), np.uint64)
        partitioner = range_partitioner(words, np.arange(n_sampled), n_partitions)
        assert partitioner.n_partitions == 1
        assert partitioner.words.shape == (2, 0)


def test_more_partitions_than_samples_leave_some_empty():
    partitioner = range_partitioner(np.array([[5, 9]], np.uint64), np.array([0, 1]), 8)
    assert partitioner.n_partitions == 8
    ids = partition_of(np.array([[4, 5, 8, 9, 10]], np.uint64), np.arange(5), partitioner)
    assert ids[0] == 0
    assert ids[-1] == 7


@settings(derandomize=True, deadline=None, max_examples=300)
@given(st.integers(0, 10**6), st.integers(1, 5000), st.integers(1, 200), st.integers(0, 2**31))
def test_sampled_blocks_lie_in_the_rows_and_apart(n_rows, n_blocks, block_rows, seed):
    starts = sample_positions(n_rows, n_blocks, block_rows, seed)
    assert starts.dtype == np.int64
    assert starts.size == (max(1, min(n_blocks, n_rows // block_rows)) if n_rows else 0)
    assert (np.diff(starts) >= block_rows).all()
    if n_rows >= block_rows:
        assert (starts >= 0).all()
        assert (starts + block_rows <= n_rows).all()
    else:
        assert starts.tolist() == [0] * min(1, n_rows), "a table smaller than a block is one block, cut short"
    assert np.array_equal(starts, sample_positions(n_rows, n_blocks, block_rows, seed)), "replays"


def test_every_part_of_the_rows_is_sampled():
    starts = sample_positions(10**9, 1000, 16, 1)
    assert (starts // 10**6 == np.arange(1000)).all()
    assert len(np.unique(starts % 10**6)) > 900, "at random places, so that no period of the data is met"


def test_positions_beyond_32_bits():
    starts = sample_positions(10**13, 262_144, 16, 1)
    assert (starts >= 0).all()
    assert starts[-1] > 10**13 - 10**8
