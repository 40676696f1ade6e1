"""What a sort decides before any row moves."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpumpi.algorithms.sort import plan as plan_module
from gpumpi.algorithms.sort.plan import make_plan
from gpumpi.errors import UserError
from gpumpi.keys import Key
from gpumpi.memory.page import column_starts
from gpumpi.schema import Column, Schema

MIB = 1 << 20


def schema(n_rows, **dtypes):
    return Schema(tuple(Column(name, np.dtype(dtype)) for name, dtype in dtypes.items()), n_rows)


def wide(n_rows, row_bytes):
    return Schema((Column("id", np.dtype("i8")), Column("rest", np.dtype("u1"), (row_bytes - 8,))), n_rows)


PLANS = st.tuples(st.integers(0, 10**13), st.integers(8, 10**6), st.integers(1, 5000))


@settings(derandomize=True, deadline=None)
@given(PLANS)
def test_every_number_of_a_plan_is_in_its_bounds(case):
    n_rows, row_bytes, n_ranks = case
    plan = make_plan(wide(n_rows, row_bytes), ["id"], n_ranks)
    assert plan.n_partitions == plan.partitions_a_rank * n_ranks
    assert plan.partitions_a_rank & (plan.partitions_a_rank - 1) == 0, "a power of two"
    assert plan.partitions_a_rank >= 1
    assert plan.n_partitions <= max(plan_module.MOST_PARTITIONS, n_ranks)
    assert plan.n_partitions < 2**16, "partition numbers are 16 bits"
    assert plan.block_rows >= 1
    most = max(plan_module.LARGEST_BLOCK_BYTES, plan_module.MESSAGE_BYTES * n_ranks, row_bytes)
    assert plan.block_rows * row_bytes <= most
    assert plan.page_rows >= 1
    assert plan.page_rows * row_bytes <= max(MIB, row_bytes)
    assert plan.sample_blocks >= 1
    assert plan.sample_block_rows >= plan_module.LEAST_BLOCK_ROWS
    assert plan.sample_blocks * plan.sample_block_rows <= max(n_rows, plan.sample_block_rows)
    assert plan.memory_bytes >= plan.rank_bytes
    assert plan.network_bytes <= plan.rank_bytes
    assert plan.rank_bytes * n_ranks >= n_rows * row_bytes


@settings(derandomize=True, deadline=None)
@given(PLANS)
def test_partitions_fit_a_cache_unless_there_are_as_many_as_may_be(case):
    n_rows, row_bytes, n_ranks = case
    plan = make_plan(wide(n_rows, row_bytes), ["id"], n_ranks)
    most = 1 << max(0, math.floor(math.log2(max(1, plan_module.MOST_PARTITIONS // n_ranks))))
    if plan.partitions_a_rank < most:
        assert plan.rank_bytes / plan.partitions_a_rank < 2 * plan_module.PARTITION_BYTES


@settings(derandomize=True, deadline=None)
@given(st.integers(0, 10**12), st.integers(0, 10**9), st.integers(8, 5000), st.integers(1, 100))
def test_more_rows_never_need_less_memory(n_rows, more, row_bytes, n_ranks):
    few, many = (make_plan(wide(n, row_bytes), ["id"], n_ranks) for n in (n_rows, n_rows + more))
    assert few.rank_bytes <= many.rank_bytes
    assert few.network_bytes <= many.network_bytes


@pytest.mark.parametrize("n_ranks", [1, 3, 64])
@pytest.mark.parametrize("n_columns", [1, 10, 200])
@pytest.mark.parametrize("n_rows", [0, 1, 1000, 10**6, 10**8])
def test_the_memory_that_is_told_holds_the_pages_of_an_even_share(n_ranks, n_columns, n_rows):
    """Half-filled pages and the alignment of many narrow columns included."""
    table = schema(n_rows, **{f"c{i}": "i8" if i == 0 else "u1" for i in range(n_columns)})
    plan = make_plan(table, ["c0"], n_ranks)
    rows_a_partition = -(-n_rows // plan.n_partitions)
    page_bytes = column_starts([column.row_bytes for column in table.columns], plan.page_rows)[1]
    pages = plan.partitions_a_rank * -(-rows_a_partition // plan.page_rows)
    assert pages * page_bytes <= plan.memory_bytes


def test_one_rank_sends_nothing():
    assert make_plan(wide(10**6, 100), ["id"], 1).network_bytes == 0


@pytest.mark.parametrize("n_rows", [0, 1])
def test_a_table_of_no_or_one_row_is_one_partition_a_rank(n_rows):
    plan = make_plan(wide(n_rows, 100), ["id"], 5)
    assert plan.partitions_a_rank == 1
    assert plan.n_rows == n_rows


def test_columns_without_bytes_count_nothing():
    table = Schema((Column("id", np.dtype("i8")), Column("none", np.dtype("f8"), (0,))), 100)
    assert make_plan(table, ["id"], 2).row_bytes == 8


@pytest.mark.parametrize(
    ("keys", "descending", "expected"),
    [
        (["a", "b:desc"], False, ("a", "b:desc")),
        (["a", "b:desc"], True, ("a:desc", "b")),
        ([Key("b", True)], True, ("b",)),
    ],
)
def test_keys_keep_their_order_and_descending_turns_each(keys, descending, expected):
    plan = make_plan(schema(10, a="i4", b="f8"), keys, 2, descending=descending)
    assert tuple(map(str, plan.key_plan.keys)) == expected
    assert [part.descending for part in plan.key_plan.parts] == [key.endswith(":desc") for key in expected]


@pytest.mark.parametrize("descending", [False, True])
def test_no_key_is_the_only_column_in_the_direction_asked(descending):
    plan = make_plan(schema(10, a="i4"), [], 2, descending=descending)
    assert plan.key_plan.keys == (Key("a", descending),)
    with pytest.raises(UserError, match="no key given"):
        make_plan(schema(10, a="i4", b="i4"), [], 2, descending=descending)


def test_bad_requests_are_refused():
    with pytest.raises(UserError, match="head -1: a number of rows is not negative"):
        make_plan(schema(10, a="i4"), ["a"], 1, head=-1)
    with pytest.raises(UserError, match="key 'c' is not a column"):
        make_plan(schema(10, a="i4"), ["c"], 1)
    with pytest.raises(UserError, match="complex"):
        make_plan(schema(0, a="c16"), ["a"], 1)


@settings(derandomize=True, deadline=None)
@given(PLANS, st.booleans(), st.none() | st.integers(0, 10**6))
def test_as_dict_is_json_and_says_everything(case, unique, head):
    n_rows, row_bytes, n_ranks = case
    plan = make_plan(wide(n_rows, row_bytes), ["id:desc"], n_ranks, unique=unique, head=head)
    told = json.loads(json.dumps(plan.as_dict()))
    assert told["keys"] == ["id:desc"]
    assert told["key_bits"] == 64
    assert (told["n_rows"], told["row_bytes"], told["n_ranks"]) == (n_rows, row_bytes, n_ranks)
    assert (told["unique"], told["head"]) == (unique, head)
    assert told["n_partitions"] == plan.n_partitions
    assert told["memory_bytes_a_rank"] == plan.memory_bytes
    assert told["sent_bytes_a_rank"] == plan.network_bytes


def test_explain_reads_like_this():
    table = schema(10**7, id="i8", tag="S9")
    text = make_plan(table, ["tag", "id:desc"], 4, unique=True, head=1000).explain()
    first, *rest = text.splitlines()
    assert first == "sort 10,000,000 rows of 17 bytes (162 MiB) by tag, id:desc on 4 ranks"
    assert [line.split()[0] for line in rest] == ["keys", "sample", "distribute", "finish", "memory"]
    assert "136 bits in 3 words of 64" in rest[0]
    assert "partitions (" in rest[2]
    assert rest[3].endswith("the first row of each key stays, the first 1,000 rows stay")
    assert rest[4].split(None, 1)[1].endswith("MiB a rank")


@pytest.mark.parametrize("n_rows", [0, 1, 12])
def test_explain_of_little_says_no_more_than_there_is(n_rows):
    text = make_plan(schema(n_rows, a="i1"), ["a"], 1).explain()
    assert "on 1 rank\n" in text
    assert "8 bits in 1 word of 64" in text
    assert f"sample      {n_rows} rows" in text


def test_plans_are_values():
    one, other = (make_plan(schema(10, a="i4"), ["a"], 2) for _ in range(2))
    assert one == other
    assert hash(one) == hash(other)
