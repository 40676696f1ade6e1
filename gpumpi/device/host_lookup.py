"""Splitters made ready for search on the CPU.

Knows: splitters. Does not know: rows, ranks.

A table finds a key's partition in one load and a step or two if few splitters share a cell. Splitters part the keys
evenly, so they tell themselves how many steps an average key would take; the table with fewer steps is used.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gpumpi.device.host_loops import classify as loops

Words = npt.NDArray[np.uint64]
_MOST_CELLS = 1 << 14
_CELLS_A_SPLITTER = 32
_FEWEST_CELLS = 1 << 10
_MANTISSA_BITS = 7
_ALL_ONES = np.uint64(2**64 - 1)


@dataclass(frozen=True)
class Cells:
    """How many distinct first words lie below each cell.

    Attributes
    ----------
    below : uint16 array
    low : uint64
        Where the first cell begins.
    argument : uint64
        Width of equal cells as a shift, or bits of mantissa of doubling ones.
    doubling : bool
    """

    below: npt.NDArray[np.uint16]
    low: np.uint64
    argument: np.uint64
    doubling: bool

    def of(self, words: Words) -> npt.NDArray[np.int64]:
        """The cell of each word, which is not below `low`."""
        distance = words - self.low
        if not self.doubling:
            return (distance >> self.argument).astype(np.int64)
        bits = int(self.argument)
        octaves = np.array([max(int(d), 1 << bits).bit_length() - 1 - bits for d in distance], np.uint64)
        return ((octaves << self.argument) + (distance >> octaves)).astype(np.int64)


@dataclass(frozen=True)
class Lookup:
    """Splitters and the table that finds them; see `host_loops.classify`."""

    splitters: Words
    splitter_rows: npt.NDArray[np.int64]
    distinct: Words
    lefts: npt.NDArray[np.int64]
    rights: npt.NDArray[np.uint16]
    cells: Cells

    def classify(
        self, words: Words, first_row: int, ids: npt.NDArray[np.uint16], counts: npt.NDArray[np.int64]
    ) -> None:
        """Fill `ids` with partitions and add to `counts`."""
        find = loops.find_doubling if self.cells.doubling else loops.find_linear
        find(words[0], self.distinct, self.cells.below, self.cells.low, self.cells.argument, ids)
        loops.settle(
            words, first_row, self.splitters, self.splitter_rows, self.distinct, self.rights,
            self.lefts.copy(), self.lefts, ids, counts,
        )  # fmt: skip


def make_lookup(splitters: Words, splitter_rows: npt.NDArray[np.int64]) -> Lookup:
    """The lookup of splitters: words of shape (n_words, n), rows of shape (n,), ascending by (words, row)."""
    distinct, starts = np.unique(splitters[0], return_index=True)
    lefts = np.concatenate([[0], starts]).astype(np.int64)
    rights = np.concatenate([[0], starts[1:], [splitters.shape[1]]] if starts.size else [[0]]).astype(np.uint16)
    choices = [_equal_cells(distinct), _doubling_cells(distinct)]
    cells = min(choices, key=lambda cells: _steps(cells, distinct))
    ended = np.append(distinct, _ALL_ONES)
    return Lookup(splitters, splitter_rows, ended, lefts, rights, cells)


def _steps(cells: Cells, distinct: Words) -> float:
    """Steps that the key of an average partition takes inside its cell."""
    if distinct.size == 0:
        return 0.0
    return float((np.arange(distinct.size) - cells.below[cells.of(distinct)]).mean())


def _equal_cells(distinct: Words) -> Cells:
    low, high = (distinct[0], distinct[-1]) if distinct.size else (np.uint64(0), np.uint64(0))
    wanted = min(max(_FEWEST_CELLS, _CELLS_A_SPLITTER * distinct.size), _MOST_CELLS)
    shift = np.uint64(max(0, int(high - low).bit_length() - (wanted.bit_length() - 1)))
    starts = low + (np.arange(int(high - low >> shift) + 1, dtype=np.uint64) << shift)
    return Cells(np.searchsorted(distinct, starts, side="left").astype(np.uint16), low, shift, False)


def _doubling_cells(distinct: Words) -> Cells:
    low, high = (distinct[0], distinct[-1]) if distinct.size else (np.uint64(0), np.uint64(0))
    bits = _MANTISSA_BITS
    last_octave = max(int(high - low), 1 << bits).bit_length() - 1 - bits
    starts = [distance for distance in range(1 << bits)]
    starts += [(part << octave) for octave in range(last_octave + 1) for part in range(1 << bits, 2 << bits)]
    distances = np.array(starts, np.uint64)
    below = np.searchsorted(distinct - low if distinct.size else distinct, distances, side="left")
    return Cells(below.astype(np.uint16), low, np.uint64(bits), True)
