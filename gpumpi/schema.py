"""What a table looks like: names, types and shapes of its columns, and how many rows.

Knows: NumPy dtypes. Does not know: files, memory, ranks.
A row of a column is `row_bytes` plain bytes in the file's own byte order; only keys are ever interpreted.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Column:
    """One column: its name, the dtype of one element, and the shape of one row (``()`` for a plain column)."""

    name: str
    dtype: np.dtype[np.generic]
    row_shape: tuple[int, ...] = ()

    @property
    def row_bytes(self) -> int:
        """Bytes of one row of this column."""
        return self.dtype.itemsize * math.prod(self.row_shape)


@dataclass(frozen=True)
class Schema:
    """Columns of equal length, in order, and that length."""

    columns: tuple[Column, ...]
    n_rows: int

    @property
    def row_bytes(self) -> int:
        """Bytes of one row over all columns."""
        return sum(column.row_bytes for column in self.columns)

    @property
    def names(self) -> tuple[str, ...]:
        """Column names in order."""
        return tuple(column.name for column in self.columns)


def near(name: str, names: Sequence[str], limit: int = 5) -> str:
    """The names most like `name`, for an error message: ``"did you mean a, b?"`` or ``"there are a, b, c"``."""
    close = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    if close:
        return f"did you mean {', '.join(close)}?"
    shown = ", ".join(list(names)[:limit]) + (f" and {len(names) - limit} more" if len(names) > limit else "")
    return f"there are {shown}" if names else "there are none"
