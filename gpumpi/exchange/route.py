"""Where the rows of one block go: into a message for each peer, partition after partition, column after column. Pure.

Knows: counts and widths. Does not know: data, MPI.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gpumpi.memory.page import column_starts


@dataclass(frozen=True)
class Route:
    """Messages of one block, one after another in a single buffer.

    Attributes
    ----------
    counts : int64 array of shape (n_ranks, partitions a rank)
        Rows for each partition.
    rows : int64 array of shape (n_ranks,)
        Rows for each rank.
    message_starts : int64 array of shape (n_ranks + 1,)
        Where each rank's message begins in the buffer, in bytes; its size at the end.
    """

    counts: npt.NDArray[np.int64]
    rows: npt.NDArray[np.int64]
    message_starts: npt.NDArray[np.int64]
    _widths: tuple[int, ...]

    @property
    def n_bytes(self) -> int:
        """Size of the buffer."""
        return int(self.message_starts[-1])

    def targets(self, column: int, address: int) -> npt.NDArray[np.int64]:
        """Where the first row of each partition (over all ranks) goes, for a buffer at `address`."""
        before = np.cumsum(self.counts, axis=1) - self.counts
        column_start = np.array([column_starts(self._widths, int(n))[0][column] for n in self.rows], np.int64)
        starts = address + self.message_starts[:-1] + column_start
        return (starts[:, None] + before * self._widths[column]).ravel()


def make_route(counts: npt.NDArray[np.int64], n_ranks: int, row_bytes: Sequence[int]) -> Route:
    """The route of a block with ``counts[p]`` rows of partition p, ranks owning equal runs of partitions."""
    by_rank = counts.reshape(n_ranks, -1)
    rows = by_rank.sum(axis=1)
    sizes = [message_bytes(int(n), row_bytes) for n in rows]
    starts = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)]).astype(np.int64)
    return Route(by_rank, rows, starts, tuple(row_bytes))


def message_bytes(n_rows: int, row_bytes: Sequence[int]) -> int:
    """Bytes of a message of `n_rows` rows."""
    return column_starts(row_bytes, n_rows)[1]


def unpack(message: npt.NDArray[np.uint8], n_rows: int, row_bytes: Sequence[int]) -> list[npt.NDArray[np.uint8]]:
    """The columns of a message, as views of shape (n_rows, row_bytes)."""
    starts, _ = column_starts(row_bytes, n_rows)
    return [
        message[start : start + n_rows * width].reshape(n_rows, width)
        for start, width in zip(starts, row_bytes, strict=True)
    ]
