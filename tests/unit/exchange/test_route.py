"""Where rows go in the messages: every byte once, and back."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from gpumpi.exchange.route import make_route, message_bytes, unpack

WIDTHS = st.lists(st.sampled_from([0, 1, 2, 3, 8, 17, 100]), min_size=1, max_size=4)


@st.composite
def cases(draw):
    n_ranks, partitions = draw(st.integers(1, 5)), draw(st.integers(1, 4))
    counts = draw(st.lists(st.integers(0, 20), min_size=n_ranks * partitions, max_size=n_ranks * partitions))
    return n_ranks, np.array(counts, np.int64), draw(WIDTHS)


@settings(derandomize=True, deadline=None)
@given(cases())
def test_the_places_of_all_rows_fill_each_column_of_each_message_without_overlap(case):
    n_ranks, counts, widths = case
    route = make_route(counts, n_ranks, widths)
    used = np.zeros(route.n_bytes, int)
    address = 7_000_000
    for column, width in enumerate(widths):
        targets = route.targets(column, address)
        assert targets.shape == counts.shape
        for partition, target in enumerate((targets - address).tolist()):
            rank = partition // (len(counts) // n_ranks)
            stop = target + counts[partition] * width
            used[target:stop] += 1
            assert route.message_starts[rank] <= target <= stop <= route.message_starts[rank + 1]
    assert used.max(initial=0) <= 1, "no byte twice"
    assert used.sum() == counts.sum() * sum(widths)
    assert route.n_bytes - used.sum() < 64 * len(widths) * n_ranks + 1, "only alignment is left over"


@settings(derandomize=True, deadline=None)
@given(cases())
def test_a_message_gives_back_the_rows_that_were_put_in(case):
    n_ranks, counts, widths = case
    rng = np.random.default_rng(int(counts.sum()))
    columns = [rng.integers(0, 256, (int(counts.sum()), width), dtype=np.uint8) for width in widths]
    route = make_route(counts, n_ranks, widths)
    memory = np.zeros(route.n_bytes, np.uint8)
    for column, rows in enumerate(columns):
        start = 0
        for target, count in zip(route.targets(column, 0).tolist(), counts.tolist(), strict=True):
            chunk = rows[start : start + count].ravel()
            memory[target : target + chunk.size] = chunk
            start += count
    start = 0
    for rank, n_rows in enumerate(route.rows.tolist()):
        message = memory[route.message_starts[rank] : route.message_starts[rank + 1]]
        assert message.size == message_bytes(n_rows, widths)
        for found, rows in zip(unpack(message, n_rows, widths), columns, strict=True):
            assert np.array_equal(found, rows[start : start + n_rows])
            assert found.base is not None, "a view"
        start += n_rows


def test_columns_of_a_message_are_aligned_for_any_lane():
    route = make_route(np.array([3, 5, 0, 1]), 2, [1, 8, 3])
    for column in range(3):
        assert (route.targets(column, 0).reshape(2, 2)[:, 0] % 64 == 0).all()


def test_a_block_without_rows_is_a_route_without_bytes():
    route = make_route(np.zeros(12, np.int64), 3, [8, 4])
    assert route.n_bytes == 0
    assert route.rows.tolist() == [0, 0, 0]
    assert route.message_starts.tolist() == [0, 0, 0, 0]


def test_messages_beyond_32_bits():
    route = make_route(np.array([2**33, 2**32]), 2, [100])
    assert route.message_starts.tolist() == [0, 100 * 2**33, 100 * 2**33 + 100 * 2**32]
    assert route.targets(0, 2**46).tolist() == [2**46, 2**46 + 100 * 2**33]
