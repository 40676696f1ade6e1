"""Both ways to look splitters up find the same partitions, whichever the device would choose."""

import bisect

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpumpi.device import host_lookup
from gpumpi.device.host_lookup import Table, Tree, make_lookup

EDGES = [0, 1, 2**32 - 1, 2**32, 2**63 - 1, 2**63, 2**64 - 2, 2**64 - 1]


@pytest.fixture(params=[Table, Tree])
def kind(request, monkeypatch):
    """Always the table, or always the tree."""
    limit = float("inf") if request.param is Table else -1.0
    monkeypatch.setattr(host_lookup, "_STEPS_WORTH_A_TREE", limit)
    return request.param


def expected(splitters, rows, first_row):
    return [bisect.bisect_right(splitters, (*words, first_row + i)) for i, words in enumerate(rows)]


def found(kind, splitters, rows, first_row):
    n_words = len(rows[0])
    words = np.array([s[:-1] for s in splitters], np.uint64).reshape(len(splitters), n_words).T
    lookup = make_lookup(np.ascontiguousarray(words), np.array([s[-1] for s in splitters], np.int64))
    assert isinstance(lookup, kind)
    block = np.ascontiguousarray(np.array(rows, np.uint64).reshape(len(rows), n_words).T)
    ids, counts = classified(lookup, block, first_row, len(splitters) + 1)
    assert np.array_equal(counts, np.bincount(ids, minlength=len(splitters) + 1))
    again, _ = classified(lookup, block, first_row, len(splitters) + 1)
    assert np.array_equal(ids, again), "a lookup keeps nothing from one block to the next"
    return ids.tolist()


def classified(lookup, block, first_row, n_partitions):
    ids, counts = np.full(block.shape[1], 0xEEEE, np.uint16), np.zeros(n_partitions, np.int64)
    lookup.classify(block, first_row, ids, counts)
    return ids, counts


@pytest.mark.parametrize("n_words", [1, 2, 3])
def test_the_lookup_says_how_many_splitters_are_not_above(kind, n_words):
    key = st.tuples(*[st.sampled_from(EDGES) for _ in range(n_words)])
    tied = st.integers(98, 112) | st.just(-1)

    @settings(derandomize=True, deadline=None, max_examples=150)
    @given(
        st.lists(st.tuples(key, tied), min_size=1, max_size=25).map(lambda s: sorted((*k, r) for k, r in s)),
        st.lists(key, min_size=1, max_size=12),
    )
    def check(splitters, rows):
        assert found(kind, splitters, rows, 100) == expected(splitters, rows, 100)

    check()


@pytest.mark.parametrize("spread", [1, 2**20, 2**63, 2**64 - 1])
@pytest.mark.parametrize("n_splitters", [1, 2, 63, 64, 65, 4095])
def test_many_splitters_of_any_spread(kind, spread, n_splitters):
    rng = np.random.default_rng([spread % 2**32, n_splitters])
    splitters = sorted((int(w), -1) for w in rng.integers(0, spread, n_splitters, dtype=np.uint64, endpoint=True))
    rows = [(int(w),) for w in rng.integers(0, spread, 300, dtype=np.uint64, endpoint=True)]
    rows += [(w,) for w, _ in splitters[:50]] + [(0,), (2**64 - 1,)]
    assert found(kind, splitters, rows, 0) == expected(splitters, rows, 0)
