"""The contract between a file format and whoever reads or writes tables through it.

Knows: columns, rows and bytes. Does not know: ranks, devices, keys.
A source and a sink are used by one rank each; every rank opens its own.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from gpumpi.schema import Schema

Rows = npt.NDArray[np.uint8]
"""Rows of one column as plain bytes: shape (n, row_bytes), C-contiguous, uint8."""


class Source(Protocol):
    """A table that is read by slices, from as many ranks as like, never changed."""

    @property
    def name(self) -> str:
        """How messages call it, such as ``snapshot.h5:/PartType1``."""

    @property
    def schema(self) -> Schema:
        """Columns and row count."""

    @property
    def identity(self) -> str:
        """A digest that differs when another file, or another state of the file, stands under the name."""

    def read(self, column: int, start: int, out: Rows) -> None:
        """Fill `out` with rows ``start : start + len(out)`` of a column.

        Raises
        ------
        UserError
            If the file cannot give them (a missing external file, an unknown filter, a file cut short).
        """

    def preferred_block_rows(self, column: int) -> int:
        """Rows that are cheapest read together: slices at multiples of it touch no stored block twice; 1 if none."""

    def close(self) -> None:
        """Release the file. Closing twice is fine."""


class Sink(Protocol):
    """One rank's hand on an output that somebody has laid out; rows go to their final place in any order."""

    def write(self, column: int, start: int, rows: Rows) -> None:
        """Put `rows` at ``start`` of a column.

        Raises
        ------
        UserError
            If the disk is full or cannot be written.
        """

    def close(self) -> None:
        """Everything this rank has written is on disk when this returns."""
