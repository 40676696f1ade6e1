"""Which rank holds which rows, against counting on fingers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpumpi.array.layout import Layout

COUNTS = st.lists(st.integers(0, 6), min_size=1, max_size=8)


@settings(derandomize=True, deadline=None)
@given(st.integers(0, 10**13), st.integers(1, 300))
def test_an_even_layout_holds_all_rows_and_differs_by_one_at_most(n_rows, n_ranks):
    layout = Layout.even(n_rows, n_ranks)
    assert len(layout.counts) == n_ranks
    assert sum(layout.counts) == layout.n_global == n_rows
    assert max(layout.counts) - min(layout.counts) <= 1


@settings(derandomize=True, deadline=None)
@given(COUNTS)
def test_every_row_belongs_to_the_rank_that_counts_it(counts):
    layout = Layout(tuple(counts))
    owners = [rank for rank, count in enumerate(counts) for _ in range(count)]
    assert layout.owner_of(range(len(owners))).tolist() == owners
    assert layout.offsets == tuple(sum(counts[:rank]) for rank in range(len(counts) + 1))
    shuffled = np.random.default_rng(0).permutation(len(owners))
    found = layout.owner_of(shuffled)
    assert found.dtype == np.int64
    assert found.tolist() == [owners[row] for row in shuffled]


@settings(derandomize=True, deadline=None)
@given(COUNTS, st.integers(-3, 60))
def test_a_row_that_is_not_there_is_refused_by_number(counts, row):
    layout = Layout(tuple(counts))
    if 0 <= row < sum(counts):
        assert layout.owner_of([row]).size == 1
        return
    with pytest.raises(IndexError, match=f"row {row} is not one of the {sum(counts)} rows"):
        layout.owner_of([0] * bool(sum(counts)) + [row])


def test_no_row_asked_for_is_no_answer():
    assert Layout((0, 0)).owner_of([]).shape == (0,)
    assert Layout((3,)).owner_of(np.empty(0, np.int64)).shape == (0,)


def test_rows_beyond_32_bits():
    layout = Layout((2**40, 0, 2**41, 1))
    assert layout.offsets == (0, 2**40, 2**40, 3 * 2**40, 3 * 2**40 + 1)
    assert layout.owner_of([2**40 - 1, 2**40, 3 * 2**40 - 1, 3 * 2**40]).tolist() == [0, 2, 2, 3]
    assert all(type(offset) is int for offset in layout.offsets), "they go into messages and file offsets"


@pytest.mark.parametrize(
    ("counts", "imbalance"), [((5, 5), 1), ((10, 0), 2), ((0, 0, 0), 1), ((1,), 1), ((3, 2, 1), 1.5)]
)
def test_imbalance_is_the_largest_share_over_the_mean(counts, imbalance):
    assert Layout(counts).imbalance == imbalance


def test_layouts_are_values():
    assert Layout((1, 2)) == Layout((1, 2))
    assert Layout((1, 2)) != Layout((2, 1))
    assert hash(Layout((1, 2))) == hash(Layout((1, 2)))
