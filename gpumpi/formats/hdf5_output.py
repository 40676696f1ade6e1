"""An HDF5 output: laid out by one rank, written by all at byte offsets, named when it is complete.

Knows: what the new file holds and where. Does not know: ranks, rows.
HDF5 itself writes only the little that is not rows, so a full disk is met in `reserve`, cleanly, and never inside HDF5.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gpumpi.errors import UserError
from gpumpi.formats.hdf5_file import first_line
from gpumpi.formats.hdf5_filters import check_compression
from gpumpi.formats.hdf5_find import GROUP
from gpumpi.formats.hdf5_names import absolute, joined
from gpumpi.formats.hdf5_read import Hdf5Source
from gpumpi.formats.hdf5_sink import Hdf5Sink, Place
from gpumpi.formats.hdf5_skeleton import Skeleton
from gpumpi.formats.hdf5_temporary import check_length, give_name, make_temporary, remove_temporary, reserve
from gpumpi.schema import Schema
from gpumpi.units import MIB

DEFAULT_NAME = "/table"
_METADATA_BYTES = 1 * MIB


@dataclass(frozen=True)
class Output:
    """A file that has been laid out and waits for its rows; pickles, so that every rank can have it.

    Attributes
    ----------
    path, temporary : str
        The name it will have, and the one it has until then.
    name, kind : str
        The table inside.
    n_rows : int
    places : tuple of Place
        Where each column's rows lie, in the schema's order.
    size_bytes : int
        The whole file; reserved on disk.
    replaces : bool
        Whether a file that stands under the name is to be replaced.
    notes : tuple of str
        What the user should know: leftovers removed, attributes not kept.
    chunks : int or None
        Rows a chunk that was asked for; the file itself is contiguous (see `gpumpi.formats.hdf5_chunks`).
    compression : str or None
    """

    path: str
    temporary: str
    name: str
    kind: str
    n_rows: int
    places: tuple[Place, ...]
    size_bytes: int
    replaces: bool
    notes: tuple[str, ...] = ()
    chunks: int | None = None
    compression: str | None = None

    @property
    def is_chunked(self) -> bool:
        """Whether a second pass has to cut the rows into chunks."""
        return self.chunks is not None or self.compression is not None


@dataclass(frozen=True)
class ChunkedOutput:
    """A chunked file that has been laid out and waits for its chunks; pickles.

    Attributes
    ----------
    rows : Output
        The contiguous file with all rows written; it goes when this one gets its name.
    path, temporary : str
    replaces : bool
    notes : tuple of str
    chunk_rows : tuple of int
        Rows a chunk, of each column.
    """

    rows: Output
    path: str
    temporary: str
    replaces: bool
    notes: tuple[str, ...]
    chunk_rows: tuple[int, ...]

    @property
    def chunks(self) -> Iterator[tuple[int, int]]:
        """All (column, chunk index), in the order in which they have to be stored."""
        for column, chunk_rows in enumerate(self.chunk_rows):
            n_chunks = -(-self.rows.n_rows // chunk_rows) if self.rows.places[column].row_bytes else 0
            yield from zip(itertools.repeat(column, n_chunks), range(n_chunks), strict=True)

    def dataset_name(self, column: int) -> str:
        """Absolute name of a column's dataset."""
        if self.rows.kind != GROUP:
            return self.rows.name
        return joined(self.rows.name, self.rows.places[column].name)


def lay_out(
    path: str | os.PathLike[str],
    schema: Schema,
    *,
    template: Hdf5Source | None = None,
    name: str | None = None,
    n_rows: int | None = None,
    chunks: int | None = None,
    compression: str | None = None,
    in_place: bool = False,
    kind: str | None = None,
) -> Output:
    """Make the temporary file with everything but the rows, and reserve its space.

    Called by one rank, which has to live until `commit` or `abandon`.

    Parameters
    ----------
    path : str or PathLike
        The file to write; one that is there stays until `commit`.
    schema : Schema
        Columns to write.
    template : Hdf5Source, optional
        Open table whose HDF5 types, attributes, fill values, dimension scales and name are kept for its columns.
    name : str, optional
        Name of the table in the file; the template's, or ``/table``.
    n_rows : int, optional
        Rows to write; the schema's if not given.
    chunks : int, optional
        Rows a chunk, for the second pass.
    compression : str, optional
        Filter for the second pass, such as ``"gzip:4"``.
    in_place : bool
        Carry all other objects of the template's file over too.
    kind : str, optional
        ``"group"``, or ``"dataset"`` for a single column; the template's if the columns fit, or ``"group"``.

    Raises
    ------
    UserError
        If another run is writing the same output, the disk is too full, a type cannot be stored, or `in_place` would
        break what else is in the file.
    """
    if compression is not None:
        check_compression(compression)
    if chunks is not None and chunks < 1:
        raise UserError(f"chunks of {chunks} rows cannot be; give 1 or more")
    replaces = Path(path).exists()
    path = os.fspath(path)
    if kind is None:
        fits = template is not None and (template.kind == GROUP or len(schema.columns) == 1)
        kind = template.kind if template is not None and fits else GROUP
    name = absolute(name or (template.table if template is not None else DEFAULT_NAME))
    rows = schema.n_rows if n_rows is None else n_rows
    _check_shape(schema, name, kind)
    temporary, notes = make_temporary(path)
    try:
        check_length(temporary, path, rows * schema.row_bytes + _METADATA_BYTES)
        skeleton = Skeleton(temporary, template, name, kind, rows)
        notes += skeleton.write(schema, in_place)
        size_bytes = reserve(temporary, path)
    except RuntimeError as error:  # so h5py says that HDF5 could not write
        remove_temporary(temporary)
        raise UserError(f"{path}: cannot be laid out ({first_line(str(error))}); check the disk") from error
    except BaseException:
        remove_temporary(temporary)
        raise
    return Output(
        path, temporary, name, kind, rows, skeleton.places, size_bytes, replaces, notes, chunks, compression
    )  # fmt: skip


def open_sink(output: Output) -> Hdf5Sink:
    """One rank's hand on an output: rows go to their final place in any order."""
    return Hdf5Sink(output.temporary, output.path, output.places, output.n_rows)


def commit(output: Output | ChunkedOutput) -> None:
    """Give the complete file its name. Every sink and store has to be closed; called by the rank that laid it out.

    Raises
    ------
    UserError
        If a file has meanwhile appeared under the name, or the disk fails.
    """
    give_name(output.temporary, output.path, replaces=output.replaces)
    if isinstance(output, ChunkedOutput):
        remove_temporary(output.rows.temporary)


def abandon(output: Output | ChunkedOutput) -> None:
    """Remove the temporary files. Doing it twice is fine."""
    remove_temporary(output.temporary)
    if isinstance(output, ChunkedOutput):
        remove_temporary(output.rows.temporary)


def _check_shape(schema: Schema, name: str, kind: str) -> None:
    if kind != GROUP and len(schema.columns) != 1:
        raise UserError(f"{len(schema.columns)} columns do not fit into the one dataset {name}; write a group")
    if kind != GROUP and name == "/":
        raise UserError("a dataset cannot be the root of a file; name it, as OUT:/rows")
