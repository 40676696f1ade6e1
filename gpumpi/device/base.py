"""The contract of whoever computes: a dozen primitives on rows and words, each with one meaning on every device.

Knows: rows as bytes, key plans. Does not know: MPI, files, partitions' owners. The contract is held by
`tests/contract/device_contract.py`, which every device passes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from gpumpi.device.pool import BufferPool
from gpumpi.keys import KeyPlan

Rows = npt.NDArray[np.uint8]
"""Rows of one column as plain bytes, shape (n, row_bytes), C-contiguous, on the device."""
Words = npt.NDArray[np.uint64]
"""Key words, shape (n_words, n), on the device; rows compare as their words do, first word first."""
Columns = Sequence[Rows] | Mapping[int, Rows]
"""Columns of equal length by their place in the schema: all of them, or those that matter."""
RowNumbers = npt.NDArray[Any]
"""Row numbers inside a block, shape (m,), uint32 or int64."""


class Device(Protocol):
    """Where rows live and what computes on them.

    Methods never change an argument unless its name is `out` or the method says so. Results rest in the device's
    pool and are the caller's.
    """

    name: str
    pool: BufferPool

    def words(self, columns: Columns, plan: KeyPlan) -> Words:
        """Key words of rows; `columns` holds at least those that the plan names, by their place in the schema."""

    def lookup(self, splitters: Words, splitter_rows: npt.NDArray[np.int64]) -> Any:
        """Splitters, ascending by (words, row), made ready for `classify`: opaque, reusable."""

    def classify(
        self, words: Words, first_row: int, lookup: Any
    ) -> tuple[npt.NDArray[np.uint16], npt.NDArray[np.int64]]:
        """Partition of each row, and rows in each partition.

        A row's partition is the number of splitters (words, row) that are not above the row's own (words, row);
        the block's rows are numbered from `first_row`. Shapes (n,) and (n_splitters + 1,).
        """

    def partition(
        self, columns: Columns, plan: KeyPlan, first_row: int, lookup: Any
    ) -> tuple[npt.NDArray[np.uint16], npt.NDArray[np.int64]]:
        """`classify` of the rows' `words`, without keeping the words."""

    def scatter(self, rows: Rows, ids: npt.NDArray[np.uint16], targets: npt.NDArray[np.int64]) -> None:
        """Store the rows of partition p, in their order, one after another from address ``targets[p]`` on."""

    def copy_many(
        self, sources: npt.NDArray[np.int64], targets: npt.NDArray[np.int64], sizes_bytes: npt.NDArray[np.int64]
    ) -> None:
        """Copy many blocks from address to address; no two overlap."""

    def order(self, words: Words) -> npt.NDArray[np.uint32]:
        """Row numbers in the order of their words; equal rows keep their own order."""

    def gather(self, rows: Rows, order: RowNumbers, out: Rows) -> None:
        """``out[i] = rows[order[i]]``."""

    def sort_alone(self, rows: Rows, plan: KeyPlan) -> bool:
        """Sort `rows` in place if the row is nothing but its key and that is the faster way; False if it was not done.

        The result is what `order` and `gather` give, bit for bit.
        """

    def fingerprint(self, columns: Sequence[Rows]) -> int:
        """A 64-bit digest of whole rows that does not depend on their order; digests of blocks add up modulo 2^64."""

    def first_disorder(self, words: Words) -> int:
        """The first row whose words are smaller than those of the row before it, -1 if there is none."""

    def first_of_runs(self, words: Words) -> npt.NDArray[np.int64]:
        """The rows whose words differ from the row before; row 0 is one of them."""

    def rows_up_to(self, words: Words, bound: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
        """The rows whose words are not above `bound` (shape (n_words,))."""
