"""The stable order on words made to defeat each of its shortcuts."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpumpi.device import host_order
from gpumpi.device.host_order import stable_order
from gpumpi.device.pool import BufferPool

POOL = BufferPool()


def same(words):
    words = np.ascontiguousarray(words)
    before = words.copy()
    assert np.array_equal(stable_order(words, POOL), np.lexsort(words[::-1]))
    assert np.array_equal(words, before), "the words stay as they are"


@pytest.mark.parametrize("insertion_rows", [0, 1, 24])
def test_words_of_few_bits_anywhere(monkeypatch, insertion_rows):
    """With and without the insertion sort of short groups, so that every level is packed again."""
    monkeypatch.setattr(host_order, "_INSERTION_ROWS", insertion_rows)

    @settings(derandomize=True, deadline=None, max_examples=150)
    @given(
        st.integers(1, 3),
        st.integers(0, 70),
        st.lists(st.integers(0, 63), min_size=1, max_size=5),
        st.integers(0, 2**32 - 1),
    )
    def check(n_words, n_rows, bits, seed):
        rng = np.random.default_rng(seed)
        mask = np.uint64(sum(1 << bit for bit in set(bits)))
        same(rng.integers(0, 2**64, (n_words, n_rows), dtype=np.uint64) & mask)

    check()


@pytest.mark.parametrize("n_rows", [1, 2, 3, 4, 5, 127, 128, 129, 4095, 4096, 4097])
@pytest.mark.parametrize("n_words", [1, 2, 4])
def test_row_counts_around_powers_of_two(n_rows, n_words):
    rng = np.random.default_rng([n_rows, n_words])
    same(rng.integers(0, 2**64, (n_words, n_rows), dtype=np.uint64))
    same(rng.integers(0, 2**64, (n_words, n_rows), dtype=np.uint64) | np.uint64(2**64 - 2**12))
    same(rng.integers(0, 2, (n_words, n_rows), dtype=np.uint64) * np.uint64(2**64 - 1))


def test_words_that_differ_only_below_the_room_for_positions():
    rng = np.random.default_rng(3)
    low = rng.integers(0, 4, 5000, dtype=np.uint64)
    far = np.where(rng.random(5000) < 0.5, np.uint64(2**63), np.uint64(0))
    same((low | far)[None])
    same(np.vstack([np.full(5000, 2**64 - 1, np.uint64), low | far]))
    same(np.vstack([far, np.zeros(5000, np.uint64), low]))


def test_groups_that_stay_mixed_level_after_level():
    """Ties of every length in the first word, told apart only in the last bit of the last."""
    rng = np.random.default_rng(4)
    first = np.repeat(np.arange(60, dtype=np.uint64), np.arange(60) * 3)
    words = np.vstack([first, first >> np.uint64(1), rng.integers(0, 2, first.size, dtype=np.uint64)])
    same(words[:, rng.permutation(first.size)])
