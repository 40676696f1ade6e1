"""That rows came through: how many, which, in what order.

Knows: fingerprints and words. Does not know: files, exchange.

Each rank digests what it reads and what it hands on; sums over ranks have to agree. Order is checked inside a rank as
rows go by and between ranks at the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from gpumpi.device.base import Device, Rows, Words
from gpumpi.errors import LostRows
from gpumpi.fabric import Fabric
from gpumpi.keys import KeyPlan
from gpumpi.units import format_rows

_MODULUS = 1 << 64


@dataclass
class Digest:
    """Rows seen and the sum of their fingerprints, of one rank."""

    n_rows: int = 0
    fingerprint: int = 0

    def add(self, device: Device, columns: Sequence[Rows]) -> None:
        """See some more rows."""
        if len(columns[0]):
            self.n_rows += len(columns[0])
            self.fingerprint = (self.fingerprint + device.fingerprint(columns)) % _MODULUS

    def over_ranks(self, fabric: Fabric) -> Digest:
        """Of all ranks together. *Collective*."""
        mine = np.array([self.n_rows, self.fingerprint], np.uint64)
        everyone = fabric.allreduce(mine)
        return Digest(int(everyone[0]), int(everyone[1]))


@dataclass
class OrderWatch:
    """Whether rows went by in order, of one rank: words of the first and the last row, and the first row out of order.

    Attributes
    ----------
    strictly : bool
        Equal neighbours count as out of order too.
    disorder : int
        The first local row that should not come after the one before it; -1 if there is none.
    """

    strictly: bool = False
    n_rows: int = 0
    disorder: int = -1
    first: npt.NDArray[np.uint64] | None = field(default=None)
    last: npt.NDArray[np.uint64] | None = field(default=None)

    def add(self, device: Device, words: Words) -> None:
        """See the words of the next rows."""
        n_rows = words.shape[1]
        if n_rows == 0:
            return
        if self.disorder < 0:
            at = _first_repeat(device, words) if self.strictly else device.first_disorder(words)
            if self.last is not None and out_of_order(self.last, words[:, 0], self.strictly):
                at = 0
            self.disorder = self.n_rows + at if at >= 0 else -1
        if self.first is None:
            self.first = words[:, 0].copy()
        self.last = words[:, -1].copy()
        self.n_rows += n_rows


def _first_repeat(device: Device, words: Words) -> int:
    """The first row that is not above the one before it, -1 if there is none."""
    wrong = [
        at for at in (device.first_disorder(words), _first_gap(device.first_of_runs(words), words.shape[1])) if at >= 0
    ]
    return min(wrong, default=-1)


def _first_gap(rows: npt.NDArray[np.int64], n_rows: int) -> int:
    """The smallest number below `n_rows` that ``rows``, ascending from 0, leaves out, -1 if none."""
    if rows.size == n_rows:
        return -1
    gaps = np.flatnonzero(rows != np.arange(rows.size))
    return int(gaps[0]) if gaps.size else rows.size


def out_of_order(before: npt.NDArray[np.uint64], after: npt.NDArray[np.uint64], strictly: bool) -> bool:
    """Whether a row with words `after` may not follow one with words `before`."""
    a, b = tuple(before.tolist()), tuple(after.tolist())
    return b <= a if strictly else b < a


def first_disorder_over_ranks(fabric: Fabric, watch: OrderWatch) -> int:
    """The first global row out of order, -1 if there is none; the same on every rank. *Collective*."""
    ends = fabric.collect((watch.n_rows, watch.disorder, watch.first, watch.last))
    offset, last = 0, None
    for n_rows, disorder, first, new_last in ends:
        if n_rows and last is not None and out_of_order(last, first, watch.strictly):
            return offset
        if disorder >= 0:
            return int(offset + disorder)
        offset, last = offset + n_rows, new_last if n_rows else last
    return -1


def require_same(read: Digest, written: Digest) -> None:
    """Nothing, if the rows that were read are the rows that were written.

    Raises
    ------
    LostRows
        If they are not: a fault of the machine or a bug; the output must not get its name.
    """
    if read != written:
        raise LostRows(
            f"rows written differ from rows read: {format_rows(read.n_rows)} rows with fingerprint "
            f"{read.fingerprint:016x} were read, {format_rows(written.n_rows)} with {written.fingerprint:016x} "
            "written; the output was not given its name"
        )


def require_order(disorder: int) -> None:
    """Nothing, if no row is out of order.

    Raises
    ------
    LostRows
        If global row `disorder` (not -1) is: a fault of the machine or a bug.
    """
    if disorder >= 0:
        raise LostRows(f"row {disorder} of the result is out of order; the output was not given its name")


def key_words(device: Device, columns: Sequence[Rows], plan: KeyPlan) -> Words:
    """Key words of rows that may be none."""
    if len(columns[0]) == 0:
        return np.empty((plan.n_words, 0), np.uint64)
    return device.words(columns, plan)
