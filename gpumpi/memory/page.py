"""A page: a block of rows of one partition, all columns, in one buffer.

Knows: rows as bytes. Does not know: where it will be needed next.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

COLUMN_ALIGNMENT_BYTES = 64


def column_starts(row_bytes: Sequence[int], n_rows: int) -> tuple[list[int], int]:
    """Where each column begins in a buffer that holds `n_rows` of all, aligned, and the bytes it takes in all."""
    starts, at = [], 0
    for width in row_bytes:
        starts.append(at)
        at += -(-width * n_rows // COLUMN_ALIGNMENT_BYTES) * COLUMN_ALIGNMENT_BYTES
    return starts, at


@dataclass
class Page:
    """Rows in one buffer, column after column; it fills up in order of arrival and never changes what it holds.

    Attributes
    ----------
    memory : uint8 array
        All columns.
    starts : list of int
        Where each column begins in `memory`.
    capacity_rows, n_rows : int
        Rows there is room for, rows that are there.
    """

    memory: npt.NDArray[np.uint8]
    starts: list[int]
    capacity_rows: int
    n_rows: int = 0
    address: int = field(init=False)

    def __post_init__(self) -> None:
        self.address = self.memory.ctypes.data


class Segment(NamedTuple):
    """Consecutive input rows that lie together in a page.

    Attributes
    ----------
    first_row : int
        Global input row of the block they came in: segments in this order are in input order.
    page : Page
    start, n_rows : int
        Where in the page.
    """

    first_row: int
    page: Page
    start: int
    n_rows: int
