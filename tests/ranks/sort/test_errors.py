"""Bad requests: the same error on every rank, nobody waits for ever, and the ranks go on."""

import sys
import threading

import numpy as np
import pytest

from gpumpi import World
from gpumpi.errors import UserError

pytestmark = pytest.mark.ranks(1, 2, 3, 4, 5)


@pytest.fixture(autouse=True)
def _ranks_go_on(world):
    """After whatever a test did, the ranks still understand each other and sort."""
    yield
    assert world.fabric.collect(world.rank) == list(range(world.size))
    whole = world.array(np.arange(3)[::-1] + 10 * world.rank).sort().gather()
    assert whole.tolist() == [10 * rank + i for rank in range(world.size) for i in range(3)]


def refused(world, action, match):
    """Every rank gets a UserError with the same text, of one line."""
    with pytest.raises(UserError, match=match) as caught:
        action()
    texts = world.fabric.collect(str(caught.value))
    assert len(set(texts)) == 1, texts
    assert "\n" not in texts[0]


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        (["idd"], "key 'idd' is not a column of this table; did you mean id"),
        (["id", "id:desc"], "named twice"),
        (["id:up"], "'up' is no direction"),
        (["z"], "complex"),
        (["v"], r"shape \(2,\)"),
        (["raw"], "opaque"),
        (["text"], "no order"),
        ([], "no key given: name one or more of id, z, v, raw, text"),
    ],
)
def test_a_key_that_cannot_be_sorted_by(world, keys, said):
    table = world.table(
        {
            "id": np.arange(4), "z": np.zeros(4, "c16"), "v": np.zeros((4, 2)), "raw": np.zeros(4, "V3"),
            "text": np.zeros(4, "U2"),
        }
    )  # fmt: skip
    refused(world, lambda: table.sort(*keys), said)


def test_a_record_array_is_sorted_as_a_table(world):
    array = world.array(np.zeros(3, [("a", "i4"), ("b", "f4")]))
    refused(world, lambda: array.sort(), "no key given: name one or more of a, b")


@pytest.mark.parametrize("odd", [0, -1])
def test_ranks_that_pass_other_columns(world, odd):
    def columns(usual, unusual):
        return unusual if world.rank == odd % world.size and world.size > 1 else usual

    cases = [
        ({"a": np.zeros(2, "f4")}, "rank 0 passes columns a: float.*, rank . passes a: float"),
        ({"b": np.zeros(2)}, "passes .*b: float64"),
        ({"a": np.zeros(2), "b": np.zeros(2)}, "passes .*a: float64, b: float64"),
        ({"a": np.zeros((2, 1))}, r"passes .*a: float64 \(1,\)"),
        ({"a": np.zeros(2, ">f8")}, "passes .*a: >f8"),
    ]
    if world.size == 1:
        return
    for unusual, said in cases:
        refused(world, lambda unusual=unusual: world.table(columns({"a": np.zeros(2)}, unusual)), said)
    refused(world, lambda: world.array(columns(np.zeros(2), np.zeros(2, "i4"))), "passes columns value: ")


@pytest.mark.parametrize("odd", [0, -1])
@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"a": np.zeros(3), "b": np.zeros(4)}, "columns of one table are equally long; these have .*'a': 3, 'b': 4"),
        ({"a": np.float64(1)}, "column 'a' is a single value"),
        ({"a": np.array([{}])}, "column 'a' holds Python objects"),
        ({"a": [None]}, "column 'a' holds Python objects"),
        ({}, "a table needs at least one column"),
    ],
    ids=["lengths", "a value", "objects", "None", "nothing"],
)
def test_one_rank_passes_what_is_no_table(world, odd, columns, said):
    mine = columns if world.rank == odd % world.size else {"a": np.zeros(2)}
    refused(world, lambda: world.table(mine), said)


def test_a_column_that_is_not_there(world):
    table = world.table({"mass": np.zeros(2)})
    refused(world, lambda: table["mas"], "column 'mas' is not in this table; did you mean mass")


@pytest.mark.parametrize("odd", [0, -1])
def test_one_rank_s_world_cannot_be_opened(world, monkeypatch, odd):
    is_odd = world.rank == odd % world.size
    refused(world, lambda: World(host_memory="lots" if is_odd else "1GiB"), "'lots' is not a size")
    refused(world, lambda: World(device="gpu" if is_odd else None), "device 'gpu' is not one of")
    monkeypatch.setenv("GPUMPI_DEVICE", "cuda" if is_odd else "cpu")
    refused(world, World, "device 'cuda' was asked for")
    monkeypatch.delenv("GPUMPI_DEVICE")
    monkeypatch.setenv("GPUMPI_HOST_MEMORY", "-3" if is_odd else "1GiB")
    refused(world, World, "'-3' is not a size")


def test_a_world_that_cannot_be_opened_leaves_nothing_behind(world):
    before = threading.active_count()
    for _ in range(3):
        with pytest.raises(UserError):
            World(host_memory="lots")
    assert threading.active_count() == before, "its watchdog goes with it"


def test_one_rank_passes_what_cannot_be_an_array(world):
    mine = [[1], [2, 3]] if world.rank == 0 else [1, 2]
    refused(world, lambda: world.array(mine), "inhomogeneous")


@pytest.mark.parametrize("odd", [0, -1])
@pytest.mark.parametrize("option", [{}, {"unique": True}, {"descending": True}])
def test_one_rank_has_too_little_memory(world, tiny, rng, odd, option):
    values = rng.integers(0, 2**60, 4000)
    mine = np.array_split(values, world.size)[world.rank]
    is_odd = world.rank == odd % world.size
    with World(host_memory=1000 if is_odd else "1GiB") as small:
        number = f"rank {odd % world.size}" if world.size > 1 else "may hold"
        table = small.table({"k": mine, "p": mine})
        refused(
            world,
            lambda: table.sort("k", **option),
            f"needs .* of host memory.*{number}|{number}.* needs .* of host memory",
        )
        assert small.fabric.collect(1) == [1] * small.size
        refused(world, lambda: table.sort("k", **option), "needs .* of host memory")
        assert np.array_equal(table["k"].gather(), values), "the input is still there"


def test_a_sort_that_failed_holds_nothing(world, tiny, rng):
    values = rng.integers(0, 2**60, 4000)
    with World(host_memory=3000 if world.rank == 0 else "1GiB") as small:
        table = small.table({"k": np.array_split(values, world.size)[world.rank]})
        with pytest.raises(UserError, match="host memory"):
            table.sort("k")
        assert small.fabric.collect(small.budget.held_bytes) == [0] * small.size
        few = small.array(np.arange(5)[::-1].copy())
        assert len(few.sort().gather()) == 5 * world.size


def test_a_budget_in_the_middle_of_the_job(world, tiny, rng, monkeypatch):
    """Some blocks have been delivered when it is too small, on whichever rank that is."""
    monkeypatch.setattr(sys.modules["gpumpi.algorithms.sort.sort"], "_require_memory", lambda *_: None)
    values = rng.integers(0, 2**60, 30_000)
    mine = np.array_split(values, world.size)[world.rank]
    for odd in range(world.size):
        with World(host_memory=8 * len(mine) // 2 if world.rank == odd else "1GiB") as small:
            refused(world, lambda small=small: small.array(mine).sort(), "a page of rows needs")
