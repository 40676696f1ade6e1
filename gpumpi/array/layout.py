"""Which rank holds which global rows. Pure.

Knows: counts. Does not know: data.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Layout:
    """Consecutive global rows on consecutive ranks: rank r holds ``counts[r]`` rows from ``offsets[r]`` on."""

    counts: tuple[int, ...]

    @classmethod
    def even(cls, n_rows: int, n_ranks: int) -> Layout:
        """As equal as can be: no two ranks differ by more than one row."""
        return cls(tuple((rank + 1) * n_rows // n_ranks - rank * n_rows // n_ranks for rank in range(n_ranks)))

    @cached_property
    def offsets(self) -> tuple[int, ...]:
        """First global row of each rank, and the number of all rows at the end."""
        return (0, *np.cumsum(self.counts, dtype=np.int64).tolist())

    @property
    def n_global(self) -> int:
        """Rows on all ranks."""
        return self.offsets[-1]

    @property
    def imbalance(self) -> float:
        """The largest share over the mean share; 1 is perfect."""
        return max(self.counts) * len(self.counts) / self.n_global if self.n_global else 1.0

    def owner_of(self, rows: Sequence[int] | npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """The rank of each global row.

        Raises
        ------
        IndexError
            If a row is negative or not below the number of rows.
        """
        asked = np.asarray(rows, np.int64)
        if asked.size and (asked.min() < 0 or asked.max() >= self.n_global):
            wrong = asked[(asked < 0) | (asked >= self.n_global)][0]
            raise IndexError(f"row {wrong} is not one of the {self.n_global} rows")
        return np.searchsorted(np.array(self.offsets[1:]), asked, side="right").astype(np.int64)
