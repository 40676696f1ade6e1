"""How ranks and calls are put into words."""

import numpy as np
import pytest

from gpumpi.fabric.guard import _record, mismatch, name_ranks
from gpumpi.fabric.words import given, numbers, operation, rows, whole


@pytest.mark.parametrize(
    ("ranks", "text"),
    [([2], "rank 2"), ([0, 1], "ranks 0, 1"), ([3, 0, 1, 2, 9], "ranks 0-3, 9"), ([0, 2, 4], "ranks 0, 2, 4")],
)
def test_ranks(ranks, text):
    assert name_ranks(ranks) == text


def test_the_odd_are_named_against_the_many():
    calls = ["bcast(root=0)", "bcast(root=0)", "allreduce(op=sum)", "bcast(root=0)"]
    text = "rank 2 calls allreduce(op=sum) where ranks 0, 1, 3 call bcast(root=0)"
    assert mismatch([_record(call) for call in calls]) == text


def test_several_odd_ones():
    text = "rank 0 calls a(); ranks 3, 4 call c() where ranks 1, 2, 5-7 call b()"
    assert mismatch([_record(call) for call in ["a()", "b()", "b()", "c()", "c()", "b()", "b()", "b()"]]) == text


def test_long_calls_differ_where_the_text_is_cut():
    long = "x" * 1000
    assert len(_record(long)) == len(_record("a"))
    assert _record(long) != _record(long + "y")


def test_arguments_in_words():
    assert whole(np.zeros((4, 2), "f4")) == "float32 (4, 2)"
    assert whole(None) == "in place"
    assert whole(3) == "int64 ()"
    assert rows(np.zeros((4, 2), "f4")) == "float32 (*, 2)"
    assert rows(np.zeros(4)) == "float64 (*)"
    assert (given(None), given(np.zeros(2))) == ("no", "given")
    assert (numbers(None), numbers(np.array([1, 2]))) == ("no", "[1, 2]")
    assert operation("sum") == "sum"
