"""Named columns over one layout.

Knows: world, layout, where rows come from. Does not know: how they were partitioned, how a sort works: the methods that
compute are doors to the floor above, opened when they are called.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from gpumpi.array.content import ArrayContent, Content, SourceContent, as_rows
from gpumpi.array.layout import Layout
from gpumpi.errors import UserError
from gpumpi.fabric import Fabric, collective
from gpumpi.formats.base import Source
from gpumpi.keys import Key
from gpumpi.schema import Column, Schema, near

if TYPE_CHECKING:
    from gpumpi.array.array import PartitionedArray
    from gpumpi.array.world import World


class Table:
    """A distributed table; made by `World.read`, `World.table`, or an operation on another.

    Attributes
    ----------
    world : World
        Whose ranks hold it.
    schema : Schema
        Columns, and rows over all ranks.
    layout : Layout
        Which rank holds which rows.
    content : Content
        This rank's rows.
    origin : Source or None
        The file that types and attributes of columns are taken from when the table is written.
    """

    def __init__(
        self, world: World, schema: Schema, layout: Layout, content: Content, origin: Source | None = None
    ) -> None:
        self.world, self.schema, self.layout, self.content, self.origin = world, schema, layout, content, origin

    @property
    def fabric(self) -> Fabric:
        """The fabric of the table's world."""
        return self.world.fabric

    @property
    def n_global(self) -> int:
        """Rows on all ranks."""
        return self.schema.n_rows

    @property
    def n_local(self) -> int:
        """Rows on this rank."""
        return self.content.n_local

    @property
    def columns(self) -> list[str]:
        """Column names in order."""
        return list(self.schema.names)

    def __len__(self) -> int:
        return self.n_global

    def __repr__(self) -> str:
        names = ", ".join(f"{column.name}: {column.dtype}" for column in self.schema.columns)
        return f"<gpumpi.Table of {self.n_global} rows on {self.world.size} ranks: {names}>"

    @collective
    def settle(self) -> Table:
        """The table itself, with all rows in memory.

        Notes
        -----
        *Collective*. Rows that come from a sort are put in order and proven now.
        """
        if not isinstance(self.content, ArrayContent):
            with self.fabric.agreed():
                settled = self.content.settle()
            self.content.verify(self.fabric)
            self.content = settled
        return self

    @collective
    def __getitem__(self, name: str) -> PartitionedArray:
        """One column, as an array with the table's layout.

        Raises
        ------
        UserError
            If there is no such column.

        Notes
        -----
        *Collective*: brings the rows into memory first if they are not there.
        """
        from gpumpi.array.array import PartitionedArray

        if name not in self.schema.names:
            raise UserError(f"column '{name}' is not in this table; {near(name, self.schema.names)}")
        index = self.schema.names.index(name)
        content = self.settle().content
        assert isinstance(content, ArrayContent)
        return PartitionedArray(self.world, self.schema.columns[index], self.layout, content.columns[index])

    @collective
    def sort(self, *keys: str | Key, descending: bool = False, unique: bool = False, head: int | None = None) -> Table:
        """The rows in the order of one or more keys.

        Parameters
        ----------
        *keys : str or Key
            Column names, most significant first, each ``"name"``, ``"name:desc"`` or a `Key`.
        descending : bool
            Turn the direction of every key around.
        unique : bool
            Only the first row of each key stays.
        head : int, optional
            Only so many rows stay, the first in order; not all rows are sorted for that.

        Raises
        ------
        UserError
            If a key is not there or has no order, or memory does not suffice.

        Notes
        -----
        *Collective*. *Order*: stable; NaN and NaT last in either direction, -0.0 equal to 0.0; the result is the same
        for any number of ranks. *Cost*: rows that change rank are sent once. Where the rows go is decided now; they are
        put in order when they are written or looked at.
        """
        from gpumpi.algorithms.sort import sort_table

        return sort_table(self, keys, descending=descending, unique=unique, head=head)

    @collective
    def check_output(
        self,
        path: str,
        name: str | None = None,
        *,
        force: bool = False,
        in_place: bool = False,
        chunks: int | None = None,
        compression: str | None = None,
        n_rows: int | None = None,
    ) -> None:
        """Nothing, if `write` with these arguments can be expected to succeed: said before the work is done.

        Parameters
        ----------
        path, name, force, in_place, chunks, compression
            As for `write`.
        n_rows : int, optional
            Rows that will be written, if not all.

        Raises
        ------
        UserError
            As `write`.

        Notes
        -----
        *Collective*.
        """
        from gpumpi.array.writing import Destination, check_output

        destination = Destination.of(path, name, force, in_place, chunks, compression)
        check_output(self, destination, self.n_global if n_rows is None else n_rows)

    @collective
    def write(
        self,
        path: str,
        name: str | None = None,
        *,
        force: bool = False,
        in_place: bool = False,
        chunks: int | None = None,
        compression: str | None = None,
    ) -> list[str]:
        """Write all rows to one HDF5 file, which appears under its name when it is complete and on disk.

        Parameters
        ----------
        path : str
            A file, or ``FILE:/group``.
        name : str, optional
            Name of the group or dataset; that of the input, or ``/table``, if not given.
        force : bool
            Replace a file that is there.
        in_place : bool
            `path` is the file the rows were read from; whatever else it holds is kept.
        chunks : int, optional
            Rows a chunk; contiguous if neither this nor `compression` is given.
        compression : str, optional
            Such as ``"gzip"``, ``"lz4"``, ``"zstd:3"``.

        Returns
        -------
        list of str
            Notes for the user, such as a leftover of a killed run that was removed.

        Raises
        ------
        UserError
            If the file cannot be written; nothing is left behind.
        LostRows
            If what was written is not what was read.

        Notes
        -----
        *Collective*.
        """
        from gpumpi.array.writing import Destination, write_table

        return write_table(self, Destination.of(path, name, force, in_place, chunks, compression))


@collective
def read_table(world: World, path: str, name: str | None, columns: list[str] | None) -> Table:
    """See `World.read`."""
    from gpumpi.formats.hdf5 import open_table

    with world.fabric.agreed():
        source = open_table(path, name, columns)
    identities = world.fabric.collect(source.identity)
    if len(set(identities)) > 1:
        odd = next(rank for rank, identity in enumerate(identities) if identity != identities[0])
        raise UserError(f"{source.name}: rank {odd} sees another file than rank 0; use a folder that all ranks share")
    layout = Layout.even(source.schema.n_rows, world.size)
    first_row, n_local = layout.offsets[world.rank], layout.counts[world.rank]
    return Table(world, source.schema, layout, SourceContent(source, first_row, n_local, world.device.pool), source)


@collective
def table_of_arrays(world: World, columns: dict[str, npt.ArrayLike]) -> Table:
    """See `World.table`."""
    with world.fabric.agreed():
        arrays = {name: _as_array(name, array) for name, array in columns.items()}
        described = tuple(_describe(name, array) for name, array in arrays.items())
        if not described:
            raise UserError("a table needs at least one column")
        lengths = {name: len(array) for name, array in arrays.items()}
        if len(set(lengths.values())) > 1:
            raise UserError(f"columns of one table are equally long; these have {lengths} rows")
    _require_same(world, described)
    layout = Layout(tuple(world.fabric.collect(len(next(iter(arrays.values()))))))
    content = ArrayContent([as_rows(array) for array in arrays.values()])
    return Table(world, Schema(described, layout.n_global), layout, content)


def _as_array(name: str, array: npt.ArrayLike) -> npt.NDArray[Any]:
    try:
        return np.asarray(array)
    except ValueError as error:
        raise UserError(f"column '{name}' is not an array ({error}); pass rows of one shape") from error


def _describe(name: str, array: npt.NDArray[Any]) -> Column:
    if array.ndim == 0:
        raise UserError(f"column '{name}' is a single value; pass an array with one row a value")
    if array.dtype.hasobject:
        raise UserError(f"column '{name}' holds Python objects; convert it to a fixed-size dtype")
    return Column(name, array.dtype, array.shape[1:])


def _require_same(world: World, described: tuple[Column, ...]) -> None:
    everyone = world.fabric.collect(described)
    for rank, theirs in enumerate(everyone):
        if theirs != everyone[0]:
            raise UserError(f"rank 0 passes columns {_show(everyone[0])}, rank {rank} passes {_show(theirs)}")


def _show(columns: tuple[Column, ...]) -> str:
    return ", ".join(f"{column.name}: {column.dtype} {column.row_shape or ''}".strip() for column in columns)


def with_rows(schema: Schema, n_rows: int) -> Schema:
    """The schema with another number of rows."""
    return replace(schema, n_rows=n_rows)
