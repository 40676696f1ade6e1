"""Where this rank's rows of a table come from: a file, arrays in memory, or a computation.

Knows: a source's rows, local arrays. Does not know: keys, how many ranks there are.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from gpumpi.device.base import Device, RowNumbers, Rows
from gpumpi.device.pool import BufferPool
from gpumpi.fabric import Fabric
from gpumpi.formats.base import Source

BLOCK_BYTES = 8 << 20
"""Rows are handed on in blocks of about this size: large enough to hide a call, small enough to stay in cache."""


class Content(Protocol):
    """This rank's rows, in order."""

    @property
    def n_local(self) -> int:
        """Rows of this rank."""

    def blocks(self, max_rows: int) -> Iterator[tuple[int, list[Rows]]]:
        """(first local row, one array a column) for all rows in order, at most `max_rows` at a time.

        A block belongs to the caller until the next one is asked for.
        """

    def read(self, column: int, start: int, out: Rows) -> None:
        """Fill `out` with local rows ``start : start + len(out)`` of a column."""

    def settle(self) -> ArrayContent:
        """All rows of this rank in memory."""

    def verify(self, fabric: Fabric) -> None:
        """Prove, when all rows have been taken, that they are what they should be. *Collective*.

        Raises
        ------
        LostRows
            If they are not.
        """


class SourceContent:
    """Rows ``first_row : first_row + n_local`` of a source."""

    def __init__(self, source: Source, first_row: int, n_local: int, pool: BufferPool) -> None:
        self.source = source
        self.first_row = first_row
        self.n_local = n_local
        self._pool = pool

    def read(self, column: int, start: int, out: Rows) -> None:
        """See `Content.read`."""
        self.source.read(column, self.first_row + start, out)

    def blocks(self, max_rows: int) -> Iterator[tuple[int, list[Rows]]]:
        """See `Content.blocks`."""
        widths = [column.row_bytes for column in self.source.schema.columns]
        for start in range(0, self.n_local, max_rows):
            n_rows = min(max_rows, self.n_local - start)
            columns = [self._pool.rows(n_rows, width) for width in widths]
            for index, out in enumerate(columns):
                self.read(index, start, out)
            yield start, columns

    def settle(self) -> ArrayContent:
        """See `Content.settle`."""
        columns = []
        for index, column in enumerate(self.source.schema.columns):
            rows = self._pool.rows(self.n_local, column.row_bytes)
            self.read(index, 0, rows)
            columns.append(rows)
        return ArrayContent(columns)

    def verify(self, fabric: Fabric) -> None:
        """Nothing to prove: the rows are the file's."""


class ArrayContent:
    """Rows in memory."""

    def __init__(self, columns: Sequence[Rows]) -> None:
        self.columns = list(columns)

    @property
    def n_local(self) -> int:
        """Rows of this rank."""
        return len(self.columns[0])

    def read(self, column: int, start: int, out: Rows) -> None:
        """See `Content.read`."""
        out[:] = self.columns[column][start : start + len(out)]

    def blocks(self, max_rows: int) -> Iterator[tuple[int, list[Rows]]]:
        """See `Content.blocks`."""
        for start in range(0, self.n_local, max_rows):
            yield start, [column[start : start + max_rows] for column in self.columns]

    def settle(self) -> ArrayContent:
        """Itself."""
        return self

    def verify(self, fabric: Fabric) -> None:
        """Nothing to prove: the rows are the caller's."""


def read_runs(content: Content, column: int, starts: npt.NDArray[np.int64], out: Rows) -> None:
    """Fill `out` with equally long runs of local rows of a column, one from each of `starts` on."""
    length = len(out) // max(1, starts.size)
    if isinstance(content, ArrayContent):
        np.take(content.columns[column], (starts[:, None] + np.arange(length)).ravel(), axis=0, out=out)
        return
    for at, start in enumerate(starts.tolist()):
        content.read(column, start, out[at * length : (at + 1) * length])


def take(device: Device, rows: Rows, chosen: RowNumbers) -> Rows:
    """The chosen rows, in memory of their own."""
    out = device.pool.rows(len(chosen), rows.shape[1])
    device.gather(rows, chosen, out)
    return out


def as_rows(array: npt.NDArray[Any]) -> Rows:
    """The array's rows as plain bytes, without a copy if it is contiguous; nobody writes to them."""
    contiguous = np.ascontiguousarray(array)
    n_rows = len(contiguous)
    row_bytes = contiguous.dtype.itemsize * math.prod(contiguous.shape[1:])
    return contiguous.reshape(-1).view(np.uint8).reshape(n_rows, row_bytes)
