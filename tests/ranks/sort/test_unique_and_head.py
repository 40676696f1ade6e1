"""Only the first row of each key, and only the first rows."""

import numpy as np
import pytest
from oracles import CUTS, DISTRIBUTIONS, cut, distributed, some, sort_order

from gpumpi.errors import UserError

pytestmark = pytest.mark.ranks(1, 2, 3, 4, 5)


def table_of(rng, values):
    return {"row": np.arange(len(values)), "k": values, "v": rng.integers(0, 99, (len(values), 3))}


def chosen(columns, order):
    return {name: values[order] for name, values in columns.items()}


def first_of_each(order, *keys):
    """Of rows in order, those whose keys differ from the row before: NaN equals NaN, -0.0 equals 0.0."""
    if len(order) == 0:
        return order
    different = np.zeros(len(order) - 1, bool)
    for values in keys:
        a, b = values[order][1:], values[order][:-1]
        same = (a == b) | ((a != a) & (b != b))
        different |= ~same
    return order[np.concatenate([[True], different])]


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
@pytest.mark.parametrize(("dtype", "descending"), [("u1", False), ("f4", True), ("M8[s]", False), ("S10", True)])
def test_unique_keeps_the_first_row_of_each_key(world, tiny, spread, same_rows, rng, dtype, distribution, descending):
    values = distributed(rng, dtype, 600, distribution, world.size)
    values[rng.random(600) < 0.5] = values[0]
    columns = table_of(rng, values)
    order = first_of_each(sort_order((values, descending)), values)
    table = spread(columns, cut(rng, 600, world.size, "uneven"))
    same_rows(table.sort("k", descending=descending, unique=True), chosen(columns, order))


@pytest.mark.parametrize("how", CUTS)
@pytest.mark.parametrize("n", [0, 1, 5, 300])
def test_unique_of_few_rows_and_many_equal_ones(world, tiny, spread, same_rows, rng, how, n):
    for values in (np.zeros(n, "i4"), np.arange(n, dtype="i4") // 100):
        columns = table_of(rng, values)
        order = first_of_each(sort_order((values, False)), values)
        same_rows(spread(columns, cut(rng, n, world.size, how)).sort("k", unique=True), chosen(columns, order))


def test_unique_by_several_keys(world, tiny, spread, same_rows, rng):
    a, b = some(rng, "f2", 800, few=True), some(rng, "S9", 800, few=True)
    columns = {"a": a, "b": b, "row": np.arange(800)}
    order = first_of_each(sort_order((a, False), (b, True)), a, b)
    same_rows(spread(columns).sort("a", "b:desc", unique=True), chosen(columns, order))


@pytest.mark.parametrize("distribution", ["uniform", "few", "all equal", "reverse", "staggered"])
@pytest.mark.parametrize("head", [0, 1, 250, 299, 300, 600, 601, 10**12])
def test_head_keeps_the_first_rows(world, tiny, spread, same_rows, rng, distribution, head):
    values = distributed(rng, "f8", 600, distribution, world.size)
    columns = table_of(rng, values)
    table = spread(columns, cut(rng, 600, world.size, "uneven"))
    descending = bool(head % 2)
    order = sort_order((values, descending))[:head]
    same_rows(table.sort("k", descending=descending, head=head), chosen(columns, order))


@pytest.mark.parametrize("how", CUTS)
@pytest.mark.parametrize("n", [0, 1, 3, 100])
def test_head_wherever_the_rows_are(world, tiny, spread, same_rows, rng, how, n):
    columns = table_of(rng, some(rng, "i2", n, few=True))
    table = spread(columns, cut(rng, n, world.size, how))
    order = sort_order((columns["k"], False))
    for head in (0, 1, n // 3, n):
        same_rows(table.sort("k", head=head), chosen(columns, order[:head]))


@pytest.mark.parametrize("head", [0, 1, 3, 7, 100])
def test_the_first_of_the_unique(world, tiny, spread, same_rows, rng, head):
    values = some(rng, "f4", 500, few=True)
    columns = table_of(rng, values)
    order = first_of_each(sort_order((values, True)), values)[:head]
    same_rows(spread(columns).sort("k:desc", unique=True, head=head), chosen(columns, order))


def test_what_is_kept_can_be_sorted_again(world, tiny, spread, same_rows, rng):
    columns = table_of(rng, some(rng, "i8", 900))
    kept = spread(columns).sort("k", head=50)
    order = np.sort(sort_order((columns["k"], False))[:50])
    same_rows(kept.sort("row"), chosen(columns, order))
    again = spread(columns).sort("k", unique=True).sort("row", head=10)
    assert again.n_global == 10


def test_arrays_too(world, tiny, rng):
    values = some(rng, "f8", 1000, few=True)
    array = world.array(np.array_split(values, world.size)[world.rank])
    order = sort_order((values, False))
    assert array.sort(unique=True).gather().tobytes() == values[first_of_each(order, values)].tobytes()
    assert array.sort(head=13).gather().tobytes() == values[order[:13]].tobytes()


def test_a_negative_head_is_refused_on_every_rank(world, spread):
    table = spread({"k": np.arange(10)})
    with pytest.raises(UserError, match="head -1"):
        table.sort("k", head=-1)
