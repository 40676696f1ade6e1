"""The CPU as a device: NumPy where a library is fastest, Numba loops for the rest.

Knows: host memory. Does not know: MPI, files. One thread; every loop releases the GIL.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from gpumpi.device.base import Columns, RowNumbers, Rows, Words
from gpumpi.device.host_lanes import is_number, lanes, numbers
from gpumpi.device.host_lookup import Lookup, make_lookup
from gpumpi.device.host_loops import rows as row_loops
from gpumpi.device.host_loops import words as word_loops
from gpumpi.device.host_loops.loop import compile_all
from gpumpi.device.host_order import stable_order
from gpumpi.device.host_values import sort_values
from gpumpi.device.pool import BufferPool
from gpumpi.keys import WORD_BITS, KeyPart, KeyPlan


class HostDevice:
    """`Device` on the cores of this process."""

    name = "cpu"

    def __init__(self, pool: BufferPool | None = None) -> None:
        compile_all()
        self.pool = pool if pool is not None else BufferPool()

    def words(self, columns: Columns, plan: KeyPlan) -> Words:
        """See `Device.words`."""
        n_rows = len(columns[plan.parts[0].column])
        out = self.pool.rows(plan.n_words, 8 * n_rows).view(np.uint64)
        if plan.n_bits == WORD_BITS and len(plan.parts) == 1:
            _encode(columns[plan.parts[0].column], plan.parts[0], out[0])
            return out
        out[:] = 0
        bits = self.pool.take(8 * n_rows).view(np.uint64)
        for part in plan.parts:
            _encode(columns[part.column], part, bits)
            word_loops.place_bits(bits, 8 * part.width_bytes, part.first_bit, out)
        return out

    def lookup(self, splitters: Words, splitter_rows: npt.NDArray[np.int64]) -> Lookup:
        """See `Device.lookup`."""
        return make_lookup(splitters, splitter_rows)

    def classify(
        self, words: Words, first_row: int, lookup: Lookup
    ) -> tuple[npt.NDArray[np.uint16], npt.NDArray[np.int64]]:
        """See `Device.classify`."""
        ids = self.pool.take(2 * words.shape[1]).view(np.uint16)
        counts = np.zeros(lookup.splitter_rows.size + 1, np.int64)
        lookup.classify(words, first_row, ids, counts)
        return ids, counts

    def partition(
        self, columns: Columns, plan: KeyPlan, first_row: int, lookup: Lookup
    ) -> tuple[npt.NDArray[np.uint16], npt.NDArray[np.int64]]:
        """See `Device.partition`: words are made and used up a cacheful at a time."""
        n_rows = len(columns[plan.parts[0].column])
        ids = self.pool.take(2 * n_rows).view(np.uint16)
        counts = np.zeros(lookup.splitter_rows.size + 1, np.int64)
        for start in range(0, n_rows, _ROWS_IN_CACHE):
            part = slice(start, start + _ROWS_IN_CACHE)
            words = self.words({column: columns[column][part] for column in plan.columns}, plan)
            lookup.classify(words, first_row + start, ids[part], counts)
        return ids, counts

    def scatter(self, rows: Rows, ids: npt.NDArray[np.uint16], targets: npt.NDArray[np.int64]) -> None:
        """See `Device.scatter`."""
        if is_number(rows.shape[1]):
            row_loops.scatter(numbers(rows), ids, targets.copy())
        else:
            row_loops.scatter_wide(rows.ctypes.data, rows.shape[1], ids, targets.copy())

    def copy_many(
        self, sources: npt.NDArray[np.int64], targets: npt.NDArray[np.int64], sizes_bytes: npt.NDArray[np.int64]
    ) -> None:
        """See `Device.copy_many`."""
        row_loops.copy_many(sources, targets, sizes_bytes)

    def order(self, words: Words) -> npt.NDArray[np.uint32]:
        """See `Device.order`."""
        return stable_order(words, self.pool)

    def gather(self, rows: Rows, order: RowNumbers, out: Rows) -> None:
        """See `Device.gather`."""
        places = np.ascontiguousarray(order, dtype=np.uint32)
        if is_number(rows.shape[1]):
            row_loops.gather(numbers(rows), places, numbers(out))
        else:
            row_loops.gather_wide(lanes(rows, (8, 4, 1)), places, lanes(out, (8, 4, 1)))

    def sort_alone(self, rows: Rows, plan: KeyPlan) -> bool:
        """See `Device.sort_alone`."""
        return sort_values(rows, plan)

    def fingerprint(self, columns: Sequence[Rows]) -> int:
        """See `Device.fingerprint`."""
        if len(columns) == 1 and columns[0].shape[1] == 8:
            return int(row_loops.sum_of_mixed_lane(numbers(columns[0]), _FIRST_WEIGHT))
        sums = self.pool.take(8 * len(columns[0])).view(np.uint64)
        sums[:] = 0
        first_lane = 0
        for rows in columns:
            parts = lanes(rows)
            row_loops.add_lanes(parts, first_lane, sums)
            first_lane += parts.shape[1]
        return int(row_loops.sum_of_mixed(sums))

    def first_disorder(self, words: Words) -> int:
        """See `Device.first_disorder`."""
        return int(word_loops.first_disorder(words))

    def first_of_runs(self, words: Words) -> npt.NDArray[np.int64]:
        """See `Device.first_of_runs`."""
        out = np.empty(words.shape[1], np.int64)
        return out[: word_loops.first_of_runs(words, out)]

    def rows_up_to(self, words: Words, bound: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
        """See `Device.rows_up_to`."""
        out = np.empty(words.shape[1], np.int64)
        return out[: word_loops.rows_up_to(words, bound, out)]


_ROWS_IN_CACHE = 1 << 16
"""Rows whose words stay in the cache of a core, with room for others."""

_FIRST_WEIGHT = np.uint64(0xE220A8397B1DCDAF)
"""`host_loops.rows.lane_weight` of lane 0."""


def _encode(rows: Rows, part: KeyPart, out: npt.NDArray[np.uint64]) -> None:
    """Ordered bits of one part of every row."""
    if part.width_bytes == rows.shape[1] and is_number(part.width_bytes):
        word_loops.encode_column(numbers(rows), part.kind, part.width_bytes, part.big_endian, part.descending, out)
    else:
        address = rows.ctypes.data + part.offset_bytes
        word_loops.encode_field(
            address, rows.shape[1], len(rows), part.kind, part.width_bytes, part.big_endian, part.descending, out
        )
