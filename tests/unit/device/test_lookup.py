"""All kinds of cells find the same partitions, whichever the device would choose."""

import bisect
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpumpi.device.host_lookup import DoublingCells, EqualCells, NestedCells, make_lookup

EDGES = [0, 1, 2**32 - 1, 2**32, 2**63 - 1, 2**63, 2**64 - 2, 2**64 - 1]


@pytest.fixture(params=[EqualCells, DoublingCells, NestedCells])
def kind(request):
    return request.param


def expected(splitters, rows, first_row):
    return [bisect.bisect_right(splitters, (*words, first_row + i)) for i, words in enumerate(rows)]


def found(kind, splitters, rows, first_row):
    n_words = len(rows[0])
    words = np.array([s[:-1] for s in splitters], np.uint64).reshape(len(splitters), n_words).T
    lookup = make_lookup(np.ascontiguousarray(words), np.array([s[-1] for s in splitters], np.int64))
    lookup = replace(lookup, cells=kind.of(np.unique(words[0])))
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

    @settings(derandomize=True, deadline=None, max_examples=60)
    @given(
        st.lists(st.tuples(key, tied), max_size=25).map(lambda s: sorted((*k, r) for k, r in s)),
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


@pytest.mark.parametrize("base", [0, 2**40, 2**64 - 2**20])
@pytest.mark.parametrize("n_splitters", [3, 500])
def test_splitters_in_crowds_far_apart(kind, base, n_splitters):
    """As skewed keys give: most splitters in a sliver of the range, a few at its ends."""
    rng = np.random.default_rng([base % 2**32, n_splitters])
    crowd = [base + step for step in rng.integers(0, 2**12, n_splitters).tolist()]
    splitters = sorted((int(w), -1) for w in {0, 2**64 - 1, *crowd})
    rows = [(w + d,) for w, _ in splitters for d in (-1, 0, 1) if 0 <= w + d < 2**64]
    assert found(kind, splitters, rows, 0) == expected(splitters, rows, 0)
