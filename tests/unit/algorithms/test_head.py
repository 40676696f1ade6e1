"""The first rows of one rank, without a sort of the others."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import sort_order

from gpumpi.algorithms.sort.head import first_rows
from gpumpi.array.content import ArrayContent, as_rows
from gpumpi.device.host import HostDevice
from gpumpi.keys import plan_keys
from gpumpi.schema import Column, Schema
from gpumpi.trace import Trace

DEVICE = HostDevice()


def found(values, payload, n, block_rows, descending=False):
    columns = (Column("k", values.dtype), Column("p", payload.dtype, payload.shape[1:]))
    plan = plan_keys(["k:desc" if descending else "k"], columns)
    content = ArrayContent([as_rows(values), as_rows(payload)])
    kept = first_rows(DEVICE, content, Schema(columns, len(values)), plan, n, block_rows, Trace())
    return [rows.tobytes() for rows in kept.columns]


def expected(values, payload, n, descending=False):
    chosen = np.sort(sort_order((values, descending))[:n])
    return [values[chosen].tobytes(), payload[chosen].tobytes()]


@settings(derandomize=True, deadline=None, max_examples=200)
@given(
    st.lists(st.sampled_from([0.0, -0.0, np.nan, -np.inf, 1.5, 2.5, -3.0]), max_size=60),
    st.integers(0, 70),
    st.integers(1, 20),
    st.booleans(),
)
def test_they_are_the_first_of_the_stable_order_in_input_order(values, n, block_rows, descending):
    values = np.array(values, np.float64)
    payload = np.arange(3 * len(values), dtype=np.int32).reshape(-1, 3)
    assert found(values, payload, n, block_rows, descending) == expected(values, payload, n, descending)


@pytest.mark.parametrize("shape", ["falling", "rising", "equal", "random"])
@pytest.mark.parametrize("n", [0, 1, 10, 999, 1000, 5000])
def test_however_often_the_bound_falls(shape, n):
    rng = np.random.default_rng(1)
    values = {
        "falling": np.arange(5000)[::-1].copy(), "rising": np.arange(5000), "equal": np.zeros(5000, int),
        "random": rng.integers(0, 300, 5000),
    }[shape]  # fmt: skip
    payload = rng.bytes(35_000)
    payload = np.frombuffer(payload, "S7")
    assert found(values, payload, n, 64) == expected(values, payload, n)
