"""Made-up columns: the values of any block of a column's rows.

Knows: what each named distribution means, counter-based random numbers; pure. Does not know: ranks, files, tables.

A column is made in blocks of `BLOCK_ROWS` rows. A block depends on the column's description, the seed and its own
number alone, so any rank can make any block, and a table is the same for every number of ranks. Almost every
distribution makes unsigned 64-bit *positions* first, evenly spread over the type; `_place` turns positions into values
of the type without changing their order, so that "sorted" is sorted for strings and times too.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gpumpi.algorithms.column_spec import ColumnSpec

BLOCK_ROWS = 1 << 16
_TOP = (1 << 64) - 1
_ZIPF_VALUES = 1 << 20
_LETTER_BITS = 5
_LETTERS_A_POSITION = 12
_LETTERS = np.frombuffer(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef", np.uint8)

Positions = npt.NDArray[np.uint64]
Values = npt.NDArray[Any]


@dataclass(frozen=True)
class _Stretch:
    """Elements ``start : start + n`` out of `n_all`, and the random words that belong to them."""

    start: int
    n: int
    n_all: int
    random: np.random.Generator
    argument: float

    def words(self) -> Positions:
        return self.random.bit_generator.random_raw(self.n)

    def numbers(self) -> npt.NDArray[np.float64]:
        """Uniform in [0, 1)."""
        return _unit(self.words())

    def index(self) -> Positions:
        return np.arange(self.start, self.start + self.n, dtype=np.uint64)


def _uniform(part: _Stretch) -> Positions:
    return part.words()


def _normal(part: _Stretch) -> Positions:
    around_middle = part.random.standard_normal(part.n) / 16 + 0.5
    return (np.clip(around_middle, 0, 1 - 2**-53) * 2.0**64).astype(np.uint64)


def _sorted(part: _Stretch) -> Positions:
    return part.index() * np.uint64(_TOP // max(part.n_all, 1))


def _reverse(part: _Stretch) -> Positions:
    return (np.uint64(max(part.n_all, 1) - 1) - part.index()) * np.uint64(_TOP // max(part.n_all, 1))


def _nearly_sorted(part: _Stretch) -> Positions:
    positions = _sorted(part)
    strays = part.numbers() < part.argument
    positions[strays] = part.words()[strays]
    return positions


def _few_distinct(part: _Stretch) -> Positions:
    n_values = np.uint64(part.argument)
    words = part.words()
    return (words - words // n_values * n_values) * (np.uint64(_TOP) // n_values)


def _all_equal(part: _Stretch) -> Positions:
    return np.full(part.n, 1 << 63, np.uint64)


def _staggered(part: _Stretch) -> Positions:
    """Rows of the first half go to odd buckets, those of the second half to even ones: everything has to move."""
    buckets = int(part.argument)
    stretch = part.index() // np.uint64(max(1, -(-part.n_all // buckets)))
    first_half = stretch < buckets // 2
    bucket = np.where(first_half, 2 * stretch + np.uint64(1), 2 * stretch - np.uint64(buckets - buckets % 2))
    width = np.uint64(_TOP // buckets)
    return bucket * width + part.words() // np.uint64(buckets)


def _zipf(part: _Stretch, n_values: int = _ZIPF_VALUES) -> Positions:
    """Ranks from 1, rank k with a probability near ``k ** -argument``, by inverting the continuous law."""
    exponent, numbers = 1 - part.argument, part.numbers()
    if abs(exponent) < 1e-9:
        ranks = np.exp(numbers * math.log(n_values + 1))
    else:
        ranks = (1 + numbers * ((n_values + 1) ** exponent - 1)) ** (1 / exponent)
    return np.clip(ranks, 1, n_values).astype(np.uint64)


_POSITIONS: dict[str, Callable[[_Stretch], Positions]] = {
    "uniform": _uniform,
    "normal": _normal,
    "zipf": _zipf,
    "sorted": _sorted,
    "reverse": _reverse,
    "nearly-sorted": _nearly_sorted,
    "few-distinct": _few_distinct,
    "all-equal": _all_equal,
    "staggered": _staggered,
}


def block(spec: ColumnSpec, n_rows: int, block_index: int, seed: int) -> Values:
    """Rows ``block_index * BLOCK_ROWS`` and on of a column of `n_rows` rows, at most `BLOCK_ROWS` of them.

    Returns
    -------
    numpy.ndarray
        Shape (n, *row_shape), of the column's dtype, in host memory. The same for the same arguments on every rank
        and machine; a new NumPy may change the normal distribution.
    """
    a_row = math.prod(spec.row_shape)
    first = min(block_index * BLOCK_ROWS, n_rows)
    n_block = min(BLOCK_ROWS, n_rows - first)
    name_word = int.from_bytes(hashlib.blake2b(spec.name.encode(), digest_size=8).digest(), "little")
    random = np.random.Generator(np.random.Philox(key=[seed & _TOP, name_word], counter=[0, 0, block_index, 0]))
    part = _Stretch(first * a_row, n_block * a_row, n_rows * a_row, random, spec.argument)
    return _values(spec, part).reshape(n_block, *spec.row_shape)


def _values(spec: ColumnSpec, part: _Stretch) -> Values:
    dtype = spec.dtype
    if spec.distribution == "normal" and dtype.kind == "f":
        return part.random.standard_normal(part.n).astype(dtype)
    if spec.distribution == "uniform" and dtype.kind in "ui":
        # Every bit pattern is as likely as any other: the words are the values already.
        words = part.random.bit_generator.random_raw(-(-part.n * dtype.itemsize // 8))
        return words.view(dtype)[: part.n]
    if spec.distribution == "zipf":
        return _zipf_values(dtype, part)
    return _place(dtype, _POSITIONS[spec.distribution](part))


def _zipf_values(dtype: np.dtype[np.generic], part: _Stretch) -> Values:
    """Numbers are the ranks themselves; in other types each rank stands for some value, heavy ones anywhere."""
    if dtype.kind == "f":
        return _zipf(part, min(_ZIPF_VALUES, 2 ** (_float_bits(dtype)))).astype(dtype)
    if dtype.kind in "ui":
        return _zipf(part, min(_ZIPF_VALUES, _largest(dtype))).astype(dtype)
    return _place(dtype, _scatter(_zipf(part)))


def _place(dtype: np.dtype[np.generic], positions: Positions) -> Values:
    """Values of the type in the order of their positions."""
    if dtype.kind == "f":
        bits = _float_bits(dtype)
        return ((positions >> np.uint64(64 - bits)).astype(np.float64) * 2.0**-bits).astype(dtype)
    if dtype.kind == "b":
        return (positions >> np.uint64(63)).astype(dtype)
    if dtype.kind in "mM":
        return (_unit(positions) * _ticks(dtype)).astype(np.int64).view(dtype.newbyteorder("=")).astype(dtype)
    if dtype.kind == "S":
        return _strings(dtype.itemsize, positions)
    top = (positions >> np.uint64(64 - 8 * dtype.itemsize)).astype(f"u{dtype.itemsize}")
    if dtype.kind == "i":
        top ^= top.dtype.type(1 << (8 * dtype.itemsize - 1))
    return top.view(dtype.newbyteorder("=")).astype(dtype, copy=False)


def _unit(positions: Positions) -> npt.NDArray[np.float64]:
    return (positions >> np.uint64(11)).astype(np.float64) * 2.0**-53


def _float_bits(dtype: np.dtype[Any]) -> int:
    """Bits of a float's significand: so many are exact."""
    return np.finfo(dtype).nmant + 1


def _largest(dtype: np.dtype[Any]) -> int:
    return int(np.iinfo(dtype).max)


def _ticks(dtype: np.dtype[Any]) -> float:
    """Ticks of a hundred years from 1970 in the unit of the type, or what fits into it."""
    unit, step = np.datetime_data(dtype)
    if unit in ("ps", "fs", "as"):
        return 2.0**62
    return float(np.array("2070-01-01", "M8[D]").astype(f"M8[{unit}]").astype(np.int64)) / step


def _strings(length: int, positions: Positions) -> Values:
    """Letters of five bits each, most significant first; beyond twelve letters a scattered copy goes on."""
    letters = np.empty((len(positions), length), np.uint8)
    for at in range(length):
        if at and at % _LETTERS_A_POSITION == 0:
            positions = _scatter(positions)
        shift = 64 - _LETTER_BITS * (at % _LETTERS_A_POSITION + 1)
        letters[:, at] = _LETTERS[(positions >> np.uint64(shift)) & np.uint64(31)]
    return letters.view(f"S{length}")[:, 0]


def _scatter(words: Positions) -> Positions:
    """Mix 64-bit words one to one, in a fixed way. Source: S. Vigna, the finaliser of SplitMix64."""
    mixed = words + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
