"""An HDF5 output in chunks, compressed by many ranks and stored by one.

Knows: how a chunk's rows become the bytes that HDF5 stores. Does not know: ranks, who encodes which chunk.

Serial HDF5 lets one process allocate chunks. So the rows are first written to a contiguous file, as always; then each
rank reads chunks of it and runs them through HDF5's own filters in a file in memory, and the rank that laid the output
out stores the result as it is. Chunks stored in the order of `ChunkedOutput.chunks` give the same file for any number
of ranks.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from h5py import h5d, h5f, h5p, h5s

from gpumpi.errors import UserError
from gpumpi.formats.hdf5_copy import Carrier, carry_rest, copy_user_block
from gpumpi.formats.hdf5_file import first_line
from gpumpi.formats.hdf5_filters import add_filters
from gpumpi.formats.hdf5_find import GROUP, address
from gpumpi.formats.hdf5_names import encoded, full_name, joined
from gpumpi.formats.hdf5_output import ChunkedOutput, Output
from gpumpi.formats.hdf5_sink import Hdf5Sink
from gpumpi.formats.hdf5_skeleton import new_file
from gpumpi.formats.hdf5_temporary import check_space, make_temporary, remove_temporary
from gpumpi.units import MIB

AUTO_CHUNK_BYTES = 1 * MIB
_MASK = struct.Struct("<I")
_ROOM_FOR_METADATA_BYTES = 4 * MIB


def lay_out_chunked(output: Output) -> ChunkedOutput:
    """Make the chunked file with everything but the chunks.

    Called by the rank that laid `output` out, when every sink is closed; ended by `commit` or `abandon` of the result.

    Raises
    ------
    UserError
        If the file cannot be made.
    """
    temporary, notes = make_temporary(output.path, "-chunked")
    try:
        with h5py.File(output.temporary, "r", locking=False) as source:
            chunk_rows, more_notes = _write_layout(output, temporary, source)
            copy_user_block(output.temporary, temporary, source.userblock_size)
    except BaseException:
        remove_temporary(temporary)
        raise
    return ChunkedOutput(output, output.path, temporary, output.replaces, notes + more_notes, chunk_rows)


def _write_layout(output: Output, temporary: str, source: h5py.File) -> tuple[tuple[int, ...], tuple[str, ...]]:
    chunk_rows = tuple(_chunk_rows(output, place.row_bytes) for place in output.places)
    with new_file(temporary, source) as target:
        carrier = Carrier(target)
        columns = {}
        for place, rows in zip(output.places, chunk_rows, strict=True):
            dataset = source[encoded(joined(output.name, place.name) if output.kind == GROUP else output.name)].id
            columns[address(dataset)] = _maker(carrier, dataset, rows, output.compression)
        carry_rest(carrier, source, columns)
        carrier.finish()
    return chunk_rows, tuple(carrier.notes)


def _chunk_rows(output: Output, row_bytes: int) -> int:
    wanted = output.chunks or AUTO_CHUNK_BYTES // max(1, row_bytes)
    return max(1, min(wanted, output.n_rows))


def _maker(carrier: Carrier, dataset: Any, chunk_rows: int, compression: str | None) -> Any:
    def make(name: str) -> None:
        creation = _chunked(dataset, chunk_rows, compression)
        carrier.dataset(dataset, name, dataset.get_type(), tuple(dataset.shape), creation)

    return make


def _chunked(dataset: Any, chunk_rows: int, compression: str | None) -> Any:
    """How the chunked twin of a contiguous dataset is made."""
    creation = dataset.get_create_plist()
    creation.set_chunk((chunk_rows, *(max(1, size) for size in dataset.shape[1:])))
    creation.set_alloc_time(h5d.ALLOC_TIME_INCR)
    creation.set_fill_time(h5d.FILL_TIME_IFSET)
    if compression is not None:
        add_filters(creation, compression)
    return creation


class ChunkEncoder:
    """One rank's way from rows to stored chunks.

    Parameters
    ----------
    output : ChunkedOutput
    """

    def __init__(self, output: ChunkedOutput) -> None:
        self._output = output
        self._rows = Hdf5Sink(output.rows.temporary, output.path, output.rows.places, output.rows.n_rows)
        self._file = h5py.File(output.rows.temporary, "r", locking=False)

    def encode(self, column: int, index: int) -> bytes:
        """The bytes of one chunk for `ChunkStore.put`: which filters were skipped, then what HDF5 stores."""
        place, chunk_rows = self._output.rows.places[column], self._output.chunk_rows[column]
        start = index * chunk_rows
        n_rows = min(chunk_rows, self._output.rows.n_rows - start)
        rows = np.zeros((chunk_rows, place.row_bytes), np.uint8)
        self._rows.read(column, start, rows[:n_rows])
        dataset = self._file[encoded(self._output.dataset_name(column))].id
        return _through_filters(dataset, rows, self._output.rows.compression)

    def close(self) -> None:
        """Release the file."""
        self._file.close()
        self._rows.close()

    def __enter__(self) -> ChunkEncoder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _through_filters(dataset: Any, rows: Any, compression: str | None) -> bytes:
    """One chunk of a dataset like this one, written into a file in memory and taken out again as it is stored."""
    shape = (len(rows), *dataset.shape[1:])
    creation = _chunked(dataset, len(rows), compression)
    access = h5p.create(h5p.FILE_ACCESS)
    access.set_fapl_core(rows.nbytes + AUTO_CHUNK_BYTES, False)
    uncached = h5p.create(h5p.DATASET_ACCESS)
    uncached.set_chunk_cache(1, 0, 1.0)
    with h5py.File(h5f.create(b"chunk", h5f.ACC_TRUNC, fapl=access)) as memory:
        space = h5s.create_simple(shape)
        made = h5d.create(memory.id, b"chunk", dataset.get_type(), space, creation, dapl=uncached)
        made.write(space, space, rows, dataset.get_type())
        mask, stored = made.read_direct_chunk((0,) * len(shape))
        return _MASK.pack(mask) + bytes(stored)


class ChunkStore:
    """The hand of the one rank that stores chunks.

    Parameters
    ----------
    output : ChunkedOutput
    """

    def __init__(self, output: ChunkedOutput) -> None:
        self._output = output
        self._folder = str(Path(output.temporary).parent)
        self._file = h5py.File(output.temporary, "r+", locking=False)
        self._datasets = [
            self._file[encoded(output.dataset_name(column))].id for column in range(len(output.chunk_rows))
        ]  # fmt: skip

    def put(self, column: int, index: int, chunk: bytes) -> None:
        """Store an encoded chunk.

        The free space is compared first: HDF5 that meets a full disk can no longer close its file.

        Raises
        ------
        UserError
            If the disk is too full or fails.
        """
        check_space(self._folder, len(chunk) + _ROOM_FOR_METADATA_BYTES, self._output.path)
        dataset = self._datasets[column]
        offset = (index * self._output.chunk_rows[column], *(0 for _ in dataset.shape[1:]))
        try:
            dataset.write_direct_chunk(offset, chunk[_MASK.size :], _MASK.unpack_from(chunk)[0])
        except (OSError, RuntimeError) as error:
            where = full_name(self._output.path, self._output.dataset_name(column))
            raise UserError(f"{where}: cannot be written ({first_line(str(error))}); check the disk") from error

    def close(self) -> None:
        """All chunks are in the file when this returns."""
        self._file.close()

    def __enter__(self) -> ChunkStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
