"""Tables that are made up on the spot: every rank makes its own rows, none is read or sent.

Knows: columns as blocks of rows, and which rows are this rank's. Does not know: what a distribution means
(`gpumpi.algorithms.distributions`), files.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from gpumpi.algorithms.column_spec import ColumnSpec
from gpumpi.algorithms.distributions import BLOCK_ROWS, Values, block
from gpumpi.array.content import ArrayContent
from gpumpi.array.layout import Layout
from gpumpi.array.table import Table
from gpumpi.device.base import Rows
from gpumpi.errors import UserError
from gpumpi.fabric import Fabric
from gpumpi.schema import Column, Schema

if TYPE_CHECKING:
    from gpumpi.array.world import World


class GeneratedContent:
    """Rows ``first_row : first_row + n_local`` of a made-up table, made whenever they are asked for.

    Parameters
    ----------
    specs : sequence of ColumnSpec
    n_rows : int
        Rows of the whole table.
    seed : int
    first_row, n_local : int
        This rank's rows.
    compound : str or None
        Name of one column of records that is made instead of a column a spec.
    """

    def __init__(
        self,
        specs: Sequence[ColumnSpec],
        n_rows: int,
        seed: int,
        first_row: int,
        n_local: int,
        *,
        compound: str | None = None,
    ) -> None:
        self.n_local = n_local
        self._n_rows, self._seed, self._first_row = n_rows, seed, first_row
        self._columns = (tuple(specs),) if compound is not None else tuple((spec,) for spec in specs)
        self._is_compound = compound is not None
        self._schema = schema_of(specs, n_rows, compound=compound)

    def blocks(self, max_rows: int) -> Iterator[tuple[int, list[Rows]]]:
        """See `gpumpi.array.content.Content`."""
        start = 0
        while start < self.n_local:
            # A block is made once: the rows handed on never cross from one into the next.
            index, at = divmod(self._first_row + start, BLOCK_ROWS)
            n_rows = min(BLOCK_ROWS - at, self.n_local - start)
            made = [self._make(specs, index)[at : at + n_rows] for specs in self._columns]
            for inside in range(0, n_rows, max_rows):
                yield start + inside, [rows[inside : inside + max_rows] for rows in made]
            start += n_rows

    def read(self, column: int, start: int, out: Rows) -> None:
        """See `gpumpi.array.content.Content`."""
        done = 0
        while done < len(out):
            index, at = divmod(self._first_row + start + done, BLOCK_ROWS)
            made = self._make(self._columns[column], index)[at : at + len(out) - done]
            out[done : done + len(made)] = made
            done += len(made)

    def settle(self) -> ArrayContent:
        """See `gpumpi.array.content.Content`."""
        made = [np.empty((self.n_local, column.row_bytes), np.uint8) for column in self._schema.columns]
        for start, block_rows in self.blocks(BLOCK_ROWS):
            for out, rows in zip(made, block_rows, strict=True):
                out[start : start + len(rows)] = rows
        return ArrayContent(made)

    def verify(self, fabric: Fabric) -> None:
        """Nothing to prove: the rows are what they were made to be."""

    def _make(self, specs: Sequence[ColumnSpec], index: int) -> Rows:
        """Block `index` of a column as plain bytes."""
        values = [block(spec, self._n_rows, index, self._seed) for spec in specs]
        return _as_bytes(_records(specs, values) if self._is_compound else values[0])


def schema_of(specs: Sequence[ColumnSpec], n_rows: int, *, compound: str | None = None) -> Schema:
    """Columns that the specs describe, or one column of records with a field each.

    Raises
    ------
    UserError
        If there are no columns, or two have one name.
    """
    names = [spec.name for spec in specs]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UserError(f"column '{twice}' is there twice; give each column a name of its own")
    if not specs:
        raise UserError("a table without columns cannot be made; name one, such as id:int64:uniform")
    if compound is not None:
        return Schema((Column(compound, _record_type(specs)),), n_rows)
    return Schema(tuple(spec.column for spec in specs), n_rows)


def generate(
    world: World, specs: Sequence[ColumnSpec], n_rows: int, seed: int = 0, *, compound: str | None = None
) -> Table:
    """Table of made-up rows, spread evenly over the ranks; the same for any number of ranks.

    Parameters
    ----------
    world : World
    specs : sequence of ColumnSpec
        The columns, see `gpumpi.algorithms.column_spec.parse_column`.
    n_rows : int
        Rows on all ranks together.
    seed : int
        Another seed makes other rows.
    compound : str or None
        Name of one column of records that is made instead of a column a spec.

    Raises
    ------
    UserError
        If there are no columns, or two have one name.

    Notes
    -----
    *Cost*: nothing is sent. *Source*: J. Salmon et al. (2011), "Parallel random numbers: as easy as 1, 2, 3" (Philox);
    D. Helman, D. Bader, J. JaJa (1998), "A randomized parallel sorting algorithm" (staggered).
    """
    schema = schema_of(specs, n_rows, compound=compound)
    layout = Layout.even(n_rows, world.size)
    first_row, n_local = layout.offsets[world.rank], layout.counts[world.rank]
    content = GeneratedContent(specs, n_rows, seed, first_row, n_local, compound=compound)
    return Table(world, schema, layout, content)


def _record_type(specs: Sequence[ColumnSpec]) -> np.dtype[np.void]:
    return np.dtype([(spec.name, spec.dtype, spec.row_shape) for spec in specs])


def _records(specs: Sequence[ColumnSpec], values: Sequence[Values]) -> Values:
    records = np.empty(len(values[0]), _record_type(specs))
    for spec, column in zip(specs, values, strict=True):
        records[spec.name] = column
    return records


def _as_bytes(values: Values) -> Rows:
    row_bytes = values[:1].nbytes or values.dtype.itemsize
    return np.ascontiguousarray(values).view(np.uint8).reshape(len(values), row_bytes)
