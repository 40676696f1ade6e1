"""Splitters made ready for search on the CPU.

Knows: splitters. Does not know: rows, ranks.

A table of cells finds a key's partition in a load or two and hardly a step if few splitters share a cell. Splitters
part the keys evenly, so they tell themselves how many steps an average key would take; the first kind of cells that
needs few is used: equally wide ones, ones that double in width, or equal ones of which the crowded are cut again.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import numpy.typing as npt

from gpumpi.device.host_loops import classify as loops

Words = npt.NDArray[np.uint64]
Ids = npt.NDArray[np.uint16]
_CELLS = 1 << 12
_MANTISSA_BITS = 7
_MOST_PART_BITS = 10
_FEW_STEPS = 0.1
_ALL_ONES = np.uint64(2**64 - 1)


class Cells(Protocol):
    """Where to begin the search for a word: `below` holds how many distinct words lie below each cell, in order."""

    @property
    def below(self) -> Ids:
        """Distinct words below each cell."""

    def find(self, word: Words, distinct: Words, ids: Ids) -> None:
        """How many of the distinct words (all ones at their end) are surely not above each word, into `ids`."""


@dataclass(frozen=True)
class EqualCells:
    """Cells of width ``2**shift`` from `low` on, and how many distinct words lie below each."""

    below: Ids
    low: np.uint64
    shift: np.uint64

    @classmethod
    def of(cls, distinct: Words) -> EqualCells:
        """About `_CELLS` cells over the range of the distinct words."""
        low, spread = _range(distinct)
        shift = np.uint64(max(0, spread.bit_length() - (_CELLS.bit_length() - 1)))
        starts = np.arange((spread >> int(shift)) + 1, dtype=np.uint64) << shift
        return cls(_below(distinct, low, starts), low, shift)

    def find(self, word: Words, distinct: Words, ids: Ids) -> None:
        """See `Cells.find`."""
        loops.find_equal(word, distinct, self.below, self.low, self.shift, ids)


@dataclass(frozen=True)
class DoublingCells:
    """Cells that double in width with the distance from `low`, each octave in ``2**_MANTISSA_BITS`` parts."""

    below: Ids
    low: np.uint64

    @classmethod
    def of(cls, distinct: Words) -> DoublingCells:
        """All octaves that the distinct words reach."""
        low, spread = _range(distinct)
        parts = 1 << _MANTISSA_BITS
        octaves = max(spread, parts).bit_length() - _MANTISSA_BITS
        starts = list(range(parts)) + [part << octave for octave in range(octaves) for part in range(parts, 2 * parts)]
        return cls(_below(distinct, low, np.array(starts, np.uint64)), low)

    def find(self, word: Words, distinct: Words, ids: Ids) -> None:
        """See `Cells.find`."""
        loops.find_doubling(word, distinct, self.below, self.low, np.uint64(_MANTISSA_BITS), ids)


@dataclass(frozen=True)
class NestedCells:
    """Equal cells, each cut into ``2**(shift - part_shifts[cell])`` equal parts, from ``part_starts[cell]`` on."""

    below: Ids
    low: np.uint64
    shift: np.uint64
    part_starts: npt.NDArray[np.int64]
    part_shifts: npt.NDArray[np.uint8]

    @classmethod
    def of(cls, distinct: Words) -> NestedCells:
        """The cells of `EqualCells`, those with more than one word cut into parts."""
        outer = EqualCells.of(distinct)
        bits = _part_bits(distinct, outer)
        starts = np.cumsum(1 << bits) - (1 << bits)
        edges = [
            (np.uint64(cell) << outer.shift) + (np.arange(1 << b, dtype=np.uint64) << np.uint64(int(outer.shift) - b))
            for cell, b in enumerate(bits.tolist())
        ]
        below = _below(distinct, outer.low, np.concatenate(edges))
        return cls(below, outer.low, outer.shift, starts, (int(outer.shift) - bits).astype(np.uint8))

    def find(self, word: Words, distinct: Words, ids: Ids) -> None:
        """See `Cells.find`."""
        loops.find_nested(word, distinct, self.below, self.low, self.shift, self.part_starts, self.part_shifts, ids)


_KINDS: tuple[type[EqualCells] | type[DoublingCells] | type[NestedCells], ...] = (
    EqualCells,
    DoublingCells,
    NestedCells,
)


def _part_bits(distinct: Words, outer: EqualCells) -> npt.NDArray[np.int64]:
    """Into how many parts, as a power of two, each cell is cut: so many that no two words share one, within reason."""
    cells = ((distinct - outer.low) >> outer.shift).astype(np.int64)
    together = np.flatnonzero(cells[1:] == cells[:-1])
    nearest = np.full(outer.below.size, _ALL_ONES)
    np.minimum.at(nearest, cells[together], (distinct[1:] - distinct[:-1])[together])
    gap_bits = np.array([int(gap).bit_length() - 1 for gap in nearest])
    bits: npt.NDArray[np.int64] = np.clip(int(outer.shift) - gap_bits, 0, min(_MOST_PART_BITS, int(outer.shift)))
    return bits


def _range(distinct: Words) -> tuple[np.uint64, int]:
    return (distinct[0], int(distinct[-1] - distinct[0])) if distinct.size else (np.uint64(0), 0)


def _below(distinct: Words, low: np.uint64, starts: Words) -> Ids:
    return np.searchsorted(distinct - low, starts, side="left").astype(np.uint16)


@dataclass(frozen=True)
class Lookup:
    """Splitters and the cells that find them; see `host_loops.classify`."""

    splitters: Words
    splitter_rows: npt.NDArray[np.int64]
    distinct: Words
    lefts: npt.NDArray[np.int64]
    rights: Ids
    cells: Cells

    @cached_property
    def is_exact(self) -> bool:
        """Whether what the cells find is final: one word, no ties to settle by row, and never more than a step."""
        n_distinct = self.distinct.size - 1
        has_ties = len(self.splitters) > 1 or n_distinct < self.splitter_rows.size or (self.splitter_rows >= 0).any()
        inside = np.diff(np.append(self.cells.below, n_distinct).astype(np.int64))
        return not has_ties and bool(inside.max() <= 1)

    def classify(self, words: Words, first_row: int, ids: Ids, counts: npt.NDArray[np.int64]) -> None:
        """Fill `ids` with partitions and add to `counts`."""
        self.cells.find(words[0], self.distinct, ids)
        if self.is_exact:
            loops.count(ids, counts)
        else:
            loops.settle(
                words, first_row, self.splitters, self.splitter_rows, self.distinct, self.rights,
                self.lefts.copy(), self.lefts, ids, counts,
            )  # fmt: skip


def make_lookup(splitters: Words, splitter_rows: npt.NDArray[np.int64]) -> Lookup:
    """The lookup of splitters: words of shape (n_words, n), rows of shape (n,), ascending by (words, row)."""
    distinct, starts = np.unique(splitters[0], return_index=True)
    edges = np.append(starts, splitters.shape[1]).astype(np.int64)
    lefts, rights = np.append(0, edges[:-1]), np.append(0, edges[1:]).astype(np.uint16)
    ended = np.append(distinct, _ALL_ONES)
    return Lookup(splitters, splitter_rows, ended, lefts, rights, _choose(distinct, ended))


def _choose(distinct: Words, ended: Words) -> Cells:
    """The first kind of cells with few steps, else the one with the fewest."""
    tried: list[tuple[float, Cells]] = []
    for kind in _KINDS:
        cells = kind.of(distinct)
        tried.append((_steps(cells, distinct, ended), cells))
        if tried[-1][0] <= _FEW_STEPS:
            return cells
    return min(tried, key=lambda found: found[0])[1]


def _steps(cells: Cells, distinct: Words, ended: Words) -> float:
    """Steps that the key of an average partition takes inside its cell."""
    if distinct.size == 0:
        return 0.0
    found = np.empty(distinct.size, np.uint16)
    cells.find(distinct, ended, found)
    return float((np.arange(1, distinct.size + 1) - found).mean())
