"""A sorted table whose rows have not been put in order yet is a table like any other."""

import gc

import numpy as np
import pytest
from oracles import some, sort_order

from gpumpi import World
from gpumpi.algorithms.check import check

pytestmark = pytest.mark.ranks(1, 3, 4)


@pytest.fixture
def columns(rng):
    return {"k": some(rng, "f8", 900, few=True), "row": np.arange(900)}


@pytest.fixture
def expected(columns):
    order = sort_order((columns["k"], False))
    return {name: values[order] for name, values in columns.items()}


def test_it_can_be_checked_and_is_there_afterwards(world, tiny, spread, same_rows, columns, expected):
    by_key = spread(columns).sort("k")
    assert check(by_key, ["k"]).ok
    same_rows(by_key, expected)


def test_it_can_be_checked_twice(world, tiny, spread, columns):
    by_key = spread(columns).sort("k")
    assert check(by_key, ["k"]) == check(by_key, ["k"])


def test_it_can_be_checked_by_another_key(world, tiny, spread, columns, expected):
    report = check(spread(columns).sort("k"), ["row"])
    wrong = np.flatnonzero(np.diff(expected["row"]) < 0)[0] + 1
    assert report.first_unordered == wrong


def test_it_can_be_compared_with_its_input(world, tiny, spread, same_rows, columns, expected):
    table = spread(columns)
    by_key = table.sort("k")
    assert check(table, ["row"], against=by_key).same_rows
    same_rows(by_key, expected)


def test_its_rows_cannot_be_taken_twice_unnoticed(world, tiny, spread, columns):
    """They are given up as they are handed on: asking again is an error or gives them again, never other bytes."""
    by_key = spread(columns).sort("k")
    taken = [[rows.copy() for rows in block] for _, block in by_key.content.blocks(100)]
    try:
        again = [[rows.copy() for rows in block] for _, block in by_key.content.blocks(100)]
        settled = [rows.copy() for rows in by_key.content.settle().columns]
    except Exception:
        return
    assert len(again) == len(taken)
    for column, rows in enumerate(settled):
        assert np.array_equal(np.concatenate([np.empty_like(rows[:0]), *(block[column] for block in taken)]), rows)


def test_a_sort_that_nobody_looks_at_gives_its_memory_back(tiny, columns):
    with World(host_memory="64MiB") as world:
        table = world.table({name: np.array_split(v, world.size)[world.rank] for name, v in columns.items()})
        for _ in range(3):
            by_key = table.sort("k")
            assert by_key.n_global == 900
            del by_key
        gc.collect()
        assert world.fabric.collect(world.budget.held_bytes) == [0] * world.size


def test_as_many_sorts_as_one_likes_fit_in_a_budget_that_fits_one(tiny, columns):
    with World(host_memory="400KiB") as world:
        table = world.table({name: np.array_split(v, world.size)[world.rank] for name, v in columns.items()})
        for _ in range(60):
            table.sort("k")
