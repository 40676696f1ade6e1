"""The stable order of rows by their key words, on the CPU.

Knows: the loops in `host_loops.order` and NumPy's sort. Does not know: columns, partitions.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from gpumpi.device.host_loops import order as loops
from gpumpi.device.pool import BufferPool

Words = npt.NDArray[np.uint64]
_INSERTION_ROWS = 24
"""Groups up to this size are sorted by insertion: less than packing them again costs."""


def stable_order(words: Words, pool: BufferPool) -> npt.NDArray[np.uint32]:
    """Row numbers in the order of their words, equal rows in their own order.

    Parameters
    ----------
    words : uint64 array of shape (n_words, n)
        n below 2^32.
    pool : BufferPool
        Where scratch of 8 bytes a row comes from.

    Returns
    -------
    uint32 array of shape (n,)

    Notes
    -----
    *Cost*: one library sort of n 64-bit integers if the leading bits tell the keys apart, and one more of the rows
    concerned for every 64 - 2 log2(n) bits or so that they do not.
    """
    n_rows = words.shape[1]
    order = pool.take(4 * n_rows).view(np.uint32)
    if n_rows == 0:
        return order
    low, seen = _span(words[0])
    if seen == 0 and len(words) == 1:
        order[:] = np.arange(n_rows, dtype=np.uint32)
        return order
    packed = pool.take(8 * n_rows).view(np.uint64)
    position_bits = (n_rows - 1).bit_length()
    trailing = _trailing_zeros(seen)
    drop = max(0, _range_bits(words[0], low, trailing) - (64 - position_bits))
    loops.pack(
        words[0], np.uint64(low >> trailing), np.uint64(trailing), np.uint64(drop), np.uint64(position_bits), packed
    )
    packed.sort()
    loops.positions(packed, np.uint64(position_bits), order)
    exact = drop == 0 and len(words) == 1
    if not exact and loops.any_equal_leading(packed, np.uint64(position_bits)):
        starts, stops = (np.empty(n_rows // 2, np.int64) for _ in range(2))
        count = loops.mixed_groups(packed, np.uint64(position_bits), words, order, starts, stops)
        _refine(words, order, starts[:count], stops[:count])
    return order


def _span(word: Words) -> tuple[int, int]:
    out = np.empty(3, np.uint64)
    loops.span(word, out)
    return int(out[0]), int(out[2])


def _range_bits(word: Words, low: int, trailing: int) -> int:
    return ((int(word.max()) >> trailing) - (low >> trailing)).bit_length()


def _trailing_zeros(seen: int) -> int:
    return (seen & -seen).bit_length() - 1 if seen else 0


def _refine(
    words: Words, order: npt.NDArray[np.uint32], starts: npt.NDArray[np.int64], stops: npt.NDArray[np.int64]
) -> None:
    """Sort inside groups whose rows still differ, all groups at once, until none is left."""
    level = 0
    while True:
        left = loops.insertion_sort_groups(words, order, starts, stops, _INSERTION_ROWS)
        starts, stops = starts[:left], stops[:left]
        if not left:
            return
        n_rows = int((stops - starts).sum())
        above = np.empty(n_rows, np.uint64)
        seen = int(loops.above_group_minimum(words[level], order, starts, stops, above))
        if seen == 0:
            level += 1
            continue
        starts, stops = _sort_groups(words, order, starts, stops, above, seen)


def _sort_groups(
    words: Words,
    order: npt.NDArray[np.uint32],
    starts: npt.NDArray[np.int64],
    stops: npt.NDArray[np.int64],
    above: Words,
    seen: int,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """One round of `_refine`; the groups that are still mixed after it."""
    n_rows = above.size
    position_bits = (n_rows - 1).bit_length()
    room = 64 - position_bits - (starts.size - 1).bit_length()
    trailing = _trailing_zeros(seen)
    field_bits = seen.bit_length() - trailing
    drop = max(0, field_bits - room)
    shifts = [np.uint64(x) for x in (trailing, drop, field_bits - drop, position_bits)]
    packed = np.empty(n_rows, np.uint64)
    loops.pack_grouped(above, starts, stops, *shifts, packed)
    packed.sort()
    loops.reorder_groups(packed, shifts[3], starts, stops, np.empty(n_rows, np.uint32), order)
    new_starts, new_stops = (np.empty(n_rows // 2, np.int64) for _ in range(2))
    count = loops.mixed_subgroups(packed, shifts[3], words, order, starts, stops, new_starts, new_stops)
    return new_starts[:count], new_stops[:count]
