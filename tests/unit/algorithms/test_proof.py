"""Digests add up, and order is watched across blocks and ranks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpumpi.algorithms.proof import (
    Digest,
    OrderWatch,
    first_disorder_over_ranks,
    key_words,
    out_of_order,
    require_order,
    require_same,
)
from gpumpi.device.host import HostDevice
from gpumpi.errors import LostRows
from gpumpi.keys import plan_keys
from gpumpi.schema import Column

DEVICE = HostDevice()
SMALL_WORDS = st.integers(1, 2).flatmap(
    lambda n_words: st.lists(st.tuples(*[st.integers(0, 3)] * n_words), max_size=30).map(
        lambda rows: np.array(rows, np.uint64).reshape(len(rows), n_words)
    )
)


class OtherRanks:
    """A fabric whose ranks have said what they say already."""

    def __init__(self, said):
        self.said = said

    def collect(self, mine):
        return self.said


def first_wrong(rows, strictly):
    """The first row that should not follow the one before it, -1 if none: by Python's tuples."""
    keys = [tuple(row) for row in rows.tolist()]
    wrong = (i for i in range(1, len(keys)) if keys[i] < keys[i - 1] or (strictly and keys[i] == keys[i - 1]))
    return next(wrong, -1)


def words_of(rows):
    return np.ascontiguousarray(rows.T)


@settings(derandomize=True, deadline=None, max_examples=300)
@given(SMALL_WORDS, st.booleans(), st.lists(st.integers(0, 30), max_size=5), st.booleans())
def test_the_first_row_out_of_order_is_found_however_rows_are_cut(rows, strictly, cuts, presorted):
    if presorted:
        rows = rows[np.lexsort(rows.T[::-1])]
    watch = OrderWatch(strictly)
    for block in np.split(rows, np.sort(cuts)):
        watch.add(DEVICE, words_of(block))
    assert watch.disorder == first_wrong(rows, strictly)
    assert watch.n_rows == len(rows)
    if len(rows):
        assert watch.first.tolist() == rows[0].tolist()
        assert watch.last.tolist() == rows[-1].tolist()
    else:
        assert watch.first is watch.last is None


@settings(derandomize=True, deadline=None, max_examples=300)
@given(SMALL_WORDS, st.booleans(), st.lists(st.integers(0, 30), max_size=4), st.booleans())
def test_the_first_row_out_of_order_over_ranks_is_the_one_of_all_rows(rows, strictly, cuts, presorted):
    """Ranks without rows between others included."""
    if presorted:
        rows = rows[np.lexsort(rows.T[::-1])]
    watches = []
    for piece in np.split(rows, np.sort(cuts)):
        watches.append(OrderWatch(strictly))
        watches[-1].add(DEVICE, words_of(piece))
    ranks = OtherRanks([(w.n_rows, w.disorder, w.first, w.last) for w in watches])
    assert first_disorder_over_ranks(ranks, watches[0]) == first_wrong(rows, strictly)


def test_a_watch_keeps_no_hold_on_the_words_it_has_seen():
    words = np.array([[1, 2]], np.uint64)
    watch = OrderWatch()
    watch.add(DEVICE, words)
    words[:] = 99
    watch.add(DEVICE, np.array([[2]], np.uint64))
    assert watch.disorder == -1
    assert watch.first.tolist() == [1]


@pytest.mark.parametrize(
    ("before", "after", "loosely", "strictly"),
    [
        ([1], [2], False, False), ([2], [2], False, True), ([3], [2], True, True),
        ([1, 5], [1, 6], False, False), ([1, 5], [1, 5], False, True), ([1, 5], [1, 4], True, True),
        ([1, 5], [2, 0], False, False), ([2, 0], [1, 5], True, True),
        ([2**63 - 1], [2**63], False, False), ([2**64 - 1], [0], True, True),
    ],
)  # fmt: skip
def test_rows_follow_each_other_as_unsigned_words(before, after, loosely, strictly):
    words = [np.array(word, np.uint64) for word in (before, after)]
    assert out_of_order(*words, False) == loosely
    assert out_of_order(*words, True) == strictly


@settings(derandomize=True, deadline=None)
@given(st.integers(0, 50), st.lists(st.integers(0, 50), max_size=4), st.integers(0, 2**32))
def test_a_digest_of_blocks_is_that_of_the_whole_in_any_order(n_rows, cuts, seed):
    rng = np.random.default_rng(seed)
    columns = [rng.integers(0, 256, (n_rows, width), dtype=np.uint8) for width in (8, 3)]
    whole, parts = Digest(), Digest()
    whole.add(DEVICE, columns)
    order = rng.permutation(n_rows)
    for rows in np.split(order, np.sort(cuts)):
        parts.add(DEVICE, [column[rows] for column in columns])
    assert parts == whole
    assert whole.n_rows == n_rows
    assert 0 <= whole.fingerprint < 2**64


def test_a_digest_tells_a_lost_a_doubled_and_a_changed_row():
    rng = np.random.default_rng(1)
    rows = rng.integers(0, 256, (100, 5), dtype=np.uint8)

    def digest(*columns):
        found = Digest()
        found.add(DEVICE, columns)
        return found

    changed, doubled, swapped = rows.copy(), rows.copy(), rows.copy()
    changed[50, 2] ^= 1
    doubled[3] = rows[4]
    swapped[[3, 4], 0] = rows[[4, 3], 0]
    others = [changed, doubled, swapped, rows[1:], np.concatenate([rows, np.zeros((1, 5), np.uint8)])]
    assert all(digest(other) != digest(rows) for other in others)
    assert len({digest(rows).fingerprint for rows in [rows, *others[:4]]}) == 5, "not by their number alone"
    halves = rows[:, :2].copy(), rows[:, 2:].copy()
    assert digest(*halves) != digest(halves[1], halves[0])


def test_rows_that_came_through_are_no_error():
    require_same(Digest(3, 5), Digest(3, 5))
    require_order(-1)


@pytest.mark.parametrize("written", [Digest(3, 6), Digest(2, 5)])
def test_lost_rows_are_told_with_both_counts_and_fingerprints(written):
    with pytest.raises(LostRows, match=r"3 rows with fingerprint 0000000000000005 were read, \d with 000000000000000"):
        require_same(Digest(3, 5), written)


@pytest.mark.parametrize("row", [0, 5])
def test_a_row_out_of_order_is_told_by_number(row):
    with pytest.raises(LostRows, match=f"row {row} of the result is out of order"):
        require_order(row)


@pytest.mark.parametrize("dtype", ["i4", "S20"])
def test_the_words_of_no_rows_are_no_words(dtype):
    plan = plan_keys(["c"], [Column("c", np.dtype(dtype))])
    assert key_words(DEVICE, [np.empty((0, np.dtype(dtype).itemsize), np.uint8)], plan).shape == (plan.n_words, 0)
