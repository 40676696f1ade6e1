"""Warm host memory that is used again.

Knows: anonymous mappings and huge pages. Does not know: budgets, what lies in a buffer.

Memory that the kernel hands out fresh is zeroed page by page on first touch, at a fraction of the speed of a copy; a
buffer that has been used before has that behind it. A buffer goes back to its pool by itself when the last view of it
is gone, so nobody has to know who uses it longest.
"""

from __future__ import annotations

import bisect
import mmap
import threading
from typing import Any

import numpy as np
import numpy.typing as npt

HUGE_PAGE_BYTES = 2 << 20
_SMALL_BYTES = 4096


class BufferPool:
    """Byte buffers by size, returned by garbage collection.

    Parameters
    ----------
    keep_bytes : int, optional
        Bytes of returned buffers to keep warm; the largest ones beyond that go back to the system. Unlimited if not
        given.

    Attributes
    ----------
    held_bytes : int
        Bytes of all buffers, in use or kept.
    kept_bytes : int
        Bytes of the buffers that wait for their next use.
    """

    def __init__(self, keep_bytes: int | None = None) -> None:
        self.keep_bytes = keep_bytes
        self.held_bytes = 0
        self.kept_bytes = 0
        self._free: list[tuple[int, int, mmap.mmap]] = []
        # A garbage collection may return a buffer while this thread is inside take().
        self._lock = threading.RLock()

    def take(self, n_bytes: int) -> npt.NDArray[np.uint8]:
        """An uninitialised uint8 array of shape (n_bytes,), page-aligned, warm if one of that size has been used."""
        if n_bytes < _SMALL_BYTES:
            return np.empty(n_bytes, np.uint8)
        size = _size_class(n_bytes)
        return np.asarray(_Lease(self, self._reuse(size) or self._map(size)))[:n_bytes]

    def rows(self, n_rows: int, row_bytes: int) -> npt.NDArray[np.uint8]:
        """`take`, shaped (n_rows, row_bytes)."""
        return self.take(n_rows * row_bytes).reshape(n_rows, row_bytes)

    def trim(self, keep_bytes: int = 0) -> None:
        """Give kept buffers back to the system, largest first, until `keep_bytes` are left."""
        with self._lock:
            while self.kept_bytes > keep_bytes:
                size, _, memory = self._free.pop()
                self.kept_bytes -= size
                self.held_bytes -= size
                memory.close()

    def _reuse(self, size: int) -> mmap.mmap | None:
        with self._lock:
            at = bisect.bisect_left(self._free, (size, 0))
            if at == len(self._free) or self._free[at][0] > size + size // 4:
                return None
            found, _, memory = self._free.pop(at)
            self.kept_bytes -= found
            if found < size:  # a garbage collection has moved the list in between
                self._give_back(memory, found)
                return None
            return memory

    def _map(self, size: int) -> mmap.mmap:
        spare = HUGE_PAGE_BYTES if size >= HUGE_PAGE_BYTES else 0
        memory = mmap.mmap(-1, size + spare, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        if spare:
            memory.madvise(mmap.MADV_HUGEPAGE)
        with self._lock:
            self.held_bytes += size
        return memory

    def _give_back(self, memory: mmap.mmap, size: int) -> None:
        with self._lock:
            bisect.insort(self._free, (size, id(memory), memory))
            self.kept_bytes += size
            if self.keep_bytes is not None:
                self.trim(self.keep_bytes)


class _Lease:
    """The base of every view of one buffer: NumPy keeps it alive as long as a view lives."""

    def __init__(self, pool: BufferPool, memory: mmap.mmap) -> None:
        self._pool, self._memory = pool, memory
        address = np.frombuffer(memory, np.uint8).__array_interface__["data"][0]
        self._size = len(memory)
        if self._size > HUGE_PAGE_BYTES:  # one page is spare, so that the rest can begin where a huge page does
            self._size -= HUGE_PAGE_BYTES
            address = -(-address // HUGE_PAGE_BYTES) * HUGE_PAGE_BYTES
        self.__array_interface__: dict[str, Any] = {
            "shape": (self._size,), "typestr": "|u1", "data": (address, False), "version": 3,
        }  # fmt: skip

    def __del__(self) -> None:
        self._pool._give_back(self._memory, self._size)


def _size_class(n_bytes: int) -> int:
    """Whole huge pages, and below them eight sizes in every power of two, so that near sizes share buffers."""
    if n_bytes > HUGE_PAGE_BYTES // 2:
        return -(-n_bytes // HUGE_PAGE_BYTES) * HUGE_PAGE_BYTES
    step = max(4096, 1 << max(0, n_bytes.bit_length() - 4))
    return -(-n_bytes // step) * step
