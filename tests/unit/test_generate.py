"""Made-up columns: what each distribution promises, and that a table is the same for any number of ranks."""

import itertools

import numpy as np
import pytest

from gpumpi.algorithms.column_spec import DISTRIBUTIONS, parse_column
from gpumpi.algorithms.distributions import _POSITIONS, BLOCK_ROWS, block
from gpumpi.algorithms.generate import GeneratedContent, schema_of
from gpumpi.errors import UserError

TYPES = [
    "int8", "uint8", "int16", ">i4", "int64", ">u8", "uint32", "float16", "float32", "float64", ">f8", "bool", "S1",
    "S10", "S33", "datetime64[ns]", "datetime64[D]", "datetime64[Y]", "datetime64[25s]", "datetime64[as]",
    "timedelta64[us]", "float32[3]", "int16[2,2]",
]  # fmt: skip
N = 3 * BLOCK_ROWS // 2
PINNED_INT64_SEED_42 = [4975816427421185778, 4862899466350166599, -3607215471600583217]


def column(text: str, n_rows: int = N, seed: int = 1) -> np.ndarray:
    spec = parse_column(text)
    return np.concatenate([block(spec, n_rows, index, seed) for index in range(-(-n_rows // BLOCK_ROWS) or 1)])


def comparable(values: np.ndarray) -> np.ndarray:
    """Values that NumPy compares by itself: what stands in a row of several is taken in order."""
    return values.reshape(-1)


def test_every_distribution_is_made() -> None:
    assert set(_POSITIONS) == set(DISTRIBUTIONS)


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
@pytest.mark.parametrize("type_text", TYPES)
@pytest.mark.parametrize("n_rows", [0, 1, 2, 1000])
def test_any_type_and_distribution_has_the_type_asked_for(type_text: str, distribution: str, n_rows: int) -> None:
    spec = parse_column(f"a:{type_text}:{distribution}")
    values = block(spec, n_rows, 0, 3)
    assert values.dtype == spec.dtype and values.shape == (n_rows, *spec.row_shape)
    assert not (values.dtype.kind in "fmM" and (values != values).any())


@pytest.mark.parametrize("type_text", TYPES)
def test_sorted_ascends_and_reverse_descends(type_text: str) -> None:
    ascending = comparable(column(f"a:{type_text}:sorted"))
    descending = comparable(column(f"a:{type_text}:reverse"))
    assert (ascending[1:] >= ascending[:-1]).all()
    assert (descending[1:] <= descending[:-1]).all()
    assert ascending[0] != ascending[-1]


def test_sorted_of_a_wide_type_has_no_equal_rows() -> None:
    assert len(np.unique(column("a:int64:sorted"))) == N


def test_nearly_sorted_strays_in_the_share_asked_for() -> None:
    ascending = column("a:int64:sorted")
    for share in (0.01, 0.2, 0, 1):
        strays = (column(f"a:int64:nearly-sorted={share}") != ascending).mean()
        assert strays == pytest.approx(share, abs=0.005)


@pytest.mark.parametrize("type_text", ["int64", "float32", "S10", "datetime64[ns]", ">i4"])
def test_few_distinct_and_all_equal_have_so_many_values(type_text: str) -> None:
    assert len(np.unique(column(f"a:{type_text}:few-distinct=100"))) == 100
    assert len(np.unique(column(f"a:{type_text}:all-equal"))) == 1
    _, counts = np.unique(column(f"a:{type_text}:few-distinct"), return_counts=True)
    assert len(counts) == 16 and counts.min() > 0.9 * N / 16


@pytest.mark.parametrize("exponent", [0.8, 1.0, 1.5, 2.5])
def test_zipf_falls_as_a_power(exponent: float) -> None:
    values, counts = np.unique(column(f"a:int64:zipf={exponent}"), return_counts=True)
    frequency = dict(zip(values.tolist(), counts.tolist(), strict=True))
    assert min(frequency) == 1
    # Rank k stands for the stretch from k to k + 1 of the continuous law.
    expected = [np.log1p(1 / k) if exponent == 1 else (k ** (1 - exponent) - (k + 1) ** (1 - exponent)) / (exponent - 1)
                for k in (1, 2, 4)]  # fmt: skip
    assert frequency[2] / frequency[1] == pytest.approx(expected[1] / expected[0], rel=0.1)
    assert frequency[4] / frequency[1] == pytest.approx(expected[2] / expected[0], rel=0.1)


def test_uniform_and_normal_have_their_moments() -> None:
    uniform, normal = column("u:float64:uniform"), column("n:float64:normal")
    assert uniform.min() >= 0 and uniform.max() < 1
    assert uniform.mean() == pytest.approx(0.5, abs=0.01) and uniform.var() == pytest.approx(1 / 12, abs=0.01)
    assert normal.mean() == pytest.approx(0, abs=0.02) and normal.std() == pytest.approx(1, abs=0.02)
    whole = column("n:int64:normal").astype(float) / 2**60
    assert whole.mean() == pytest.approx(0, abs=0.02) and whole.std() == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("type_text", ["uint8", "int8", "bool"])
def test_uniform_reaches_every_value_of_a_small_type(type_text: str) -> None:
    values = column(f"a:{type_text}:uniform")
    assert len(np.unique(values)) == (2 if type_text == "bool" else 256)


def test_staggered_rows_all_belong_to_other_parts() -> None:
    values = column("a:uint64:staggered=8", n_rows=8 * 4096)
    parts = (values.reshape(8, 4096) >> np.uint64(61)).astype(int)
    for part, held in enumerate(parts):
        assert set(held) == {2 * part + 1 if part < 4 else 2 * part - 8}


@pytest.mark.parametrize("compound", [None, "rows"])
@pytest.mark.parametrize("n_ranks", [1, 2, 3, 5])
def test_ranks_make_the_same_table_together(n_ranks: int, compound: str | None) -> None:
    texts = ["id:int64:uniform", "x:float32[3]:normal", "s:S5:zipf", "t:>i2:nearly-sorted"]
    specs = [parse_column(text) for text in texts]
    schema = schema_of(specs, N, compound=compound)
    bounds = [rank * N // n_ranks for rank in range(n_ranks + 1)]
    made: list[list[np.ndarray]] = [[] for _ in schema.columns]
    for first, last in itertools.pairwise(bounds):
        content = GeneratedContent(specs, N, 7, first, last - first, compound=compound)
        expected_start = 0
        for start, rows in content.blocks(10_000):
            assert start == expected_start and 0 < len(rows[0]) <= 10_000
            expected_start += len(rows[0])
            for pieces, piece in zip(made, rows, strict=True):
                pieces.append(piece)
        assert expected_start == content.n_local
        for index, settled in enumerate(content.settle().columns):
            some = np.empty((min(1000, len(settled)), settled.shape[1]), np.uint8)
            content.read(index, len(settled) - len(some), some)
            assert (settled[len(settled) - len(some) :] == some).all()
    whole = [np.concatenate(pieces) for pieces in made]
    for name, text in zip(("id", "x", "s", "t"), texts, strict=True):
        bytes_of_rows = whole[0] if compound else whole[schema.names.index(name)]
        dtype = schema.columns[0].dtype if compound else parse_column(text).dtype
        values = np.frombuffer(bytes_of_rows.tobytes(), dtype)
        expected = column(text, N, seed=7)
        assert ((values[name] if compound else values.reshape(expected.shape)) == expected).all()


def test_rows_depend_on_seed_and_name_and_on_nothing_else() -> None:
    assert (column("a:int64") == column("a:int64")).all()
    assert (column("a:int64") != column("b:int64")).mean() > 0.99
    assert (column("a:int64", seed=1) != column("a:int64", seed=2)).mean() > 0.99


def test_a_seed_makes_the_same_rows_in_years_to_come() -> None:
    """The stream of Philox words is fixed, so these are: a change here breaks everybody's replays."""
    assert block(parse_column("id:int64:uniform"), 3, 0, 42).tolist() == PINNED_INT64_SEED_42


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("id", "NAME:TYPE"), (":int64", "NAME:TYPE"), ("a:int64:uniform:1", "NAME:TYPE"), ("a:int65", "is no type"),
        ("a:complex128", "not made here"), ("a:O", "not made here"), ("a:S", "not made here"), ("a:M8", "not made here"),
        ("a:longdouble", "not made here"), ("a:U4", "not made here"), ("a:float64[0]", "holds nothing"),
        ("a:int64:unifrom", "did you mean uniform"), ("a:int64:sorted=3", "takes no number"),
        ("a:int64:zipf=x", "not within"), ("a:int64:zipf=nan", "not within"), ("a:int64:few-distinct=0", "not within"),
    ],
)  # fmt: skip
def test_what_cannot_be_made_is_said_in_one_line(text: str, words: str) -> None:
    with pytest.raises(UserError, match=words) as caught:
        parse_column(text)
    assert "\n" not in str(caught.value) and f"'{text}'" in str(caught.value)


def test_columns_need_names_of_their_own() -> None:
    with pytest.raises(UserError, match="'a' is there twice"):
        schema_of([parse_column("a:int8"), parse_column("a:int16")], 1)
    with pytest.raises(UserError, match="without columns"):
        schema_of([], 1)
