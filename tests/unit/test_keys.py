"""Keys by name, and the bits they become."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpumpi.errors import UserError
from gpumpi.keys import FLOAT, INT, TIME, UINT, Key, parse_key, plan_keys, reverse
from gpumpi.schema import Column

PARTICLE = np.dtype([("id", "<u8"), ("pos", "<f4", (3,)), ("t", "<M8[ns]"), ("tag", "S5")])
NESTED = np.dtype([("id", "<i4"), ("star", [("mass", "<f8"), ("kind", [("code", ">i2"), ("name", "S3")])])])


def columns(**dtypes):
    return [Column(name, np.dtype(dtype)) for name, dtype in dtypes.items()]


def only_part(name, columns):
    (part,) = plan_keys([name], columns).parts
    return part


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("id", Key("id")),
        ("mass:desc", Key("mass", True)),
        ("mass:asc", Key("mass")),
        ("mass:DESCENDING", Key("mass", True)),
        ("mass:Ascending", Key("mass")),
        ("a.b:desc", Key("a.b", True)),
        ("time:utc:desc", Key("time:utc", True)),
        (Key("time:utc"), Key("time:utc")),
        ("größe", Key("größe")),
        ("two words", Key("two words")),
    ],
)
def test_a_key_is_read_as_people_write_it(text, key):
    assert parse_key(text) == key


@pytest.mark.parametrize("text", ["mass:down", "mass:", "time:utc", "a:b:c"])
def test_an_unknown_direction_is_refused_with_the_remedy(text):
    name = text.rpartition(":")[0]
    with pytest.raises(UserError, match=f"no direction; write {name}:asc or {name}:desc"):
        parse_key(text)


@settings(derandomize=True, deadline=None)
@given(st.text(min_size=1), st.booleans())
def test_what_a_key_says_is_read_back_as_the_key(name, descending):
    key = Key(name, descending)
    assert parse_key(str(key) if descending or ":" not in name else f"{name}:asc") == key


def test_reverse_turns_every_direction_and_twice_none():
    keys = (Key("a"), Key("b", True))
    assert reverse(keys) == (Key("a", True), Key("b"))
    assert reverse(reverse(keys)) == keys


@pytest.mark.parametrize(
    ("dtype", "kind", "width"),
    [
        ("u1", UINT, 1), ("i2", INT, 2), ("u4", UINT, 4), ("i8", INT, 8), ("?", UINT, 1), ("f2", FLOAT, 2),
        ("f4", FLOAT, 4), ("f8", FLOAT, 8), ("M8[ns]", TIME, 8), ("m8[s]", TIME, 8), ("S3", UINT, 3),
    ],
)  # fmt: skip
@pytest.mark.parametrize("order", ["<", ">"])
def test_every_ordered_type_has_its_kind_width_and_byte_order(dtype, kind, width, order):
    dtype = np.dtype(dtype).newbyteorder(order)
    part = only_part("k", columns(k=dtype))
    assert (part.kind, part.width_bytes, part.offset_bytes, part.first_bit) == (kind, width, 0, 0)
    if dtype.kind == "S":
        assert part.big_endian, "the first letter is the most significant byte"
    elif width > 1:
        assert part.big_endian == (order == ">")


def test_an_enum_is_ordered_by_its_numbers():
    dtype = np.dtype("<i2", metadata={"enum": {"gas": 0, "star": 4}})
    assert only_part("k", columns(k=dtype)).kind == INT


@pytest.mark.parametrize(
    ("dtype", "said"),
    [
        ("c8", "complex"), ("c16", "complex"), ("V7", "opaque .7 bytes"), ("O", "variable length or reference"),
        ("U4", "U4"), ("f16", "float128"), ("S0", "S"),
    ],
)  # fmt: skip
def test_a_type_without_an_order_is_refused_with_the_ones_that_have_one(dtype, said):
    with pytest.raises(UserError, match=rf"key 'k' has type .*{said}.*no order here; sort by integers.*strings"):
        plan_keys(["k"], [Column("k", np.dtype(dtype))])


def test_a_key_of_several_values_a_row_is_refused():
    with pytest.raises(UserError, match=r"key 'k': its rows have shape \(3,\); a key is one value a row"):
        plan_keys(["k"], [Column("k", np.dtype("f8"), (3,))])
    with pytest.raises(UserError, match=r"shape \(3,\)"):
        plan_keys(["pos"], [Column("rows", PARTICLE)])
    with pytest.raises(UserError, match=r"shape \(2, 3\)"):
        plan_keys(["pos"], [Column("rows", PARTICLE, (2,))])


@settings(derandomize=True, deadline=None)
@given(st.lists(st.sampled_from(["u1", "i2", ">i4", "f8", "?", "m8[s]", "S1", "S7", "S8", "S9", "S20"]), min_size=1))
def test_parts_fill_the_words_without_gaps_and_take_each_key_byte_once(dtypes):
    table = [Column(f"c{i}", np.dtype(dtype)) for i, dtype in enumerate(dtypes)]
    plan = plan_keys([column.name for column in table], table)
    at = 0
    taken = {i: [] for i in range(len(table))}
    for part in plan.parts:
        assert part.first_bit == at
        assert 1 <= part.width_bytes <= 8
        at += 8 * part.width_bytes
        taken[part.column] += range(part.offset_bytes, part.offset_bytes + part.width_bytes)
    assert plan.n_bits == at == 8 * sum(column.row_bytes for column in table)
    assert plan.n_words == -(-at // 64)
    assert all(taken[i] == list(range(column.row_bytes)) for i, column in enumerate(table))


def test_columns_of_a_plan_are_named_once_in_order_of_use():
    table = [Column("a", np.dtype("S20")), Column("rows", PARTICLE), Column("b", np.dtype("i4"))]
    assert plan_keys(["b", "tag", "id", "a"], table).columns == (2, 1, 0)


def test_a_plan_keeps_the_keys_as_given_and_their_directions():
    plan = plan_keys(["b:desc", "a"], columns(a="i4", b="S9"))
    assert plan.keys == (Key("b", True), Key("a"))
    assert [part.descending for part in plan.parts] == [True, True, False]


@pytest.mark.parametrize("name", ["tag", "rows.tag"])
def test_a_field_is_named_by_itself_or_with_its_column(name):
    part = only_part(name, [Column("other", np.dtype("i4")), Column("rows", PARTICLE)])
    assert (part.column, part.offset_bytes, part.width_bytes) == (1, 28, 5)


@pytest.mark.parametrize(
    ("name", "offset", "kind", "big"),
    [("id", 0, INT, False), ("star.mass", 4, FLOAT, False), ("star.kind.code", 12, INT, True), ("rows.star.kind.name", 14, UINT, True)],
)  # fmt: skip
def test_fields_of_fields_are_named_with_dots(name, offset, kind, big):
    part = only_part(name, [Column("rows", NESTED)])
    assert (part.offset_bytes, part.kind, part.big_endian) == (offset, kind, big)
    with pytest.raises(UserError, match="is not a column of this table"):
        plan_keys([name.rpartition(".")[2] + "x"], [Column("rows", NESTED)])


def test_a_field_is_found_where_it_lies_and_not_where_it_is_listed():
    dtype = np.dtype({"names": ["late", "early"], "formats": ["<i4", "<i8"], "offsets": [12, 1], "itemsize": 20})
    assert only_part("late", [Column("rows", dtype)]).offset_bytes == 12
    assert only_part("early", [Column("rows", dtype)]).offset_bytes == 1


@settings(derandomize=True, deadline=None)
@given(st.recursive(
    st.sampled_from(["<i4", ">u2", "<f8", "S3", "?"]),
    lambda inner: st.lists(inner, min_size=1, max_size=3).map(lambda fs: [(f"f{i}", f) for i, f in enumerate(fs)]),
    max_leaves=12,
))  # fmt: skip
def test_every_leaf_of_a_nested_record_is_found_at_its_bytes(fields):
    dtype = np.dtype(fields if isinstance(fields, list) else [("f0", fields)])
    waiting = [([], dtype)]
    while waiting:
        path, here = waiting.pop()
        if here.names:
            waiting += [([*path, name], here[name]) for name in here.names]
            continue
        marked = np.zeros(1, dtype)
        view = marked
        for name in path:
            view = view[name]
        view.view(f"V{here.itemsize}")[...] = b"\xff" * here.itemsize if here.kind != "b" else b"\x01"
        part = only_part(".".join(path), [Column("rows", dtype)])
        touched = np.flatnonzero(np.frombuffer(marked.tobytes(), np.uint8))
        assert touched.tolist() == list(range(part.offset_bytes, part.offset_bytes + part.width_bytes))


def test_a_field_of_several_columns_has_to_say_which():
    table = [Column("gas", PARTICLE), Column("stars", PARTICLE), Column("n", np.dtype("i4"))]
    with pytest.raises(UserError, match=r"key 'id' is in several columns: write one of gas\.id, stars\.id"):
        plan_keys(["id"], table)
    assert only_part("stars.id", table).column == 1


def test_a_column_and_a_field_of_one_name_can_each_be_meant():
    table = [Column("id", np.dtype("i4")), Column("gas", PARTICLE)]
    with pytest.raises(UserError, match="key 'id' is in several columns") as caught:
        plan_keys(["id"], table)
    offered = str(caught.value).rpartition("one of ")[2].split(", ")
    assert sorted(only_part(name, table).column for name in offered) == [0, 1], "what is offered works"


def test_a_missing_key_is_told_with_near_names():
    table = columns(ParticleIDs="i8", Masses="f4")
    with pytest.raises(UserError, match="key 'ParticleID' is not a column of this table; did you mean ParticleIDs"):
        plan_keys(["ParticleID"], table)
    with pytest.raises(UserError, match="there are ParticleIDs, Masses"):
        plan_keys(["zzz"], table)
    with pytest.raises(UserError, match=r"did you mean star\.mass"):
        plan_keys(["star.mas"], [Column("rows", NESTED)])
    with pytest.raises(UserError, match="key 'rows' is not a column"):
        plan_keys(["rows"], [Column("rows", NESTED)])
    with pytest.raises(UserError, match="there are none"):
        plan_keys(["a"], [])


def test_a_key_named_twice_is_refused_whatever_its_direction():
    with pytest.raises(UserError, match="keys a, a:desc: a key is named twice"):
        plan_keys(["a", "a:desc"], columns(a="i4"))


def test_no_key_means_the_only_plain_column():
    assert plan_keys([], columns(a="i4")).keys == (Key("a"),)
    with pytest.raises(UserError, match="no key given: name one or more of a, b with -k"):
        plan_keys([], columns(a="i4", b="i4"))
    with pytest.raises(UserError, match="name one or more of id, pos, t, tag with -k"):
        plan_keys([], [Column("rows", PARTICLE)])
    with pytest.raises(UserError, match="no key given"):
        plan_keys([], [])


def test_the_dotted_name_of_a_column_is_its_name():
    assert only_part("a.b", columns(**{"a.b": "i4", "a": "i8"})).column == 0
    assert only_part("lep.pt", [Column("rows", np.dtype([("lep.pt", "f4"), ("x", "f4")]))]).offset_bytes == 0
