"""Splitters from a sample: how keys are parted into ranges of equal load. Pure.

Knows: sampled words and rows. Does not know: ranks, data, devices.
Source: sorting by regular sampling with (key, position) tie-break; the row number makes every key unique, so that any
distribution, all keys equal included, parts evenly: D. Helman, D. Bader, J. JaJa, "A randomized parallel sorting
algorithm with an experimental study" (JPDC 1998).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Words = npt.NDArray[np.uint64]

EVERY_ROW = -1
"""As a splitter's row: all rows with its key lie above it."""


@dataclass(frozen=True)
class RangePartitioner:
    """Splitters, ascending by (words, row): a row's partition is how many of them are not above it.

    Attributes
    ----------
    words : uint64 array of shape (n_words, n_partitions - 1)
    rows : int64 array of shape (n_partitions - 1,)
        Global input rows, or `EVERY_ROW`.
    """

    words: Words
    rows: npt.NDArray[np.int64]

    @property
    def n_partitions(self) -> int:
        """Partitions, some of which may be empty."""
        return self.rows.size + 1


def range_partitioner(words: Words, rows: npt.NDArray[np.int64], n_partitions: int) -> RangePartitioner:
    """Splitters at the quantiles of a sample.

    Parameters
    ----------
    words : uint64 array of shape (n_words, n)
        Key words of sampled rows, ascending by (words, row).
    rows : int64 array of shape (n,)
        Their global input rows, each once.
    n_partitions : int
        Partitions wanted.
    """
    n_sampled = rows.size
    if n_sampled == 0 or n_partitions == 1:
        return RangePartitioner(words[:, :0].copy(), rows[:0].copy())
    at = np.arange(1, n_partitions) * n_sampled // n_partitions
    splitter_rows = np.where(_is_repeated(words, at), rows[at], EVERY_ROW)
    return RangePartitioner(np.ascontiguousarray(words[:, at]), splitter_rows)


def _is_repeated(ordered: Words, at: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Whether the key at each place of the ordered sample occurs in it again: then it may be heavy."""
    before = ordered[:, np.maximum(at - 1, 0)] == ordered[:, at]
    after = ordered[:, np.minimum(at + 1, ordered.shape[1] - 1)] == ordered[:, at]
    repeated: npt.NDArray[np.bool_] = before.all(axis=0) & (at > 0)
    repeated |= after.all(axis=0) & (at < ordered.shape[1] - 1)
    return repeated


def sample_positions(n_rows: int, n_blocks: int, block_rows: int, seed: int) -> npt.NDArray[np.int64]:
    """First rows of sampled blocks: one at a random place in each of `n_blocks` equal strata of all rows.

    The same for every rank and rank count. Blocks do not overlap and lie within the rows.
    """
    n_blocks = max(1, min(n_blocks, n_rows // block_rows)) if n_rows else 0
    edges = np.arange(n_blocks + 1, dtype=np.int64) * n_rows // max(1, n_blocks)
    room = np.maximum(np.diff(edges) - block_rows, 0) + 1
    random = np.random.Generator(np.random.PCG64(seed)).random(n_blocks)
    starts: npt.NDArray[np.int64] = edges[:-1] + (random * room).astype(np.int64)
    return starts
