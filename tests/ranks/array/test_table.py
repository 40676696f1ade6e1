"""Tables of columns."""

import numpy as np
import pytest

from gpumpi import Layout, Table, World
from gpumpi.trace import Trace

pytestmark = pytest.mark.ranks(1, 2, 3, 4, 5)


def test_a_table_is_its_columns_over_one_layout(world):
    n = world.rank + 1
    table = world.table({"id": np.arange(n), "pos": np.zeros((n, 3), "f4"), "tag": np.full(n, b"ab")})
    n_global = world.size * (world.size + 1) // 2
    assert isinstance(table, Table)
    assert table.columns == ["id", "pos", "tag"]
    assert (table.n_global, len(table), table.n_local) == (n_global, n_global, n)
    assert table.layout == Layout(tuple(range(1, world.size + 1)))
    assert table.schema.row_bytes == 8 + 12 + 2
    assert repr(table) == f"<gpumpi.Table of {n_global} rows on {world.size} ranks: id: int64, pos: float32, tag: |S2>"
    assert table["pos"].shape == (n_global, 3)
    assert table["id"].gather().tolist() == [row for rank in range(world.size) for row in range(rank + 1)]


def test_a_table_of_no_rows_anywhere(world):
    table = world.table({"a": np.empty(0, "i2"), "b": np.empty((0, 3))})
    assert table.n_global == 0
    assert table["b"].gather().shape == (0, 3)
    found = table.sort("a")
    assert (found.n_global, found.columns) == (0, ["a", "b"])
    assert found["b"].gather().shape == (0, 3)
    assert found.layout.imbalance == 1


def test_settling_gives_the_table_itself_and_twice_changes_nothing(world, rng):
    values = rng.integers(0, 9, 100)
    table = world.table({"k": np.array_split(values, world.size)[world.rank]}).sort("k")
    assert table.settle() is table
    first = table["k"].gather()
    assert table.settle() is table
    assert np.array_equal(table["k"].gather(), first)
    assert np.array_equal(first, np.sort(values))


def test_columns_of_a_sorted_table_outlive_it(world, rng):
    values = rng.integers(0, 10**6, 50_000)
    mine = np.array_split(values, world.size)[world.rank]
    by_key = world.table({"k": mine, "p": mine}).sort("k")
    column = by_key["p"]
    del by_key
    for _ in range(3):
        world.table({"k": mine, "p": mine}).sort("k:desc").settle()  # takes buffers that are free
    assert np.array_equal(column.gather(), np.sort(values))


def test_an_earlier_result_keeps_its_rows_when_another_sort_runs(world, rng):
    values = rng.integers(0, 10**6, 50_000)
    mine = np.array_split(values, world.size)[world.rank]
    table = world.table({"k": mine, "p": -mine})
    up, down = table.sort("k"), table.sort("k:desc")
    assert np.array_equal(down["p"].gather(), np.sort(-values))
    assert np.array_equal(up["k"].gather(), np.sort(values))


def test_a_world_writes_down_what_it_does_in_the_trace_it_is_given(rng):
    trace = Trace()
    seen = []
    trace.on_progress = lambda phase, done, every: seen.append((phase, done, every))
    with World(trace=trace, host_memory="1GiB") as world:
        assert world.trace is trace
        assert world.budget.limit_bytes == 1 << 30
        world.array(np.arange(100)[::-1].copy()).sort()
    assert {"sample", "distribute"} <= set(trace.seconds)
    assert all(0 <= done <= every for _, done, every in seen)


@pytest.mark.parametrize("text", ["2MiB", 2 << 20, "2m"])
def test_memory_is_given_as_people_write_it(monkeypatch, text):
    with World(host_memory=text) as world:
        assert world.budget.limit_bytes == 2 << 20
    monkeypatch.setenv("GPUMPI_HOST_MEMORY", str(text))
    with World() as world:
        assert world.budget.limit_bytes == 2 << 20
    with World(host_memory="3MiB") as world:
        assert world.budget.limit_bytes == 3 << 20, "what the program says counts more"


def test_ranks_of_one_node_share_its_memory(world):
    limits = world.fabric.collect(world.budget.limit_bytes)
    assert all(limit > 0 for limit in limits)
    assert sum(limits) < 2**50
