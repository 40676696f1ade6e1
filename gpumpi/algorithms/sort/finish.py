"""Partitions in pages to rows in order.

Knows: pager, device, keys. Does not know: other ranks, files.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gpumpi.algorithms.proof import (
    Digest,
    OrderWatch,
    first_disorder_over_ranks,
    key_words,
    require_order,
    require_same,
)
from gpumpi.array.content import ArrayContent
from gpumpi.array.world import World
from gpumpi.device.base import Rows
from gpumpi.fabric import Fabric
from gpumpi.keys import KeyPlan
from gpumpi.memory.pager import Pager
from gpumpi.schema import Schema


class SortedContent:
    """This rank's rows of a sorted table: partitions that are put in order when they are asked for.

    A `Content`. Its pages stay until it is settled or forgotten, so its blocks can be taken again.

    Parameters
    ----------
    world : World
        Who computes and who is told of progress.
    pager, schema, key_plan
        Where the rows are, what they look like, what orders them.
    read : Digest
        Of the rows that were read for this on this rank; over all ranks they are the rows handed on.

    Attributes
    ----------
    digest, watch
        Of the rows that were handed on in the last pass.
    """

    def __init__(self, world: World, pager: Pager, schema: Schema, key_plan: KeyPlan, read: Digest) -> None:
        self._device, self._pager, self._trace = world.device, pager, world.trace
        self._read = read
        self._widths = [column.row_bytes for column in schema.columns]
        self._key_plan = key_plan
        self.n_local = int(pager.rows.sum())
        self.digest = Digest()
        self.watch = OrderWatch()

    def blocks(self, max_rows: int) -> Iterator[tuple[int, list[Rows]]]:
        """See `Content.blocks`."""
        start = 0
        self._begin_pass()
        for partition, n_rows in enumerate(self._pager.rows.tolist()):
            columns = [self._device.pool.rows(n_rows, width) for width in self._widths]
            self._finish(partition, columns)
            for at in range(0, n_rows, max_rows):
                yield start + at, [rows[at : at + max_rows] for rows in columns]
            start += n_rows

    def read(self, column: int, start: int, out: Rows) -> None:
        """Not to be had: settle the content first."""
        raise NotImplementedError("a sorted table is read in order; take its blocks")

    def verify(self, fabric: Fabric) -> None:
        """See `Content.verify`: as many rows as were read, the same, in order."""
        require_same(self._read.over_ranks(fabric), self.digest.over_ranks(fabric))
        require_order(first_disorder_over_ranks(fabric, self.watch))

    def settle(self) -> ArrayContent:
        """All rows in memory, each partition put in order where it stays and its pages given up."""
        columns = [self._device.pool.rows(self.n_local, width) for width in self._widths]
        start = 0
        self._begin_pass()
        for partition, n_rows in enumerate(self._pager.rows.tolist()):
            self._finish(partition, [rows[start : start + n_rows] for rows in columns])
            self._pager.drop(partition)
            start += n_rows
        return ArrayContent(columns)

    def _begin_pass(self) -> None:
        self.digest, self.watch = Digest(), OrderWatch()

    def _finish(self, partition: int, out: Sequence[Rows]) -> None:
        """Fill `out` with the partition's rows in order, and watch them."""
        if len(out[0]) == 0:
            return
        if not self._sort_in_place(partition, out):
            self._sort_by_words(partition, out)
        self.digest.add(self._device, out)
        self.watch.add(self._device, key_words(self._device, out, self._key_plan))
        self._trace.progress(self.watch.n_rows, self.n_local)

    def _sort_in_place(self, partition: int, out: Sequence[Rows]) -> bool:
        """For rows that are nothing but their key."""
        if len(out) > 1:
            return False
        self._pager.read(partition, 0, out[0])
        return self._device.sort_alone(out[0], self._key_plan)

    def _sort_by_words(self, partition: int, out: Sequence[Rows]) -> None:
        n_rows = len(out[0])
        unordered = {column: self._take(partition, column, n_rows) for column in self._key_plan.columns}
        order = self._device.order(self._device.words(unordered, self._key_plan))
        for column, rows in enumerate(out):
            found = unordered.pop(column, None)
            self._device.gather(self._take(partition, column, n_rows) if found is None else found, order, rows)

    def _take(self, partition: int, column: int, n_rows: int) -> Rows:
        rows = self._device.pool.rows(n_rows, self._widths[column])
        self._pager.read(partition, column, rows)
        return rows
