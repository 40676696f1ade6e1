"""The collectives that return at once, with a request.

Knows: the same names and arguments as `blocking`, with an *i* in front. Does not know: how bytes move.

What is sent must not change, and what is received must not be read, until the request has ended. All ranks start them
in the same order. A form that has to find counts or shapes first waits for all ranks while it does.
"""

from __future__ import annotations

from collections.abc import Sequence

from gpumpi.fabric import movement, reductions, vectors
from gpumpi.fabric.core import FabricCore
from gpumpi.fabric.marking import collective
from gpumpi.fabric.message import Array
from gpumpi.fabric.reductions import Op
from gpumpi.fabric.request import Request
from gpumpi.fabric.words import given, numbers, operation, rows, whole


class NonBlocking(FabricCore):
    """The collectives of MPI in their non-blocking form."""

    @collective
    def ibarrier(self) -> Request:
        """Start `barrier`."""
        return self.start("barrier", ((("Barrier", ()),), None, 0, None))

    @collective(buf=whole, root=str)
    def ibcast(self, buf: Array, root: int = 0) -> Request:
        """Start `bcast`."""
        return self.start("bcast", movement.bcast(self, buf, root))

    @collective(send=whole, root=str)
    def igather(self, send: Array, recv: Array | None = None, root: int = 0) -> Request:
        """Start `gather`."""
        return self.start("gather", movement.gather(self, send, recv, root))

    @collective(recv=given, root=str)
    def iscatter(self, send: Array | None, recv: Array | None = None, root: int = 0) -> Request:
        """Start `scatter`."""
        return self.start("scatter", movement.scatter(self, send, recv, root))

    @collective(send=whole, recv=given)
    def iallgather(self, send: Array | None, recv: Array | None = None) -> Request:
        """Start `allgather`."""
        return self.start("allgather", movement.allgather(self, send, recv))

    @collective(send=whole)
    def ialltoall(self, send: Array, recv: Array | None = None) -> Request:
        """Start `alltoall`."""
        return self.start("alltoall", movement.alltoall(self, send, recv))

    @collective(send=rows, counts=numbers, root=str)
    def igatherv(
        self, send: Array, recv: Array | None = None, counts: Sequence[int] | None = None, root: int = 0
    ) -> Request:
        """Start `gatherv`."""
        return self.start("gatherv", vectors.gatherv(self, send, recv, counts, root))

    @collective(recv=given, root=str)
    def iscatterv(
        self, send: Array | None, counts: Sequence[int] | None = None, recv: Array | None = None, root: int = 0
    ) -> Request:
        """Start `scatterv`."""
        return self.start("scatterv", vectors.scatterv(self, send, counts, recv, root))

    @collective(send=rows, counts=numbers)
    def iallgatherv(self, send: Array, recv: Array | None = None, counts: Sequence[int] | None = None) -> Request:
        """Start `allgatherv`."""
        return self.start("allgatherv", vectors.allgatherv(self, send, recv, counts))

    @collective(send=rows, recv_counts=given)
    def ialltoallv(
        self,
        send: Array,
        counts: Sequence[int],
        recv: Array | None = None,
        recv_counts: Sequence[int] | None = None,
    ) -> Request:
        """Start `alltoallv`."""
        return self.start("alltoallv", vectors.alltoallv(self, send, counts, recv, recv_counts))

    @collective(send=whole, op=operation, root=str)
    def ireduce(self, send: Array, recv: Array | None = None, op: Op = "sum", root: int = 0) -> Request:
        """Start `reduce`."""
        return self.start("reduce", reductions.reduce(self, send, recv, op, root))

    @collective(send=whole, op=operation)
    def iallreduce(self, send: Array, recv: Array | None = None, op: Op = "sum") -> Request:
        """Start `allreduce`."""
        return self.start("allreduce", reductions.elementwise(self, "Allreduce", send, recv, op))

    @collective(send=whole, counts=numbers, op=operation)
    def ireduce_scatter(
        self, send: Array, recv: Array | None = None, counts: Sequence[int] | None = None, op: Op = "sum"
    ) -> Request:
        """Start `reduce_scatter`."""
        return self.start("reduce_scatter", reductions.reduce_scatter(self, send, recv, counts, op))

    @collective(send=whole, op=operation)
    def iscan(self, send: Array, recv: Array | None = None, op: Op = "sum") -> Request:
        """Start `scan`."""
        return self.start("scan", reductions.elementwise(self, "Scan", send, recv, op))

    @collective(send=whole, op=operation)
    def iexscan(self, send: Array, recv: Array | None = None, op: Op = "sum") -> Request:
        """Start `exscan`."""
        return self.start("exscan", reductions.elementwise(self, "Exscan", send, recv, op))
