"""What a made-up column is asked to look like: its name, type, shape of a row and distribution.

Knows: how people write it, and which distributions there are; pure. Does not know: how values are made
(`gpumpi.algorithms.distributions`), ranks, files.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import numpy as np

from gpumpi.errors import UserError
from gpumpi.schema import Column, near


@dataclass(frozen=True)
class Distribution:
    """A named distribution: what it is in words, and its number, if it takes one, with the bounds of that."""

    text: str
    argument: float = 0.0
    least: float = 0.0
    most: float = 0.0


DISTRIBUTIONS = {
    "uniform": Distribution("every value of an integer type; [0, 1) for floats"),
    "normal": Distribution("mean 0 and deviation 1 for floats, around the middle of other types"),
    "zipf": Distribution("value k as often as k to the minus s; zipf=s", 1.0, 0.0, 16.0),
    "sorted": Distribution("ascending"),
    "reverse": Distribution("descending"),
    "nearly-sorted": Distribution("ascending but for a share of the rows; nearly-sorted=0.01", 0.01, 0.0, 1.0),
    "few-distinct": Distribution("d different values; few-distinct=d", 16, 1, 2.0**53),
    "all-equal": Distribution("one value"),
    "staggered": Distribution("p parts that all have to move; staggered=p", 16, 1, 2.0**20),
}


@dataclass(frozen=True)
class ColumnSpec:
    """What a made-up column looks like.

    Attributes
    ----------
    name : str
        Name of the column; its values depend on it, not on the columns beside it.
    dtype : numpy.dtype
        Type of one element.
    row_shape : tuple of int
        Shape of one row, ``()`` for a plain column.
    distribution : str
        One of `DISTRIBUTIONS`.
    argument : float
        The distribution's number; what it means stands in `DISTRIBUTIONS`.
    """

    name: str
    dtype: np.dtype[np.generic]
    row_shape: tuple[int, ...]
    distribution: str
    argument: float

    @property
    def column(self) -> Column:
        """The column of a schema that this describes."""
        return Column(self.name, self.dtype, self.row_shape)


def parse_column(text: str) -> ColumnSpec:
    """Column meant by ``"id:int64:uniform"``, ``"x:float64[3]:normal"`` or ``"k:>i4:few-distinct=100"``.

    The distribution may be left out and is uniform then.

    Raises
    ------
    UserError
        If a part is missing, or the type or the distribution is not known.
    """
    name, *rest = text.split(":")
    if not name or not 1 <= len(rest) <= 2:
        raise UserError(f"column '{text}' is not NAME:TYPE[:DISTRIBUTION], such as id:int64:uniform")
    dtype, row_shape = _parse_type(text, rest[0])
    distribution, argument = _parse_distribution(text, rest[1] if len(rest) == 2 else "uniform")
    return ColumnSpec(name, dtype, row_shape, distribution, argument)


def _parse_type(text: str, type_text: str) -> tuple[np.dtype[np.generic], tuple[int, ...]]:
    match = re.fullmatch(r"(.+?)(?:\[([0-9]+(?:,[0-9]+)*)\])?", type_text)
    try:
        dtype = np.dtype(match[1] if match else type_text)
    except (TypeError, ValueError):
        raise UserError(f"column '{text}': '{type_text}' is no type; write int64, >i4, float32[3], bool, S10, "
                        "datetime64[ns] or the like") from None  # fmt: skip
    sized = dtype.itemsize > 0 and dtype not in (np.dtype("M8"), np.dtype("m8"))
    if dtype.kind not in "uifbSmM" or not sized or (dtype.itemsize > 8 and dtype.kind != "S"):
        raise UserError(f"column '{text}': {dtype} columns are not made here; write an integer, a float of 16, 32 or "
                        "64 bits, bool, S<length>, datetime64[unit] or timedelta64[unit]")  # fmt: skip
    shape = tuple(int(size) for size in match[2].split(",")) if match and match[2] else ()
    if 0 in shape:
        raise UserError(f"column '{text}': a row of shape {shape} holds nothing; give lengths from 1")
    return dtype, shape


def _parse_distribution(text: str, distribution_text: str) -> tuple[str, float]:
    name, equals, number = distribution_text.partition("=")
    known = DISTRIBUTIONS.get(name)
    if known is None:
        raise UserError(f"column '{text}': '{name}' is no distribution; {near(name, list(DISTRIBUTIONS), 9)}")
    if not equals:
        return name, known.argument
    if known.most == 0:
        raise UserError(f"column '{text}': {name} takes no number; write {name}")
    try:
        argument = float(number)
    except ValueError:
        argument = math.nan
    if not known.least <= argument <= known.most:
        raise UserError(f"column '{text}': {name}={number} is not within {known.least:g} to {known.most:g}; "
                        f"write {name}={known.argument:g} or the like")  # fmt: skip
    return name, argument
