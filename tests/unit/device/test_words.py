"""Words order as values do: every value of the small types, the borders of the large ones."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from oracles import SORTABLE, sort_order

from gpumpi.device.host import HostDevice
from gpumpi.keys import plan_keys
from gpumpi.schema import Column

DEVICE = HostDevice()


def as_bytes(values):
    return np.ascontiguousarray(values).view(np.uint8).reshape(len(values), -1)


def words_of(values, descending=False):
    plan = plan_keys([f"c:{'desc' if descending else 'asc'}"], [Column("c", values.dtype)])
    return DEVICE.words([as_bytes(values)], plan)


@pytest.mark.parametrize("dtype", ["i1", "u1", "i2", ">i2", "u2", "f2", ">f2"])
@pytest.mark.parametrize("descending", [False, True])
def test_every_value_of_a_small_type_is_in_its_place(dtype, descending):
    bits = np.arange(1 << 8 * np.dtype(dtype).itemsize).astype(f"u{np.dtype(dtype).itemsize}")
    values = np.random.default_rng(1).permutation(bits).view(np.dtype(dtype).newbyteorder("=")).astype(dtype)
    words = words_of(values, descending)
    assert np.array_equal(np.lexsort(words[::-1]), sort_order((values, descending)))
    assert np.array_equal(DEVICE.order(words), sort_order((values, descending)))


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", ">f8"])
@pytest.mark.parametrize("descending", [False, True])
def test_values_that_are_equal_have_equal_words_and_only_they(dtype, descending):
    nan = np.array([np.nan, -np.nan], dtype)
    (words,) = words_of(np.concatenate([np.array([0.0, -0.0, np.inf, -np.inf, 1], dtype), nan]), descending)
    assert words[0] == words[1]
    assert words[5] == words[6] == words.max()
    assert len(set(words.tolist())) == 5, "NaN is not infinity"


def test_nan_of_every_payload_is_last_and_equal():
    bits = np.array([0x7FF0000000000001, 0xFFF0000000000001, 0x7FF8000000000000, 0xFFFFFFFFFFFFFFFF], np.uint64)
    for descending in (False, True):
        (words,) = words_of(bits.view(np.float64), descending)
        assert (words == np.uint64(2**64 - 1)).all()


@pytest.mark.parametrize("dtype", ["M8[ns]", "m8[D]", ">M8[us]"])
@pytest.mark.parametrize("descending", [False, True])
def test_nat_is_last_and_the_extreme_times_are_not_it(dtype, descending):
    numbers = np.array([2**63 - 1, -(2**63), -(2**63) + 1, 0, -1], np.int64)
    values = numbers.view(np.dtype(dtype).newbyteorder("=")).astype(dtype)
    (words,) = words_of(values, descending)
    expected = [0, 3, 4, 2, 1] if descending else [2, 4, 3, 0, 1]
    assert np.argsort(words).tolist() == expected
    assert len(set(words.tolist())) == 5


@settings(derandomize=True, deadline=None, max_examples=200)
@given(st.data())
def test_any_values_of_any_type_in_either_direction(data):
    dtype = np.dtype(data.draw(st.sampled_from(SORTABLE)))
    n = data.draw(st.integers(1, 30))
    values = np.frombuffer(data.draw(st.binary(min_size=n * dtype.itemsize, max_size=n * dtype.itemsize)), dtype)
    if dtype.kind == "b":
        values = values.view(np.uint8) % 2 == 1
    descending = data.draw(st.booleans())
    assert np.array_equal(DEVICE.order(words_of(values, descending)), sort_order((values, descending)))


@settings(derandomize=True, deadline=None, max_examples=60)
@given(
    hnp.arrays(np.uint8, st.tuples(st.integers(1, 20), st.just(17)), elements=st.sampled_from([0, 1, 127, 128, 255]))
)
def test_strings_compare_as_unsigned_bytes(letters):
    values = letters.view("S17").ravel()
    expected = sorted(range(len(letters)), key=lambda i: letters[i].tobytes())
    assert DEVICE.order(words_of(values)).tolist() == expected
