"""Holds the rows of each partition in pages, within a budget, until somebody takes them in input order.

Knows: pages, budget, the device that copies. Does not know: what rows mean, who sent them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from gpumpi.device.base import Device, Rows
from gpumpi.memory.budget import Budget
from gpumpi.memory.page import Page, Segment, column_starts


@dataclass
class _Partition:
    pages: list[Page] = field(default_factory=list)
    segments: list[Segment] = field(default_factory=list)
    n_rows: int = 0


class Pager:
    """Pages of `n_partitions` partitions of one table.

    Parameters
    ----------
    device : Device
        Whose memory the pages are in, and who copies.
    budget : Budget
        What they may take.
    row_bytes : sequence of int
        Bytes a row of each column.
    n_partitions, page_rows : int
        Partitions kept here, and rows a page has room for.
    """

    def __init__(
        self, device: Device, budget: Budget, row_bytes: Sequence[int], n_partitions: int, page_rows: int
    ) -> None:
        self._device, self._budget = device, budget
        self._widths = np.array(row_bytes, np.int64)
        self._page_rows = page_rows
        self._starts, self._page_bytes = column_starts(row_bytes, page_rows)
        self._partitions = [_Partition() for _ in range(n_partitions)]

    @property
    def rows(self) -> npt.NDArray[np.int64]:
        """Rows in each partition."""
        return np.array([partition.n_rows for partition in self._partitions], np.int64)

    def append(self, first_row: int, columns: Sequence[Rows], counts: npt.NDArray[np.int64]) -> None:
        """Keep a copy of rows that lie partition after partition.

        Parameters
        ----------
        first_row : int
            Global input row of the block: orders blocks; no two blocks share it.
        columns : sequence of uint8 arrays of shape (n, row_bytes)
        counts : int64 array of shape (n_partitions,)
            Rows of each partition; they add up to n.

        Raises
        ------
        UserError
            If the budget has no room for another page.
        """
        pieces: list[tuple[int, int, Page, int]] = []
        source = 0
        for partition, count in zip(self._partitions, counts.tolist(), strict=True):
            for page, start, n_rows in self._room(partition, first_row, count):
                pieces.append((source, n_rows, page, start))
                source += n_rows
        if pieces:
            self._copy_in(columns, pieces)

    def _room(self, partition: _Partition, first_row: int, n_rows: int) -> list[tuple[Page, int, int]]:
        """(page, start, rows) of new segments for `n_rows` rows."""
        found = []
        partition.n_rows += n_rows
        while n_rows:
            if not partition.pages or partition.pages[-1].n_rows == self._page_rows:
                partition.pages.append(self._new_page())
            page = partition.pages[-1]
            taken = min(n_rows, self._page_rows - page.n_rows)
            found.append((page, page.n_rows, taken))
            partition.segments.append(Segment(first_row, page, page.n_rows, taken))
            page.n_rows += taken
            n_rows -= taken
        return found

    def _new_page(self) -> Page:
        self._budget.reserve(self._page_bytes, "a page of rows")
        return Page(self._device.pool.take(self._page_bytes), self._starts, self._page_rows)

    def _copy_in(self, columns: Sequence[Rows], pieces: list[tuple[int, int, Page, int]]) -> None:
        source_rows = np.array([piece[0] for piece in pieces], np.int64)
        n_rows = np.array([piece[1] for piece in pieces], np.int64)
        addresses = np.array([piece[2].address for piece in pieces], np.int64)
        page_rows = np.array([piece[3] for piece in pieces], np.int64)
        for column, width, start in zip(columns, self._widths, self._starts, strict=True):
            base = column.ctypes.data
            self._device.copy_many(base + source_rows * width, addresses + start + page_rows * width, n_rows * width)

    def read(self, partition: int, column: int, out: Rows) -> None:
        """Fill `out`, of shape (rows in the partition, row_bytes), with one column in input order."""
        segments = sorted(self._partitions[partition].segments, key=lambda segment: segment.first_row)
        if not segments:
            return
        width, column_start = int(self._widths[column]), self._starts[column]
        sizes = np.array([segment.n_rows for segment in segments], np.int64) * width
        sources = np.array([s.page.address + column_start + s.start * width for s in segments], np.int64)
        self._device.copy_many(sources, out.ctypes.data + np.cumsum(sizes) - sizes, sizes)

    def drop(self, partition: int) -> None:
        """Forget a partition; its memory goes back to the pool."""
        self._budget.release(self._page_bytes * len(self._partitions[partition].pages))
        self._partitions[partition] = _Partition()
