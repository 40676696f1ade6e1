"""Keys: what a table is ordered by, and how the bytes of a row become order-preserving words.

Knows: dtypes and byte positions; pure. Does not know: data, devices.

A key becomes a string of bits that compares as an unsigned number: signed integers with the sign bit flipped, floats
by the IEEE total-order trick with -0.0 made equal to 0.0 and NaN (and NaT) last in either direction, strings as
big-endian bytes. The bits of all keys, most significant key first, fill 64-bit words from the top. Two rows compare
as their words do, first word first.
Source: radix sort of floats, M. Herf (2001), "Radix Tricks".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from gpumpi.errors import UserError
from gpumpi.schema import Column, near

WORD_BITS = 64
_DIRECTIONS = {"asc": False, "ascending": False, "desc": True, "descending": True}

UINT, INT, FLOAT, TIME = range(4)
"""How the bytes of a part are read: unsigned, two's complement, IEEE float, int64 whose minimum is NaT (last)."""


@dataclass(frozen=True)
class Key:
    """One sort key by name, ascending unless said otherwise."""

    name: str
    descending: bool = False

    def __str__(self) -> str:
        return f"{self.name}:desc" if self.descending else self.name


@dataclass(frozen=True)
class KeyPart:
    """Up to eight bytes of a row that become up to 64 bits of its words.

    Attributes
    ----------
    column, offset_bytes, width_bytes : int
        Where in the row the bytes are.
    kind : int
        `UINT`, `INT`, `FLOAT` or `TIME`.
    big_endian, descending : bool
        Byte order in the row, and direction of the key.
    first_bit : int
        Where the bits go: 0 is the most significant bit of the first word.
    """

    column: int
    offset_bytes: int
    width_bytes: int
    kind: int
    big_endian: bool
    descending: bool
    first_bit: int


@dataclass(frozen=True)
class KeyPlan:
    """The parts of all keys in order; `n_words` words of 64 bits hold them."""

    keys: tuple[Key, ...]
    parts: tuple[KeyPart, ...]
    n_bits: int

    @property
    def n_words(self) -> int:
        """Words a row's key takes."""
        return max(1, -(-self.n_bits // WORD_BITS))

    @property
    def columns(self) -> tuple[int, ...]:
        """Columns that hold key bytes, each once, in order of first use."""
        return tuple(dict.fromkeys(part.column for part in self.parts))


def parse_key(text: str | Key) -> Key:
    """The key meant by ``"id"``, ``"mass:desc"`` or ``"mass:asc"``; a `Key` stays as it is."""
    if isinstance(text, Key):
        return text
    name, colon, direction = text.rpartition(":")
    if not colon:
        return Key(text)
    if direction.lower() not in _DIRECTIONS:
        raise UserError(f"key '{text}': '{direction}' is no direction; write {name}:asc or {name}:desc")
    return Key(name, _DIRECTIONS[direction.lower()])


def reverse(keys: Iterable[Key]) -> tuple[Key, ...]:
    """The keys with every direction turned around (``-r``)."""
    return tuple(Key(key.name, not key.descending) for key in keys)


def plan_keys(keys: Sequence[str | Key], columns: Sequence[Column]) -> KeyPlan:
    """Where the keys' bytes are in a row of `columns` and which bits they become.

    Parameters
    ----------
    keys : sequence of str or Key
        Most significant first. Empty means the only column, if there is one.
    columns : sequence of Column
        The table's columns; a field of a compound column is named by itself or as ``column.field``.

    Raises
    ------
    UserError
        If a key is not there, is given twice, or has a type without an order.
    """
    parsed = tuple(parse_key(key) for key in keys) or (_only_column(columns),)
    if len({key.name for key in parsed}) < len(parsed):
        raise UserError(f"keys {', '.join(map(str, parsed))}: a key is named twice; name each once")
    parts: list[KeyPart] = []
    first_bit = 0
    for key in parsed:
        place = locate_key(key.name, columns)
        if place.row_shape:
            raise UserError(f"key '{key.name}': its rows have shape {place.row_shape}; a key is one value a row")
        for width, kind, offset in _pieces(key.name, place.dtype):
            big = place.dtype.kind == "S" or _is_big_endian(place.dtype)
            offset_bytes = place.offset_bytes + offset
            parts.append(KeyPart(place.column, offset_bytes, width, kind, big, key.descending, first_bit))
            first_bit += 8 * width
    return KeyPlan(parsed, tuple(parts), first_bit)


def _only_column(columns: Sequence[Column]) -> Key:
    if len(columns) == 1 and columns[0].dtype.names is None:
        return Key(columns[0].name)
    names = [place.name for place in _named(columns)]
    raise UserError(f"no key given: name one or more of {', '.join(names[:8])} with -k")


class KeyPlace(NamedTuple):
    """Where a key is: what it is called inside its column, the column, and what lies where in a row of it."""

    name: str
    column: int
    offset_bytes: int
    dtype: np.dtype[np.generic]
    row_shape: tuple[int, ...]


def locate_key(name: str, columns: Sequence[Column]) -> KeyPlace:
    """Where the column or field of that name is.

    Raises
    ------
    UserError
        If there is none, or more than one.
    """
    named = _named(columns)
    hits = [place for place in named if name in (place.name, f"{columns[place.column].name}.{place.name}")]
    if len(hits) == 1:
        return hits[0]
    if hits:
        full = ", ".join(f"{columns[place.column].name}.{place.name}" for place in hits)
        raise UserError(f"key '{name}' is in several columns: write one of {full}")
    raise UserError(f"key '{name}' is not a column of this table; {near(name, [place.name for place in named])}")


def _named(columns: Sequence[Column]) -> list[KeyPlace]:
    found: list[KeyPlace] = []
    for index, column in enumerate(columns):
        if column.dtype.names is None:
            found.append(KeyPlace(column.name, index, 0, column.dtype, column.row_shape))
        else:
            found += _fields(column, index)
    return found


def _fields(column: Column, index: int) -> list[KeyPlace]:
    """Fields of a compound column, nested ones with dots."""
    found = []
    waiting = [("", 0, column.dtype, column.row_shape)]
    while waiting:
        path, offset_bytes, dtype, shape = waiting.pop(0)
        if dtype.fields is None:
            found.append(KeyPlace(path, index, offset_bytes, dtype, shape))
            continue
        for name, (field, start, *_) in sorted(dtype.fields.items(), key=lambda item: item[1][1]):
            base, sub_shape = field.subdtype or (field, ())
            waiting.append((f"{path}.{name}" if path else name, offset_bytes + start, base, shape + sub_shape))
    return found


def _is_big_endian(dtype: np.dtype[np.generic]) -> bool:
    return dtype.newbyteorder("=") != dtype and np.little_endian


def _pieces(name: str, dtype: np.dtype[np.generic]) -> list[tuple[int, int, int]]:
    """(width, kind, offset) of each part of one key."""
    size = dtype.itemsize
    if dtype.kind in "uib":
        return [(size, INT if dtype.kind == "i" else UINT, 0)]
    if dtype.kind == "f" and size in (2, 4, 8):
        return [(size, FLOAT, 0)]
    if dtype.kind in "mM":
        return [(size, TIME, 0)]
    if dtype.kind == "S" and size:
        return [(min(8, size - at), UINT, at) for at in range(0, size, 8)]
    raise UserError(f"key '{name}' has type {_describe(dtype)}, which has no order here; sort by {_ORDERED}")


_ORDERED = "integers, floats of 16, 32 or 64 bits, bool, enum, datetime64, timedelta64 or fixed-length strings"


def _describe(dtype: np.dtype[np.generic]) -> str:
    if dtype.kind == "c":
        return f"complex ({dtype})"
    if dtype.kind == "V":
        return f"opaque ({dtype.itemsize} bytes)"
    if dtype.kind == "O":
        return "variable length or reference"
    return re.sub(r"dtype\((.*)\)", r"\1", str(dtype))
