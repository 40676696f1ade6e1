"""An HDF5 table that is read by slices, as the file's own bytes.

Knows: how a slice of rows gets into a buffer. Does not know: ranks, keys, which rows are wanted next.
Contiguous rows come straight from the file with `preadv`; HDF5 gathers all others with the dataset's own type as the
type in memory, so nothing is ever converted.
"""

from __future__ import annotations

import contextlib
import hashlib
import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
from h5py import h5d, h5p, h5s

from gpumpi.errors import UserError
from gpumpi.formats.base import Rows
from gpumpi.formats.hdf5_file import damage_is_said, first_line, open_file
from gpumpi.formats.hdf5_find import COMPOUND, DATASET, Found, find_table
from gpumpi.formats.hdf5_names import encoded, full_name, split_name
from gpumpi.formats.hdf5_storage import Storage, inspect
from gpumpi.formats.hdf5_types import element, member_names, only_fields, unmovable
from gpumpi.schema import Column, Schema, near
from gpumpi.units import MIB

CHUNK_CACHE_BYTES = 128 * MIB


class OpenColumn:
    """One dataset, open: its id, the HDF5 type of its rows (all fields, or the chosen ones), its storage and column."""

    def __init__(self, file: h5py.File, name: str, path: str, where: str, fields: tuple[str, ...] | None) -> None:
        self.path, self.where = path, where
        self.dataset = h5d.open(file.id, encoded(path))
        self.storage: Storage = inspect(self.dataset, where)
        self.type: Any = self.dataset.get_type()
        self.is_whole = fields is None
        if fields is not None:
            self.type = only_fields(self.type, fields)
        self.shape: tuple[int, ...] = tuple(map(int, self.dataset.shape))
        self.column = self._column(name)

    def _column(self, name: str) -> Column:
        problem = unmovable(self.type)
        if problem:
            raise UserError(
                f"{self.where} holds {problem}, which cannot be moved as plain rows; "
                "choose other columns with --columns, or store it with a fixed length"
            )
        dtype, inner_shape = element(self.type)
        return Column(name, dtype, self.shape[1:] + inner_shape)

    @property
    def direct_offset_bytes(self) -> int | None:
        """Where the rows lie in `storage.path` as one stretch, or None."""
        return self.storage.offset_bytes if self.is_whole else None

    def block_of_chunks_bytes(self) -> int:
        """Bytes of the chunks that one row touches; 0 unless chunked."""
        chunk = self.storage.chunk_shape
        across = math.prod(-(-size // part) for size, part in zip(self.shape[1:], chunk[1:], strict=False))
        return int(self.dataset.get_type().get_size()) * math.prod(chunk) * across if chunk else 0

    def cache(self, file: h5py.File, cache_bytes: int) -> None:
        """Open the dataset again with a chunk cache of this size; HDF5 takes it at the first opening only."""
        chunk_bytes = int(self.dataset.get_type().get_size()) * math.prod(self.storage.chunk_shape)
        access = h5p.create(h5p.DATASET_ACCESS)
        n_slots = max(520, 100 * (cache_bytes // max(1, chunk_bytes))) | 1
        access.set_chunk_cache(n_slots, cache_bytes, 1.0)
        self.dataset.close()
        self.dataset = h5d.open(file.id, encoded(self.path), access)


class Hdf5Source:
    """A table of an HDF5 file, open for reading; made by `open_table`.

    Attributes
    ----------
    path, table : str
        The file, and the absolute name of the table in it.
    kind : str
        ``"group"``, ``"compound"`` or ``"dataset"``.
    schema : Schema
    columns : tuple of OpenColumn
        As in the schema.
    is_whole : bool
        False if some columns were chosen and others left out.
    cache_bytes : int
        Most bytes that HDF5 keeps of decompressed chunks.
    """

    def __init__(
        self, file: h5py.File, path: str, found: Found, chosen: tuple[str, ...] | None, cache_bytes: int
    ) -> None:
        self.file, self.path, self.table, self.kind = file, path, found.name, found.kind
        fields = _chosen_fields(file, path, found, chosen)
        self.is_whole = chosen is None
        self.columns = tuple(
            OpenColumn(file, name, inside, full_name(path, inside), fields) for name, inside in found.columns
        )
        self.schema = Schema(tuple(column.column for column in self.columns), found.n_rows)
        self._identity = _identity(self)
        self._descriptors: dict[str, int] = {}
        self.cache_bytes = self._size_caches(cache_bytes)

    @property
    def name(self) -> str:
        """``snapshot.h5:/PartType1``."""
        return full_name(self.path, self.table)

    @property
    def identity(self) -> str:
        """A digest of the files (place, size, time, inode) and the schema; another state of the file differs."""
        return self._identity

    @property
    def storage(self) -> tuple[Storage, ...]:
        """How each column rests."""
        return tuple(column.storage for column in self.columns)

    def preferred_block_rows(self, column: int) -> int:
        """Rows of one chunk, or 1: slices that begin and end at multiples of it decompress nothing twice."""
        chunk = self.columns[column].storage.chunk_shape
        return chunk[0] if chunk else 1

    def read(self, column: int, start: int, out: Rows) -> None:
        """Fill `out`, uint8 (n, row_bytes) and C-contiguous, with rows ``start : start + n`` of a column.

        Raises
        ------
        UserError
            If the file does not give them (cut short since it was opened, or a chunk that cannot be decompressed).
        """
        source = self.columns[column]
        if start < 0 or start + len(out) > self.schema.n_rows or out.shape[1:] != (source.column.row_bytes,):
            raise ValueError(f"rows {start}:{start + len(out)} of shape {out.shape} are not in {source.where}")
        if out.size == 0:
            return
        if source.direct_offset_bytes is None:
            self._read_through_hdf5(source, start, out)
        else:
            self._read_directly(source, source.direct_offset_bytes + start * source.column.row_bytes, out)

    def close(self) -> None:
        """Release the files. Closing twice is fine."""
        for descriptor in self._descriptors.values():
            os.close(descriptor)
        self._descriptors.clear()
        self.file.close()

    def __enter__(self) -> Hdf5Source:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _size_caches(self, most_bytes: int) -> int:
        """Give every chunked column a cache for the chunks under two slices' ends, if all fit; their sum."""
        needs = {column: 2 * column.block_of_chunks_bytes() for column in self.columns if column.storage.chunk_shape}
        share = min(1.0, most_bytes / max(1, sum(needs.values())))
        for column, need in needs.items():
            column.cache(self.file, int(need * share))
        return sum(int(need * share) for need in needs.values())

    def _read_through_hdf5(self, source: OpenColumn, start: int, out: Rows) -> None:
        count = (len(out), *source.shape[1:])
        rows = source.dataset.get_space()
        rows.select_hyperslab((start, *(0 for _ in source.shape[1:])), count)
        try:
            source.dataset.read(h5s.create_simple(count), rows, out, source.type)
        except (OSError, RuntimeError) as error:
            raise UserError(
                f"{source.where}: HDF5 cannot read rows {start:,} to {start + len(out):,} ({first_line(str(error))}); "
                "the file is damaged, copy it again"
            ) from error

    def _read_directly(self, source: OpenColumn, offset_bytes: int, out: Rows) -> None:
        descriptor = self._descriptor(source.storage.path)
        left = out.data.cast("B")
        while left:
            try:
                n_read = os.preadv(descriptor, [left], offset_bytes)
            except OSError as error:
                raise UserError(f"{source.where}: cannot be read: {error.strerror}; check the disk") from error
            if n_read == 0:
                raise UserError(f"{source.where}: the file was cut short while it was read; copy it again")
            left, offset_bytes = left[n_read:], offset_bytes + n_read

    def _descriptor(self, path: str) -> int:
        if path not in self._descriptors:
            self._descriptors[path] = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        return self._descriptors[path]


def open_table(
    path: str | os.PathLike[str],
    name: str | None = None,
    columns: Sequence[str] | None = None,
    *,
    cache_bytes: int = CHUNK_CACHE_BYTES,
) -> Hdf5Source:
    """A table of an HDF5 file, checked and open.

    Parameters
    ----------
    path : str or PathLike
        The file, or ``FILE:/name``.
    name : str, optional
        A group of equally long datasets, a compound dataset or a plain dataset; not needed if the file holds one table.
    columns : sequence of str, optional
        Columns of a group or fields of a compound dataset to take, in this order; all if not given.
    cache_bytes : int
        Most bytes of decompressed chunks to keep, over all columns. A chunk that a slice ends in is decompressed once
        if there is room for it.

    Raises
    ------
    UserError
        If the file or the table is not there, has columns of different length, holds what cannot be moved as plain
        rows, or if anything it needs (a virtual source, an external file, a filter) is missing.
    """
    path = os.fspath(path)
    if name is None:
        path, name = split_name(path)
    chosen = None if columns is None else tuple(dict.fromkeys(columns))
    with damage_is_said(path), contextlib.ExitStack() as undone:
        file = open_file(path)
        undone.callback(file.close)
        source = Hdf5Source(file, path, find_table(file, path, name, chosen), chosen, cache_bytes)
        undone.pop_all()
    return source


def _chosen_fields(file: h5py.File, path: str, found: Found, chosen: tuple[str, ...] | None) -> tuple[str, ...] | None:
    """Fields of a compound dataset that were asked for; a plain dataset has only its own name."""
    if chosen is None or found.kind not in (COMPOUND, DATASET):
        return None
    own_name = found.columns[0][0]
    there = member_names(file[encoded(found.name)].id.get_type()) if found.kind == COMPOUND else (own_name,)
    for name in chosen:
        if name not in there:
            raise UserError(f"{full_name(path, found.name)} has no column '{name}'; {near(name, there)}")
    return chosen if found.kind == COMPOUND else None


def _identity(source: Hdf5Source) -> str:
    files = {source.path: None} | {path: None for storage in source.storage for path in storage.files}
    states = []
    for path in files:
        stat = Path(path).stat()
        states.append((str(Path(path).resolve()), stat.st_size, stat.st_mtime_ns, stat.st_ino))
    shapes = [(column.name, repr(column.dtype), column.row_shape) for column in source.schema.columns]
    said = repr((states, source.table, source.schema.n_rows, shapes))
    return hashlib.sha256(encoded(said)).hexdigest()[:32]
