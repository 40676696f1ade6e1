"""Moves rows to the ranks that own their partitions and hands them to the pager.

Knows: fabric, device, pager. Does not know: sort or join, where rows come from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gpumpi.device.base import Device, Rows
from gpumpi.exchange.route import Route, make_route, message_bytes, unpack
from gpumpi.fabric import Fabric, wait_all
from gpumpi.memory.pager import Pager
from gpumpi.trace import Trace

_TAG = 17
_FIRST_ROW = 0
"""Where the first row stands in an announcement; the counts follow."""
_NO_ROWS, _FAILED = -1, -2


@dataclass(frozen=True)
class Packed:
    """One block, packed by destination.

    Attributes
    ----------
    first_row : int
        Global input row of the block, -1 if it has no rows.
    route : Route
    memory : uint8 array of shape (route.n_bytes,)
    """

    first_row: int
    route: Route
    memory: npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Arrived:
    """What one rank sent in a round: rows for my partitions, ``counts[p]`` of each, partition after partition."""

    first_row: int
    counts: npt.NDArray[np.int64]
    memory: npt.NDArray[np.uint8]


class Exchange:
    """Packs blocks, moves them, keeps what arrives. `pack` and `keep` are local, `deliver` is collective.

    Parameters
    ----------
    fabric, device, pager
        Who talks, who packs, who keeps.
    row_bytes : sequence of int
        Bytes a row of each column.
    n_partitions : int
        Over all ranks; ranks own equal runs of them.
    trace : Trace
        Counts the bytes sent.
    """

    def __init__(
        self,
        fabric: Fabric,
        device: Device,
        pager: Pager,
        row_bytes: Sequence[int],
        n_partitions: int,
        trace: Trace,
    ) -> None:
        self._fabric, self._device, self._pager, self._trace = fabric, device, pager, trace
        self._widths = tuple(row_bytes)
        nothing = make_route(np.zeros(n_partitions, np.int64), fabric.size, self._widths)
        self.nothing = Packed(_NO_ROWS, nothing, np.empty(0, np.uint8))
        """What a rank delivers that has no block left."""

    def pack(
        self, first_row: int, columns: Sequence[Rows], ids: npt.NDArray[np.uint16], counts: npt.NDArray[np.int64]
    ) -> Packed:
        """Rows of one block, scattered into messages.

        Parameters
        ----------
        first_row : int
            Global input row of the block.
        columns : sequence of uint8 arrays of shape (n, row_bytes)
        ids : uint16 array of shape (n,)
            Partition of each row.
        counts : int64 array of shape (n_partitions,)
            Rows of each partition.
        """
        route = make_route(counts, self._fabric.size, self._widths)
        memory = self._device.pool.take(route.n_bytes)
        for index, rows in enumerate(columns):
            self._device.scatter(rows, ids, route.targets(index, memory.ctypes.data))
        return Packed(first_row, route, memory)

    def deliver(self, packed: Packed, failed: Exception | None = None) -> list[Arrived]:
        """Send a block to its partitions' owners; what arrived here, this rank's own part included.

        Parameters
        ----------
        packed : Packed
        failed : Exception, optional
            Why this rank cannot go on. It is told with the counts, so that a round needs no other agreement; all ranks
            raise it then, as `Fabric.agreed` does.

        Notes
        -----
        *Collective*: every rank delivers equally often. *Cost*: one small all-to-all, and one message for each pair of
        ranks that has rows for each other.
        """
        arriving = self._announce(packed, failed is not None)
        if (arriving[:, _FIRST_ROW] == _FAILED).any():
            with self._fabric.agreed():
                if failed is not None:
                    raise failed
        rank, size = self._fabric.rank, self._fabric.size
        messages = np.split(packed.memory, packed.route.message_starts[1:-1])
        received = {rank: messages[rank]}
        requests = []
        for peer in ((rank - step) % size for step in range(1, size)):
            n_rows = int(arriving[peer, 1:].sum())
            if n_rows:
                received[peer] = self._device.pool.take(message_bytes(n_rows, self._widths))
                requests.append(self._fabric.irecv(received[peer], peer, tag=_TAG))
        for peer in ((rank + step) % size for step in range(1, size)):
            if packed.route.rows[peer]:
                requests.append(self._fabric.isend(messages[peer], peer, tag=_TAG))
                self._trace.count("exchange_sent_bytes", messages[peer].size)
        wait_all(requests)
        return [
            Arrived(int(arriving[peer, _FIRST_ROW]), arriving[peer, 1:], received[peer]) for peer in sorted(received)
        ]

    def _announce(self, packed: Packed, failed: bool) -> npt.NDArray[np.int64]:
        """What each rank sends me this round: its block's first row, and rows for each of my partitions."""
        mine = np.empty((self._fabric.size, 1 + packed.route.counts.shape[1]), np.int64)
        mine[:, _FIRST_ROW] = _FAILED if failed else packed.first_row
        mine[:, 1:] = packed.route.counts
        arriving: npt.NDArray[np.int64] = self._fabric.alltoall(mine, np.empty_like(mine))
        return arriving

    def keep(self, arrived: Sequence[Arrived]) -> None:
        """Hand rows that arrived to the pager.

        Raises
        ------
        UserError
            If the budget has no room for them.
        """
        for message in arrived:
            n_rows = int(message.counts.sum())
            if n_rows:
                self._pager.append(message.first_row, unpack(message.memory, n_rows, self._widths), message.counts)
