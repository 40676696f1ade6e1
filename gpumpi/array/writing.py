"""A distributed table into one file, by all ranks together.

Knows: contents, sinks, who lays out and who names the file. Does not know: how a format stores rows, how rows were
put in order.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from gpumpi.array.content import BLOCK_BYTES
from gpumpi.formats import hdf5
from gpumpi.formats.hdf5 import Hdf5Source, Output

if TYPE_CHECKING:
    from gpumpi.array.table import Table
    from gpumpi.fabric import Fabric

_CHUNKS_A_RANK = 8
"""Chunks that a rank compresses before they are stored: enough to hide the meeting, few enough to hold."""


@dataclass(frozen=True)
class Destination:
    """Where a table is written, and how; see `Table.write`."""

    path: str
    name: str | None
    force: bool
    in_place: bool
    chunks: int | None
    compression: str | None

    @property
    def files(self) -> int:
        """Files that exist for a while: chunks are cut from a contiguous file."""
        return 1 if self.chunks is None and self.compression is None else 2

    @classmethod
    def of(
        cls,
        path: str,
        name: str | None = None,
        force: bool = False,
        in_place: bool = False,
        chunks: int | None = None,
        compression: str | None = None,
    ) -> Destination:
        """The destination, with ``FILE:/name`` taken apart."""
        if name is None:
            path, name = hdf5.split_name(path)
        return cls(path, name, force, in_place, chunks, compression)


def check_output(table: Table, destination: Destination, n_rows: int) -> None:
    """See `Table.check_output`. Every rank looks, so that one that sees another folder is found."""
    origin = table.origin
    read = {file for storage in origin.storage for file in storage.files} if isinstance(origin, Hdf5Source) else set()
    with table.fabric.agreed():
        hdf5.check_output(
            destination.path,
            force=destination.force,
            in_place=destination.in_place,
            source_paths=sorted(read, key=lambda file: (file != getattr(origin, "path", None), file)),
            need_bytes=destination.files * n_rows * table.schema.row_bytes,
        )


def write_table(table: Table, destination: Destination) -> list[str]:
    """See `Table.write`."""
    check_output(table, destination, table.n_global)
    with _laid_out(table, destination) as output:
        _write_rows(table, output)
        if output.is_chunked:
            chunk_notes = _write_chunks(table, output)
        else:
            chunk_notes = ()
            _commit(table.fabric, output)
    return list(dict.fromkeys(output.notes + chunk_notes))


@contextmanager
def _laid_out(table: Table, destination: Destination) -> Iterator[Output]:
    """The output, laid out by rank 0; whatever is still under its temporary name in the end is removed."""
    fabric, output = table.fabric, None
    with fabric.agreed():
        if fabric.rank == 0:
            output = hdf5.lay_out(
                destination.path,
                table.schema,
                template=table.origin if isinstance(table.origin, Hdf5Source) else None,
                name=destination.name,
                n_rows=table.n_global,
                chunks=destination.chunks,
                compression=destination.compression,
                in_place=destination.in_place,
            )
    shared: Output = fabric.share(output)
    try:
        yield shared
    finally:
        if fabric.rank == 0:
            hdf5.abandon(shared)


def _write_rows(table: Table, output: Output) -> None:
    """Every rank writes its rows where they belong; all are on disk and proven afterwards."""
    world = table.world
    first_row = table.layout.offsets[world.rank]
    with world.trace.span("finish"), world.fabric.agreed():
        sink = hdf5.open_sink(output)
        try:
            for start, columns in table.content.blocks(max(1, BLOCK_BYTES // max(1, table.schema.row_bytes))):
                with world.trace.span("write"):
                    for index, rows in enumerate(columns):
                        sink.write(index, first_row + start, rows)
                        world.trace.count("written_bytes", rows.size)
        finally:
            with world.trace.span("sync"):
                sink.close()
    table.content.verify(world.fabric)


def _write_chunks(table: Table, output: Output) -> tuple[str, ...]:
    """The second pass: ranks compress chunks in turn, rank 0 stores them in order."""
    fabric, chunked = table.fabric, None
    with table.world.trace.span("chunks"):
        with fabric.agreed():
            if fabric.rank == 0:
                chunked = hdf5.lay_out_chunked(output)
        chunked = fabric.share(chunked)
        try:
            _store_chunks(fabric, chunked)
            _commit(fabric, chunked)
        finally:
            if fabric.rank == 0:
                hdf5.abandon(chunked)
    return tuple(chunked.notes)


def _store_chunks(fabric: Fabric, chunked: hdf5.ChunkedOutput) -> None:
    store = hdf5.ChunkStore(chunked) if fabric.rank == 0 else None
    waiting = iter(chunked.chunks)
    encoded: list[bytes] = []
    with hdf5.ChunkEncoder(chunked) as encoder:
        while batch := list(islice(waiting, _CHUNKS_A_RANK * fabric.size)):
            with fabric.agreed():
                mine = np.array_split(np.arange(len(batch)), fabric.size)[fabric.rank]
                encoded = [encoder.encode(*batch[index]) for index in mine]
            arrived = _gather(fabric, encoded)
            with fabric.agreed():
                if store is not None:
                    for (column, index), chunk in zip(batch, arrived, strict=True):
                        store.put(column, index, chunk)
    with fabric.agreed():
        if store is not None:
            store.close()


def _gather(fabric: Fabric, pieces: list[bytes]) -> list[bytes]:
    """All ranks' pieces in rank order, on rank 0. *Collective*."""
    sizes = fabric.allgatherv(np.array([len(piece) for piece in pieces], np.int64))
    joined = fabric.gatherv(np.frombuffer(b"".join(pieces), np.uint8))
    if joined is None:
        return []
    stops = np.cumsum(sizes)
    return [joined[stop - size : stop].tobytes() for size, stop in zip(sizes, stops, strict=True)]


def _commit(fabric: Fabric, output: Output | hdf5.ChunkedOutput) -> None:
    with fabric.agreed():
        if fabric.rank == 0:
            hdf5.commit(output)
