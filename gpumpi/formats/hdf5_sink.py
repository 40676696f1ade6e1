"""One rank's hand on an output that has been laid out: rows go straight to their place in the file.

Knows: byte offsets. Does not know: HDF5, ranks, who writes the other rows.
"""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gpumpi.errors import UserError
from gpumpi.formats.base import Rows
from gpumpi.formats.hdf5_temporary import no_space

_AT_ONCE_BYTES = 1 << 18
"""A file takes one writer at a time. Ranks that wait for a short write spin, for a long one they sleep: at 4 MiB two
ranks were up to four times slower than at 256 KiB or 1 MiB."""
_WRITE_BACK_BYTES, _STAY_BEHIND_BYTES = 16 << 20, 4 << 20


@dataclass(frozen=True)
class Place:
    """Where one column's rows lie in a file: one plain stretch from `offset_bytes` on."""

    name: str
    offset_bytes: int
    row_bytes: int


class Hdf5Sink:
    """Writes rows, and reads them back, at their final place.

    Parameters
    ----------
    temporary : str
        The file that has been laid out.
    path : str
        How messages call it.
    places : sequence of Place
        One a column.
    n_rows : int
    """

    def __init__(self, temporary: str, path: str, places: Sequence[Place], n_rows: int) -> None:
        self._temporary, self._path, self._places, self._n_rows = temporary, path, tuple(places), n_rows
        self._behind: dict[int, int] = {}
        try:
            self._descriptor: int | None = os.open(temporary, os.O_RDWR | os.O_CLOEXEC)
        except OSError as error:
            raise UserError(
                f"{path}: cannot open {temporary}: {error.strerror}; is the folder on every node?"
            ) from error

    def write(self, column: int, start: int, rows: Rows) -> None:
        """Put `rows`, uint8 (n, row_bytes), at row `start` of a column.

        Raises
        ------
        UserError
            If the disk is full or fails.
        """
        descriptor, offset_bytes = self._at(column, start, rows)
        left = np.ascontiguousarray(rows).data.cast("B") if rows.size else memoryview(b"")
        while left:
            try:
                n_written = os.pwrite(descriptor, left[:_AT_ONCE_BYTES], offset_bytes)
            except OSError as error:
                raise self._failed(error, len(left)) from error
            left, offset_bytes = left[n_written:], offset_bytes + n_written
        self._write_back_behind(column, offset_bytes)

    def _write_back_behind(self, column: int, end_bytes: int) -> None:
        """Let the kernel bring to disk what lies well behind the end of a column's writes.

        Not the end itself: whoever writes to a page that is on its way to disk waits until it is there.
        """
        start_bytes = self._behind.setdefault(column, end_bytes)
        until_bytes = (end_bytes - _STAY_BEHIND_BYTES) // _STAY_BEHIND_BYTES * _STAY_BEHIND_BYTES
        if start_bytes > end_bytes:
            self._behind[column] = end_bytes
        elif self._descriptor is not None and until_bytes - start_bytes >= _WRITE_BACK_BYTES:
            _start_writing_back(self._descriptor, start_bytes, until_bytes - start_bytes)
            self._behind[column] = until_bytes

    def read(self, column: int, start: int, out: Rows) -> None:
        """Fill `out`, uint8 (n, row_bytes) and C-contiguous, with rows that have been written."""
        descriptor, offset_bytes = self._at(column, start, out)
        left = out.data.cast("B") if out.size else memoryview(b"")
        while left:
            n_read = os.preadv(descriptor, [left], offset_bytes)
            if n_read == 0:
                raise UserError(f"{self._path}: {self._temporary} was cut short; did somebody change it?")
            left, offset_bytes = left[n_read:], offset_bytes + n_read

    def close(self) -> None:
        """Everything written here is on disk when this returns. Closing twice is fine."""
        if self._descriptor is None:
            return
        descriptor, self._descriptor = self._descriptor, None
        try:
            os.fsync(descriptor)
        except OSError as error:
            raise self._failed(error, 0) from error
        finally:
            os.close(descriptor)

    def __enter__(self) -> Hdf5Sink:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _at(self, column: int, start: int, rows: Rows) -> tuple[int, int]:
        place = self._places[column]
        if self._descriptor is None or start < 0 or start + len(rows) > self._n_rows:
            raise ValueError(
                f"rows {start}:{start + len(rows)} do not fit into the {self._n_rows} rows of an open output"
            )
        if rows.dtype != np.uint8 or rows.shape[1:] != (place.row_bytes,):
            raise ValueError(f"column '{place.name}' takes uint8 (n, {place.row_bytes}), not {rows.dtype} {rows.shape}")
        return self._descriptor, place.offset_bytes + start * place.row_bytes

    def _failed(self, error: OSError, need_bytes: int) -> UserError:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            return no_space(self._temporary, self._path, need_bytes, error.errno)
        return UserError(f"{self._path}: cannot be written: {error.strerror}; check the disk")


def _start_writing_back(descriptor: int, offset_bytes: int, n_bytes: int) -> None:
    """Let the kernel bring these bytes to disk while the rank computes; `close` waits for the rest.

    Advice only: a kernel or file system that has no such call does without.
    """
    if _SYNC_FILE_RANGE is not None:
        _SYNC_FILE_RANGE(descriptor, ctypes.c_int64(offset_bytes), ctypes.c_int64(n_bytes), _WRITE)


_SYNC_FILE_RANGE = getattr(ctypes.CDLL(None), "sync_file_range", None)
_WRITE = 2
