"""What the answers should be, by NumPy alone; nothing of gpumpi is imported here."""

from __future__ import annotations

import numpy as np


def sort_order(*keys):
    """Stable order of rows by (values, descending) keys: NaN and NaT last in both directions, -0.0 equal to 0.0."""
    columns = []
    for values, descending in keys:
        values = np.asarray(values)
        missing = (
            np.isnan(values)
            if values.dtype.kind == "f"
            else np.isnat(values)
            if values.dtype.kind in "mM"
            else np.zeros(len(values), bool)
        )
        rank = np.unique(values, return_inverse=True)[1].astype(np.int64)
        rank[missing] = 0
        columns += [missing, -rank if descending else rank]
    return np.lexsort(columns[::-1])


def some(rng, dtype, n, few=False):
    """`n` values of a dtype, with the special ones of its kind among them; from a handful of different ones if `few`."""
    dtype = np.dtype(dtype)
    kinds = {
        "i": _integers,
        "u": _integers,
        "b": lambda r, d, m: r.integers(0, 2, m).astype(d),
        "f": _floats,
        "M": _times,
        "m": _times,
        "S": _strings,
    }
    pool = kinds[dtype.kind](rng, dtype, 7 if few else max(n, 1))
    return pool[rng.integers(0, len(pool), n)] if few else pool[:n]


def _integers(rng, dtype, m):
    info = np.iinfo(dtype)
    values = rng.integers(info.min, info.max, m, dtype=dtype.newbyteorder("="), endpoint=True)
    return np.concatenate([np.array([info.min, info.max, 0], dtype)[: m // 4], values])[:m].astype(dtype)


def _floats(rng, dtype, m):
    values = (rng.normal(size=m) * 10.0 ** rng.integers(-4, 4, m)).astype(dtype)
    special = np.array([0.0, -0.0, np.nan, -np.nan, np.inf, -np.inf, np.finfo(dtype).tiny, -np.finfo(dtype).max], dtype)
    odd = rng.random(m) < 0.2
    values[odd] = special[rng.integers(0, len(special), int(odd.sum()))]
    return values


def _times(rng, dtype, m):
    numbers = rng.integers(-(2**62), 2**62, m)
    numbers[rng.random(m) < 0.1] = np.iinfo(np.int64).min
    numbers[rng.random(m) < 0.05] = np.iinfo(np.int64).max
    return numbers.view(dtype.newbyteorder("=")).astype(dtype)


def _strings(rng, dtype, m):
    letters = rng.integers(0, 256, (m, dtype.itemsize)).astype(np.uint8)
    letters[rng.random(m) < 0.5, dtype.itemsize // 2 :] = 0
    return np.ascontiguousarray(letters).view(dtype).ravel()


SORTABLE = [
    "i1",
    "u1",
    "i2",
    "u2",
    "i4",
    "u4",
    "i8",
    "u8",
    "f2",
    "f4",
    "f8",
    "?",
    ">i2",
    ">u4",
    ">i8",
    ">f4",
    ">f8",
    "M8[ns]",
    "m8[s]",
    ">M8[us]",
    "S1",
    "S3",
    "S8",
    "S10",
    "S17",
]


DISTRIBUTIONS = ["uniform", "zipf", "few", "sorted", "reverse", "nearly sorted", "all equal", "staggered"]


def distributed(rng, dtype, n, name, n_pieces=1):
    """`n` values of a dtype, special ones among them, distributed as `name` says; "staggered" is of `n_pieces` pieces.

    Staggered pieces are sorted, hold ranges that do not overlap, and lie in reverse order.
    """
    values = some(rng, dtype, n, few=name == "few")
    if n == 0 or name in ("uniform", "few"):
        return values
    if name == "zipf":
        return values[(rng.zipf(1.2, n) - 1) % n]
    if name == "all equal":
        return np.full(n, values[n // 2])
    values = values[sort_order((values, False))]
    if name == "reverse":
        return np.ascontiguousarray(values[::-1])
    if name == "nearly sorted":
        here, there = rng.integers(0, n, (2, n // 50 + 1))
        values[here], values[there] = values[there], values[here]
    if name == "staggered":
        return np.concatenate(np.array_split(values, n_pieces)[::-1])
    return values


CUTS = ["even", "uneven", "first holds all", "last holds all", "every other holds none"]


def cut(rng, n, n_pieces, how):
    """Borders of `n_pieces` consecutive pieces of `n` rows: piece p is rows ``[p] : [p + 1]``."""
    even = [piece * n // n_pieces for piece in range(n_pieces + 1)]
    if how == "uneven":
        return [0, *np.sort(rng.integers(0, n + 1, n_pieces - 1)).tolist(), n]
    if how == "first holds all":
        return [0, *[n] * n_pieces]
    if how == "last holds all":
        return [*[0] * n_pieces, n]
    if how == "every other holds none":
        return [0, *(even[piece + piece % 2] if piece < n_pieces else n for piece in range(1, n_pieces)), n]
    return even
