"""Whether a table is in order, and has the rows of another."""

import numpy as np
import pytest
from oracles import CUTS, cut, some, sort_order

from gpumpi.algorithms.check import check
from gpumpi.errors import UserError

pytestmark = pytest.mark.ranks(1, 2, 3, 4, 5)


def first_wrong(values, strictly=False):
    wrong = np.flatnonzero(values[1:] <= values[:-1] if strictly else values[1:] < values[:-1])
    return int(wrong[0]) + 1 if wrong.size else None


@pytest.mark.parametrize("how", CUTS)
@pytest.mark.parametrize("n", [0, 1, 2, 5, 400])
def test_rows_in_order_are_in_order_wherever_they_are(world, tiny, spread, rng, how, n):
    values = np.sort(rng.integers(0, 50, n))
    report = check(spread({"k": values}, cut(rng, n, world.size, how)), ["k"])
    assert (report.ok, report.n_rows, report.first_unordered, report.same_rows) == (True, n, None, None)
    assert report.text == f"{n} rows are in order by k"


@pytest.mark.parametrize("how", CUTS)
@pytest.mark.parametrize("at", [1, 2, 99, 100, 101, 199])
def test_the_first_row_out_of_order_is_named_inside_a_rank_and_at_its_borders(world, tiny, spread, rng, how, at):
    values = np.arange(200)
    values[at:] -= 150
    report = check(spread({"k": values}, cut(rng, 200, world.size, how)), ["k"])
    assert (report.ok, report.first_unordered) == (False, at)
    assert report.text == f"row {at} is out of order by k: ({at - 150}) comes after ({at - 1})"


def test_every_row_as_the_border_of_ranks(world, spread, rng):
    """Of several rows out of order the first is named, empty ranks between or not."""
    for _ in range(20):
        values = rng.integers(0, 6, 12)
        borders = [0, *np.sort(rng.integers(0, 13, world.size - 1)).tolist(), 12]
        table = spread({"k": values}, borders)
        assert check(table, ["k"]).first_unordered == first_wrong(values)
        report = check(table, ["k"], unique=True)
        assert report.first_unordered == first_wrong(values, strictly=True)
        assert report.ok == (report.first_unordered is None)


def test_equal_neighbours_are_wrong_only_where_each_key_has_to_be_single(world, tiny, spread):
    values = np.arange(100)
    assert check(spread({"k": values}), ["k"], unique=True).text == "100 rows are in order by k, each key once"
    values[61] = 60
    assert check(spread({"k": values}), ["k"]).ok
    report = check(spread({"k": values}), ["k"], unique=True)
    assert (report.ok, report.first_unordered) == (False, 61)


@pytest.mark.parametrize("dtype", ["f4", ">f8", "M8[s]", "S10", ">i2"])
@pytest.mark.parametrize("descending", [False, True])
def test_the_order_checked_is_the_order_of_sort(world, tiny, spread, rng, dtype, descending):
    values = some(rng, dtype, 500, few=True)
    key = "k:desc" if descending else "k"
    values = values[sort_order((values, descending))]
    assert check(spread({"k": values}), [key]).ok
    assert not check(spread({"k": values[::-1].copy()}), [key]).ok


def test_several_keys(world, tiny, spread):
    columns = {
        "a": np.array([1, 1, 2, 2, 2]),
        "b": np.array([5, 4, 9, 9, 1]),
        "s": np.array([b"x", b"y", b"z", b"z", b"z"]),
    }
    table = spread(columns)
    assert check(table, ["a", "b:desc"]).ok
    assert check(table, ["a", "b"]).first_unordered == 1
    assert check(table, ["a", "b"]).text == "row 1 is out of order by a, b: (1, 4) comes after (1, 5)"
    assert check(table, ["s"]).ok
    assert check(table, ["a", "b:desc"], unique=True).first_unordered == 3
    assert check(table, ["a", "b:desc", "s:desc"], unique=True).first_unordered == 3


NESTED = np.dtype([("id", "<i4"), ("star", [("mass", "<f8"), ("id", ">i2")])])


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("rows.id", "row 1 is out of order by rows.id: (1) comes after (2)"),
        ("star.mass", "row 1 is out of order by star.mass: (0.5) comes after (1.5)"),
        ("rows.star.id:desc", "row 1 is out of order by rows.star.id:desc: (8) comes after (7)"),
    ],
)
def test_the_values_of_fields_are_told(world, spread, key, text):
    rows = np.array([(2, (1.5, 7)), (1, (0.5, 8))], NESTED)
    assert check(spread({"rows": rows}), [key]).text == text


@pytest.mark.parametrize(
    ("column", "dtype", "key"),
    [
        ("star", [("star", [("mass", "<f8")])], "star.mass"),
        ("star", [("star", [("mass", "<f8")])], "star.star.mass"),
        ("rows", [("lep.pt", "<f8")], "lep.pt"),
        ("rows", [("lep.pt", "<f8")], "rows.lep.pt"),
    ],
)
def test_the_values_of_fields_with_awkward_names_are_told(world, spread, column, dtype, key):
    rows = np.array([3.0, 1.0]).view(np.dtype(dtype))
    report = check(spread({column: rows}), [key])
    assert report.text == f"row 1 is out of order by {key}: (1.0) comes after (3.0)"


def test_the_same_rows_in_any_order_on_any_ranks_are_the_same(world, tiny, spread, rng):
    columns = {"k": some(rng, "f8", 700, few=True), "v": rng.integers(0, 9, (700, 2))}
    shuffled = rng.permutation(700)
    other = spread({n: v[shuffled] for n, v in columns.items()}, cut(rng, 700, world.size, "uneven"))
    table = spread(columns).sort("k").settle()
    report = check(table, ["k"], against=other)
    assert (report.ok, report.same_rows) == (True, True)
    assert report.text.endswith(f"the rows are the same (fingerprint {report.fingerprint:016x})")


@pytest.mark.parametrize(
    "change", ["one bit", "one row less", "one row twice", "values change rows", "zeros change sign"]
)
def test_other_rows_are_told_even_in_order(world, tiny, spread, rng, change):
    columns = {"k": np.sort(rng.normal(size=500)), "v": rng.integers(0, 2**60, 500)}
    columns["k"][250] = 0.0
    columns["k"].sort()
    other = {name: values.copy() for name, values in columns.items()}
    if change == "one bit":
        other["v"][77] ^= 1
    elif change == "one row less":
        other = {name: values[1:] for name, values in other.items()}
    elif change == "one row twice":
        for values in other.values():
            values[5] = values[6]
    elif change == "values change rows":
        other["v"][[3, 4]] = other["v"][[4, 3]]
    else:
        other["k"][other["k"] == 0] = -0.0
    report = check(spread(columns), ["k"], against=spread(other))
    assert (report.ok, report.first_unordered, report.same_rows) == (False, None, False)
    assert "500 rows are in order by k; the rows differ: " in report.text
    assert ("500 here, 499 there" in report.text) == (change == "one row less")


def test_unordered_and_different_are_both_told(world, spread):
    report = check(spread({"k": np.array([2, 1])}), ["k"], against=spread({"k": np.array([2, 3])}))
    assert (report.ok, report.first_unordered, report.same_rows) == (False, 1, False)
    assert report.text.startswith("row 1 is out of order by k: (1) comes after (2); the rows differ: ")


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"k": np.zeros(3, "i4")}, "k: int64 and k: int32"),
        ({"j": np.zeros(3, "i8")}, "k: int64 and j: int64"),
        ({"k": np.zeros((3, 1), "i8")}, r"k: int64 and k: int64\(1,\)"),
        ({"k": np.zeros(3, "i8"), "l": np.zeros(3)}, "1 and 2 columns"),
    ],
)
def test_tables_of_other_columns_are_not_compared(world, spread, other, said):
    with pytest.raises(UserError, match=f"different columns .{said}"):
        check(spread({"k": np.zeros(3, "i8")}), ["k"], against=spread(other))


def test_the_report_is_the_same_on_every_rank(world, tiny, spread, rng):
    values = rng.integers(0, 100, 300)
    report = check(spread({"k": values}), ["k"], against=spread({"k": values + 1}))
    assert world.fabric.collect(report) == [report] * world.size


def test_checking_twice_says_the_same(world, tiny, spread, rng):
    table = spread({"k": np.sort(rng.integers(0, 9, 200))})
    assert check(table, ["k"]) == check(table, ["k"])
