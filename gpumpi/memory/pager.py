"""Holds the rows of each partition in pages, within a budget, until somebody takes them in input order.

Knows: pages, budget, the device that copies. Does not know: what rows mean, who sent them.

A page is one buffer with room for a fixed number of rows of one partition, all columns; it fills up in order of arrival
and never changes what it holds. A piece is what one block put into one page.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from gpumpi.device.base import Device, Rows
from gpumpi.memory.budget import Budget
from gpumpi.memory.page import column_starts

Integers = npt.NDArray[np.int64]
_NO_PAGE = -1
_DROPPED = 0
_SLAB_BYTES = 4 << 20


class _Pieces(NamedTuple):
    """Where rows lie: arrays of equal length."""

    partition: Integers
    first_row: Integers
    page: Integers
    start: Integers
    n_rows: Integers


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
        self._widths = list(row_bytes)
        self._page_rows = page_rows
        self._starts, self._page_bytes = column_starts(row_bytes, page_rows)
        self._pages: list[npt.NDArray[np.uint8] | None] = []
        self._spare: list[npt.NDArray[np.uint8]] = []
        self._pages_of: list[list[int]] = [[] for _ in range(n_partitions)]
        self._open = np.full(n_partitions, _NO_PAGE, np.int64)
        self._open_address = np.zeros(n_partitions, np.int64)
        self._filled = np.full(n_partitions, page_rows, np.int64)
        self._pieces: list[_Pieces] = []
        self._index: tuple[_Pieces, Integers, Integers] | None = None
        self.rows = np.zeros(n_partitions, np.int64)
        """Rows in each partition."""

    def append(self, first_row: int, columns: Sequence[Rows], counts: Integers) -> None:
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
        sources = np.cumsum(counts) - counts
        taken = np.zeros_like(counts)
        while True:
            fitting = np.minimum(counts - taken, self._page_rows - self._filled)
            partitions = np.flatnonzero(fitting)
            if partitions.size:
                n_rows = fitting[partitions]
                pieces = _Pieces(
                    partitions,
                    np.full(partitions.size, first_row),
                    self._open[partitions],
                    self._filled[partitions],
                    n_rows,
                )
                self._copy_in(columns, (sources + taken)[partitions], pieces)
                self._pieces.append(pieces)
                self._filled[partitions] += n_rows
                taken[partitions] += n_rows
            waiting = np.flatnonzero(taken < counts)
            if not waiting.size:
                break
            for partition in waiting.tolist():
                self._open_page(partition)
        self.rows += counts
        self._index = None

    def _open_page(self, partition: int) -> None:
        self._budget.reserve(self._page_bytes, "a page of rows")
        self._open[partition], self._filled[partition] = len(self._pages), 0
        self._pages_of[partition].append(len(self._pages))
        page = self._new_page()
        self._pages.append(page)
        self._open_address[partition] = _address(page)

    def _new_page(self) -> npt.NDArray[np.uint8]:
        """Memory for a page: several are cut from one buffer, so that the system can give it huge pages."""
        if not self._spare:
            n_pages = max(1, _SLAB_BYTES // max(1, self._page_bytes))
            slab = self._device.pool.take(n_pages * self._page_bytes)
            self._spare = list(slab.reshape(n_pages, self._page_bytes))
        return self._spare.pop()

    def _copy_in(self, columns: Sequence[Rows], sources: Integers, pieces: _Pieces) -> None:
        pages = self._open_address[pieces.partition]
        for column, width, start in zip(columns, self._widths, self._starts, strict=True):
            base = _address(column)
            targets = pages + start + pieces.start * width
            self._device.copy_many(base + sources * width, targets, pieces.n_rows * width)

    def read(self, partition: int, column: int, out: Rows) -> None:
        """Fill `out`, of shape (rows in the partition, row_bytes), with one column in input order."""
        pieces, addresses, bounds = self._by_partition()
        mine = slice(bounds[partition], bounds[partition + 1])
        width = self._widths[column]
        sizes = pieces.n_rows[mine] * width
        sources = addresses[mine] + self._starts[column] + pieces.start[mine] * width
        self._device.copy_many(sources, _address(out) + np.cumsum(sizes) - sizes, sizes)

    def _by_partition(self) -> tuple[_Pieces, Integers, Integers]:
        """All pieces, by partition and input row, their pages' addresses, and where each partition's pieces begin."""
        if self._index is None:
            nothing = [np.empty(0, np.int64)]
            every = _Pieces(*(np.concatenate(nothing + [pieces[i] for pieces in self._pieces]) for i in range(5)))
            addresses = np.array([_DROPPED if page is None else _address(page) for page in self._pages], np.int64)
            every = _Pieces(*(field[addresses[every.page] != _DROPPED] for field in every))
            order = np.lexsort((every.first_row, every.partition))
            ordered = _Pieces(*(field[order] for field in every))
            bounds = np.searchsorted(ordered.partition, np.arange(len(self._pages_of) + 1))
            self._index = ordered, addresses[ordered.page], bounds
        return self._index

    def close(self) -> None:
        """Forget everything."""
        for partition in range(len(self._pages_of)):
            self.drop(partition)

    def __del__(self) -> None:
        self.close()

    def drop(self, partition: int) -> None:
        """Forget the pages of a partition; their memory goes back to the pool."""
        for page in self._pages_of[partition]:
            self._pages[page] = None
        self._budget.release(self._page_bytes * len(self._pages_of[partition]))
        self._pages_of[partition] = []
        self._filled[partition], self.rows[partition] = self._page_rows, 0


def _address(memory: npt.NDArray[np.uint8]) -> int:
    address: int = memory.__array_interface__["data"][0]
    return address
