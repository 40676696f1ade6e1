"""Columns side by side in one buffer."""

from hypothesis import given, settings
from hypothesis import strategies as st

from gpumpi.memory.page import column_starts


@settings(derandomize=True, deadline=None)
@given(st.lists(st.integers(0, 300), min_size=1, max_size=12), st.integers(0, 10**9))
def test_columns_are_aligned_in_order_and_apart(widths, n_rows):
    starts, n_bytes = column_starts(widths, n_rows)
    ends = [start + width * n_rows for start, width in zip(starts, widths, strict=True)]
    assert all(start % 64 == 0 for start in starts)
    assert all(end <= following < end + 64 for end, following in zip(ends, [*starts[1:], n_bytes], strict=True))
    assert starts[0] == 0
