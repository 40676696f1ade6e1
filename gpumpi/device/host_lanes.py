"""Rows of bytes as arrays of unsigned numbers, of the one kind that the loops are compiled for.

Knows: widths, alignment. Does not know: what the numbers mean.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.uint8]
Numbers = npt.NDArray[np.unsignedinteger[Any]]


def is_number(row_bytes: int) -> bool:
    """Whether a row of that width is one unsigned number."""
    return row_bytes in (1, 2, 4, 8)


def numbers(rows: Rows) -> Numbers:
    """Rows of 1, 2, 4 or 8 bytes as numbers, shape (n,)."""
    return _flat(rows, rows.shape[1])


def lanes(rows: Rows, widths: tuple[int, ...] = (8, 4, 2, 1)) -> Numbers:
    """Rows as the widest numbers of `widths` that divide a row, shape (n, lanes)."""
    width = next(width for width in widths if rows.shape[1] % width == 0)
    return _flat(rows, width).reshape(len(rows), rows.shape[1] // width)


def _flat(rows: Rows, width: int) -> Numbers:
    flat = rows.reshape(-1)
    if not flat.flags.writeable:
        flat = np.asarray(_Borrowed(flat))
    found: Numbers = flat.view(f"u{width}")
    return found if found.flags.aligned else found.copy()


class _Borrowed:
    """Read-only memory that looks like any other: to Numba, read-only is another type, and code of its own."""

    def __init__(self, owner: Rows) -> None:
        self._owner = owner
        address, _ = owner.__array_interface__["data"]
        self.__array_interface__: dict[str, Any] = {
            "shape": (owner.nbytes,), "typestr": "|u1", "data": (address, False), "version": 3,
        }  # fmt: skip
