"""Sorted tables, bit for bit what NumPy's stable sort of the whole gives, on any number of ranks."""

import numpy as np
import pytest
from mpi4py import MPI
from oracles import CUTS, DISTRIBUTIONS, SORTABLE, cut, distributed, some, sort_order

import gpumpi
from gpumpi import Key, World
from gpumpi.algorithms.check import check
from gpumpi.algorithms.sort import plan_sort

pytestmark = pytest.mark.ranks(1, 2, 3, 4, 5)


def with_payloads(rng, values):
    """The key between columns of all kinds, its row number among them."""
    n = len(values)
    return {
        "v": rng.integers(-9, 9, (n, 3)).astype("f4"),
        "k": values,
        "s": some(rng, "S5", n),
        "row": np.arange(n),
        "none": np.empty((n, 0), "f8"),
    }


def chosen(columns, order):
    """Rows of columns; records as plain bytes, because NumPy does not copy what lies between their fields."""
    plain = {n: v if v.dtype.names is None else v.view(f"V{v.itemsize}") for n, v in columns.items()}
    return {name: values[order].view(columns[name].dtype) for name, values in plain.items()}


def falls(dtype, distribution):
    """Every other case is one of descending order."""
    return bool((SORTABLE.index(dtype) + DISTRIBUTIONS.index(distribution)) % 2)


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
@pytest.mark.parametrize("dtype", SORTABLE)
def test_every_type_however_distributed(world, tiny, spread, same_rows, rng, dtype, distribution):
    n, descending = 601, falls(dtype, distribution)
    columns = with_payloads(rng, distributed(rng, dtype, n, distribution, world.size))
    table = spread(columns, cut(rng, n, world.size, "uneven"))
    assert plan_sort(table, ["k"]).partitions_a_rank > 1, "the case is one of many partitions"
    order = sort_order((columns["k"], descending))
    same_rows(table.sort("k", descending=descending), chosen(columns, order))


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
@pytest.mark.parametrize("dtype", SORTABLE)
def test_rows_that_are_nothing_but_their_key(world, tiny, rng, dtype, distribution):
    values, descending = distributed(rng, dtype, 1501, distribution, world.size), not falls(dtype, distribution)
    borders = cut(rng, len(values), world.size, "even")
    array = world.array(values[borders[world.rank] : borders[world.rank + 1]])
    found = array.sort(descending=descending)
    start, stop = found.layout.offsets[world.rank : world.rank + 2]
    assert found.dtype == values.dtype
    assert found.local.tobytes() == values[sort_order((values, descending))][start:stop].tobytes()


@pytest.mark.parametrize("n", [0, 1, 2, 4, 7, 64])
@pytest.mark.parametrize("how", CUTS)
@pytest.mark.parametrize("dtype", ["f4", "S10"])
def test_few_rows_wherever_they_are(world, tiny, spread, same_rows, rng, n, how, dtype):
    columns = with_payloads(rng, some(rng, dtype, n, few=bool(n % 2)))
    table = spread(columns, cut(rng, n, world.size, how))
    same_rows(table.sort("k"), chosen(columns, sort_order((columns["k"], False))))


@pytest.mark.parametrize("n", [0, 1, 4, 5000])
@pytest.mark.parametrize("how", CUTS)
def test_with_the_sizes_of_every_day(world, spread, same_rows, rng, n, how):
    columns = with_payloads(rng, some(rng, "f8", n))
    table = spread(columns, cut(rng, n, world.size, how))
    same_rows(table.sort("k:desc"), chosen(columns, sort_order((columns["k"], True))))


KEY_LISTS = [
    ("i2", "f8"), ("?", "S3", ">i4"), ("f2", "M8[ns]", "u1", "S17"), ("S1", "S9", "S8"), ("i8", "u8"), ("m8[s]", "?"),
]  # fmt: skip


@pytest.mark.parametrize("dtypes", KEY_LISTS, ids=" ".join)
@pytest.mark.parametrize("directions", [0b0000, 0b0101, 0b1010])
def test_several_keys_each_in_its_own_direction(world, tiny, spread, same_rows, rng, dtypes, directions):
    n = 700
    keys = [some(rng, dtype, n, few=True) for dtype in dtypes]
    falling = [bool(directions >> i & 1) for i in range(len(keys))]
    columns = {f"k{i}": values for i, values in enumerate(keys)} | {"row": np.arange(n)}
    table = spread(columns, cut(rng, n, world.size, "uneven"))
    order = sort_order(*zip(keys, falling, strict=True))
    names = [Key(f"k{i}", down) for i, down in enumerate(falling)]
    same_rows(table.sort(*names), chosen(columns, order))
    turned = [f"k{i}:{'asc' if down else 'desc'}" for i, down in enumerate(falling)]
    same_rows(table.sort(*turned, descending=True), chosen(columns, order))


RECORD = np.dtype([("pad", "V3"), ("id", "<i4"), ("at", [("t", ">f8"), ("tag", "S5")]), ("many", "<f4", (2,))])
ALIGNED = np.dtype([("flag", "?"), ("id", "<i8"), ("at", [("t", "<f4"), ("tag", "S5")])], align=True)


@pytest.mark.parametrize("record", [RECORD, ALIGNED], ids=["packed", "aligned"])
@pytest.mark.parametrize(
    ("keys", "fields"),
    [
        (["id"], [("id", False)]),
        (["rows.at.t:desc", "id"], [("t", True), ("id", False)]),
        (["at.tag", "rows.id:desc", "at.t"], [("tag", False), ("id", True), ("t", False)]),
    ],
    ids=str,
)
def test_fields_of_records(world, tiny, spread, same_rows, rng, record, keys, fields):
    n = 600
    rows = np.frombuffer(bytearray(rng.bytes(n * record.itemsize)), record)
    if "flag" in record.names:
        rows["flag"] = rng.integers(0, 2, n)
    rows["id"] = some(rng, record["id"], n, few=True)
    rows["at"]["t"], rows["at"]["tag"] = some(rng, record["at"]["t"], n, few=True), some(rng, "S5", n, few=True)
    values = {"id": rows["id"], "t": rows["at"]["t"], "tag": rows["at"]["tag"]}
    columns = {"rows": rows, "extra": np.arange(n, dtype="u2")}
    order = sort_order(*[(values[name], down) for name, down in fields])
    same_rows(spread(columns, cut(rng, n, world.size, "uneven")).sort(*keys), chosen(columns, order))


@pytest.mark.parametrize("row_bytes", [1, 100, 5000])
def test_rows_of_any_width(world, tiny, spread, same_rows, rng, row_bytes):
    n = 300
    columns = {"k": some(rng, "i2", n, few=True), "wide": rng.integers(0, 256, (n, row_bytes), dtype=np.uint8)}
    same_rows(spread(columns).sort("k"), chosen(columns, sort_order((columns["k"], False))))


@pytest.mark.parametrize("dtype", ["f8", "S17", "u1"])
@pytest.mark.parametrize("distribution", ["uniform", "zipf", "staggered"])
def test_blocks_pages_and_partitions_by_the_hundred(world, tiny, spread, same_rows, rng, dtype, distribution):
    n = 30_000
    columns = {"k": distributed(rng, dtype, n, distribution, world.size), "row": np.arange(n, dtype="u4")}
    same_rows(spread(columns).sort("k"), chosen(columns, sort_order((columns["k"], False))))


def test_sorting_what_is_sorted_and_sorting_back(world, tiny, spread, same_rows, rng):
    columns = with_payloads(rng, some(rng, "f4", 900))
    order = sort_order((columns["k"], False))
    by_key = spread(columns).sort("k")
    same_rows(by_key.sort("row"), columns)
    same_rows(by_key.sort("k"), chosen(columns, order))
    same_rows(by_key.sort("k", descending=True), chosen(columns, order[sort_order((columns["k"][order], True))]))


def test_the_input_stays_as_it_is(world, tiny, spread, same_rows, rng):
    columns = with_payloads(rng, some(rng, "i4", 500))
    before = {name: values.tobytes() for name, values in columns.items()}
    table = spread(columns)
    table.sort("k").settle()
    assert {name: values.tobytes() for name, values in columns.items()} == before
    same_rows(table, columns)


@pytest.mark.parametrize("how", ["read-only", "unaligned", "strided", "Fortran"])
def test_arrays_as_users_have_them(world, tiny, spread, same_rows, rng, how):
    values, n = some(rng, "f8", 600), 600
    vectors = rng.normal(size=(n, 3))
    if how == "read-only":
        values.flags.writeable = vectors.flags.writeable = False
    elif how == "unaligned":
        memory = np.empty(8 * n + 1, np.uint8)
        memory[1:].view("f8")[:] = values
        values = memory[1:].view("f8")
    elif how == "strided":
        values, vectors = np.repeat(values, 2)[::2], np.repeat(vectors, 2, axis=1)[:, ::2]
    else:
        vectors = np.asfortranarray(vectors)
    columns = {"k": values, "v": vectors}
    same_rows(spread(columns).sort("k"), chosen(columns, sort_order((values, False))))


@pytest.mark.parametrize("distribution", ["uniform", "few", "all equal"])
def test_one_rank_alone_and_all_together_give_the_same(world, tiny, spread, same_rows, rng, distribution):
    columns = with_payloads(rng, distributed(rng, "f4", 1000, distribution))
    together = spread(columns, cut(rng, 1000, world.size, "uneven")).sort("k").settle()
    with World(comm=MPI.COMM_SELF) as alone:
        by_itself = alone.table(columns).sort("k").settle()
        same_rows(together, {name: by_itself[name].local for name in columns})
        one, all_of_them = check(by_itself, ["k"]), check(together, ["k"])
    assert one == all_of_them
    assert one.ok
    assert one.n_rows == 1000


def test_two_worlds_at_once(world, tiny, spread, same_rows, rng):
    """Half of the ranks sort one table, the others another, and then all sort a third."""
    columns = {"k": some(rng, "i8", 1000), "row": np.arange(1000)}
    half = MPI.COMM_WORLD.Split(world.rank % 2, world.rank)
    with World(comm=half) as mine:
        down = bool(world.rank % 2)
        borders = [rank * 1000 // mine.size for rank in range(mine.size + 1)]
        piece = slice(borders[mine.rank], borders[mine.rank + 1])
        found = mine.table({name: values[piece] for name, values in columns.items()}).sort("k", descending=down)
        start, stop = found.layout.offsets[mine.rank : mine.rank + 2]
        expected = sort_order((columns["k"], down))[start:stop]
        assert np.array_equal(found["row"].local, expected)
    half.Free()
    same_rows(spread(columns).sort("k"), chosen(columns, sort_order((columns["k"], False))))


def test_with_the_guard_on(monkeypatch, tiny, rng):
    monkeypatch.setenv("GPUMPI_GUARD", "1")
    values = some(rng, "f8", 500)
    with gpumpi.World() as world:
        assert world.fabric.guard is not None
        mine = np.array_split(values, world.size)[world.rank]
        found = world.array(mine).sort(unique=True).gather()
        assert len(found) == len(np.unique(values))
        assert np.array_equal(world.array(mine).argsort().gather(), sort_order((values, False)))


def test_a_sort_holds_no_more_than_its_plan_says(tiny, rng):
    values = distributed(rng, "i8", 20_000, "zipf")
    with World(host_memory="1GiB") as world:
        mine = np.array_split(values, world.size)[world.rank]
        table = world.table({"k": mine, "p": mine})
        plan = plan_sort(table, ["k"])
        by_key = table.sort("k")
        assert world.budget.held_bytes >= by_key.n_local * 16, "everything goes through the budget"
        by_key.settle()
        assert world.budget.peak_bytes <= plan.memory_bytes
        assert world.budget.held_bytes == 0


def test_a_sort_counts_what_it_sends(tiny, rng):
    values = some(rng, "i8", 4000)
    with World() as world:
        mine = np.array_split(values, world.size)[world.rank]
        world.array(mine).sort()
        sent = world.trace.counts.get("exchange_sent_bytes", 0)
        assert sent == 0 if world.size == 1 else 0 < sent < 4 * mine.nbytes
        assert {"sample", "distribute"} <= set(world.trace.seconds)
