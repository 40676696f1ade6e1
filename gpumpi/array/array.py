"""An array cut into consecutive pieces, one a rank.

Knows: world, layout, this rank's piece. Does not know: how it was partitioned; methods that compute are doors to the
floor above.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
import numpy.typing as npt

from gpumpi.array.content import ArrayContent
from gpumpi.array.layout import Layout
from gpumpi.array.table import Table, table_of_arrays
from gpumpi.device.base import Rows
from gpumpi.fabric import Fabric, collective
from gpumpi.schema import Column, Schema

if TYPE_CHECKING:
    from gpumpi.array.world import World


class PartitionedArray:
    """A distributed array; made by `World.array`, by taking a column of a `Table`, or by an operation on another.

    Attributes
    ----------
    world : World
        Whose ranks hold it.
    layout : Layout
        Which rank holds which rows.
    """

    def __init__(self, world: World, column: Column, layout: Layout, rows: Rows) -> None:
        self.world, self.layout = world, layout
        self._column, self._rows = column, rows

    @property
    def fabric(self) -> Fabric:
        """The fabric of the array's world."""
        return self.world.fabric

    @property
    def local(self) -> npt.NDArray[Any]:
        """This rank's piece, of shape (n_local, ...), where it lies."""
        flat = self._rows.reshape(-1).view(self._column.dtype)
        return flat.reshape(len(self._rows), *self._column.row_shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of one element."""
        return self._column.dtype

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape over all ranks."""
        return (self.layout.n_global, *self._column.row_shape)

    @property
    def size(self) -> int:
        """Elements over all ranks."""
        return int(np.prod(self.shape, dtype=np.int64))

    def __len__(self) -> int:
        return self.layout.n_global

    def __repr__(self) -> str:
        return f"<gpumpi.PartitionedArray {self.shape} {self.dtype} on {self.world.size} ranks>"

    def __array__(self, dtype: Any = None, copy: Any = None) -> NoReturn:
        raise TypeError("a PartitionedArray lies on many ranks: use .local for this rank's piece, .gather() for all")

    @collective
    def gather(self, root: int | None = None) -> npt.NDArray[Any] | None:
        """The whole array as one NumPy array, on `root` (None elsewhere), or on every rank if not given.

        Notes
        -----
        *Collective*.
        """
        found = self.fabric.allgatherv(self._rows) if root is None else self.fabric.gatherv(self._rows, root=root)
        if found is None:
            return None
        whole: npt.NDArray[Any] = found.reshape(-1).view(self.dtype).reshape(self.shape)
        return whole

    @collective
    def sort(self, *, descending: bool = False, unique: bool = False, head: int | None = None) -> PartitionedArray:
        """A sorted copy; see `Table.sort` for order and cost.

        Notes
        -----
        *Collective*. Unlike ``numpy.ndarray.sort`` it does not change the array itself: which rank holds a value
        depends on the order.
        """
        return self._table().sort(descending=descending, unique=unique, head=head)[self._column.name]

    @collective
    def argsort(self, *, descending: bool = False) -> PartitionedArray:
        """Global row numbers, int64, that would sort the array; equal values keep their order.

        Notes
        -----
        *Collective*. *Cost*: as `sort`, with 8 bytes more a row.
        """
        start, stop = self.layout.offsets[self.world.rank : self.world.rank + 2]
        both = table_of_arrays(self.world, {"value": self.local, "row": np.arange(start, stop, dtype=np.int64)})
        return both.sort("value", descending=descending)["row"]

    def _table(self) -> Table:
        schema = Schema((self._column,), self.layout.n_global)
        return Table(self.world, schema, self.layout, ArrayContent([self._rows]))


@collective
def partitioned(world: World, local: npt.ArrayLike) -> PartitionedArray:
    """See `World.array`."""
    table = table_of_arrays(world, {"value": local})
    content = table.content
    assert isinstance(content, ArrayContent)
    return PartitionedArray(world, table.schema.columns[0], table.layout, content.columns[0])
