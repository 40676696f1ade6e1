"""Splitters made ready for search on the CPU.

Knows: splitters. Does not know: rows, ranks.

A table over the range of the splitters finds a key's partition in one load and a step or two when keys are spread
evenly over that range. Splitters part the keys evenly, so they tell themselves how many steps an average key would
take; where that is dear, a search tree is used.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gpumpi.device.host_loops import classify as loops

Words = npt.NDArray[np.uint64]
_CELLS_A_SPLITTER = 32
_FEWEST_CELLS = 1024
_STEPS_WORTH_A_TREE = 2.5
_ALL_ONES = np.uint64(2**64 - 1)


@dataclass(frozen=True)
class Table:
    """First words below each of many equal cells; see `host_loops.classify.classify_by_table`."""

    splitters: Words
    splitter_rows: npt.NDArray[np.int64]
    run_starts: npt.NDArray[np.int64]
    cells: npt.NDArray[np.uint16]
    low: np.uint64
    shift: np.uint64

    def classify(
        self, words: Words, first_row: int, ids: npt.NDArray[np.uint16], counts: npt.NDArray[np.int64]
    ) -> None:
        """Fill `ids` and add to `counts`."""
        loops.classify_by_table(
            words,
            first_row,
            self.splitters,
            self.splitter_rows,
            self.run_starts.copy(),
            self.cells,
            self.low,
            self.shift,
            ids,
            counts,
        )


@dataclass(frozen=True)
class Tree:
    """First words in breadth-first order; see `host_loops.classify.classify_by_tree`."""

    splitters: Words
    splitter_rows: npt.NDArray[np.int64]
    run_starts: npt.NDArray[np.int64]
    nodes: Words
    depth: int

    def classify(
        self, words: Words, first_row: int, ids: npt.NDArray[np.uint16], counts: npt.NDArray[np.int64]
    ) -> None:
        """Fill `ids` and add to `counts`."""
        loops.classify_by_tree(
            words,
            first_row,
            self.splitters,
            self.splitter_rows,
            self.run_starts.copy(),
            self.nodes,
            self.depth,
            ids,
            counts,
        )


def make_lookup(splitters: Words, splitter_rows: npt.NDArray[np.int64]) -> Table | Tree:
    """The cheaper of the two for these splitters: words of shape (n_words, n), rows of shape (n,), ascending."""
    first = splitters[0]
    runs = _run_starts(splitters)
    ended = np.concatenate([splitters, np.full((len(splitters), 1), _ALL_ONES)], axis=1)
    if first.size == 0:
        return Table(ended, splitter_rows, runs, np.zeros(1, np.uint16), np.uint64(0), np.uint64(63))
    cells, low, shift = _cells(first)
    steps = np.arange(first.size) - cells[((first - low) >> shift).astype(np.int64)]
    if steps.mean() <= _STEPS_WORTH_A_TREE:
        return Table(ended, splitter_rows, runs, cells, low, shift)
    nodes, depth = _tree(first)
    return Tree(ended, splitter_rows, runs, nodes, depth)


def _run_starts(splitters: Words) -> npt.NDArray[np.int64]:
    """Entry p: the first splitter that has the key of splitter p - 1."""
    starts = np.arange(-1, splitters.shape[1], dtype=np.int64)
    starts[2:][(splitters[:, 1:] == splitters[:, :-1]).all(axis=0)] = 0
    return np.maximum.accumulate(starts.clip(0))


def _cells(first: Words) -> tuple[npt.NDArray[np.uint16], np.uint64, np.uint64]:
    wanted = max(_FEWEST_CELLS, _CELLS_A_SPLITTER * first.size)
    low, spread = first[0], int(first[-1] - first[0])
    shift = np.uint64(max(0, spread.bit_length() - (wanted.bit_length() - 1)))
    starts = low + (np.arange((spread >> int(shift)) + 1, dtype=np.uint64) << shift)
    return np.searchsorted(first, starts, side="left").astype(np.uint16), low, shift


def _tree(first: Words) -> tuple[Words, int]:
    depth = int(first.size).bit_length()
    nodes = np.full(1 << depth, _ALL_ONES, np.uint64)
    waiting = [(1, 0, (1 << depth) - 1)]
    while waiting:
        node, start, stop = waiting.pop()
        middle = (start + stop) // 2
        if middle < first.size:
            nodes[node] = first[middle]
        if 2 * node < nodes.size:
            waiting += [(2 * node, start, middle), (2 * node + 1, middle + 1, stop)]
    return nodes, depth
