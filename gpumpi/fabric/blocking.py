"""The collectives that end before they return.

Knows: names, arguments and results. Does not know: how bytes move (`movement`, `vectors`, `reductions`).

In all of them: an *array* is a NumPy array or anything with the buffer protocol, DLPack or
``__cuda_array_interface__``. What is sent may be a number, and is copied if it is not C-contiguous; what is received
into has to be C-contiguous. Without `recv` the result is a new NumPy array. All ranks give an optional argument, or
none does. ``TypeError`` says that an array cannot be used so, ``ValueError`` that sizes do not fit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gpumpi.fabric import movement, reductions, vectors
from gpumpi.fabric.core import FabricCore
from gpumpi.fabric.marking import collective
from gpumpi.fabric.message import Array
from gpumpi.fabric.reductions import Op
from gpumpi.fabric.words import given, numbers, operation, rows, whole


class Blocking(FabricCore):
    """The collectives of MPI, on arrays of any size."""

    @collective
    def barrier(self) -> None:
        """Return when every rank has come here. *Collective*."""
        self.comm.Barrier()

    @collective(buf=whole, root=str)
    def bcast(self, buf: Array, root: int = 0) -> Any:
        """`buf`, with the root's bytes in it. *Collective*."""
        return self.run("bcast", movement.bcast(self, buf, root))

    @collective(send=whole, root=str)
    def gather(self, send: Array, recv: Array | None = None, root: int = 0) -> Any:
        """Every rank's array, stacked: shape (size, ...) on the root, None elsewhere. *Collective*."""
        return self.run("gather", movement.gather(self, send, recv, root))

    @collective(recv=given, root=str)
    def scatter(self, send: Array | None, recv: Array | None = None, root: int = 0) -> Any:
        """This rank's block of the root's array of shape (size, ...): shape (...). *Collective*.

        Other ranks than the root give None. Without `recv` the root first tells shape and dtype.
        """
        return self.run("scatter", movement.scatter(self, send, recv, root))

    @collective(send=whole, recv=given)
    def allgather(self, send: Array | None, recv: Array | None = None) -> Any:
        """Every rank's array, stacked: shape (size, ...), the same on all ranks. *Collective*.

        With None to send, `recv` already holds this rank's block in its place.
        """
        return self.run("allgather", movement.allgather(self, send, recv))

    @collective(send=whole)
    def alltoall(self, send: Array, recv: Array | None = None) -> Any:
        """Equal blocks from all ranks: block i, along axis 0, is what rank i has for this one. *Collective*.

        `recv` may be `send`.
        """
        return self.run("alltoall", movement.alltoall(self, send, recv))

    @collective(send=rows, counts=numbers, root=str)
    def gatherv(
        self, send: Array, recv: Array | None = None, counts: Sequence[int] | None = None, root: int = 0
    ) -> Any:
        """Every rank's rows, in rank order: shape (sum of counts, ...) on the root, None elsewhere. *Collective*.

        Parameters
        ----------
        send : array
            This rank's rows; the same dtype and row shape on all ranks.
        recv : array, optional
            On the root; ignored elsewhere.
        counts : sequence of int, optional
            Rows of every rank, the same on all ranks. Found by an exchange if not given.
        root : int
            Who receives.
        """
        return self.run("gatherv", vectors.gatherv(self, send, recv, counts, root))

    @collective(recv=given, root=str)
    def scatterv(
        self, send: Array | None, counts: Sequence[int] | None = None, recv: Array | None = None, root: int = 0
    ) -> Any:
        """This rank's rows of the root's array: shape (counts[rank], ...). *Collective*.

        Parameters
        ----------
        send : array or None
            On the root, the rows for rank 0, then those for rank 1, and so on; None elsewhere.
        counts : sequence of int, optional
            Rows for every rank. Without `recv` only the root's count, and the root tells the others first.
        recv : array, optional
            Takes this rank's rows; all ranks give it, with the same `counts`, or none does.
        root : int
            Who sends.
        """
        return self.run("scatterv", vectors.scatterv(self, send, counts, recv, root))

    @collective(send=rows, counts=numbers)
    def allgatherv(self, send: Array, recv: Array | None = None, counts: Sequence[int] | None = None) -> Any:
        """Every rank's rows, in rank order: shape (sum of counts, ...), the same on all ranks. *Collective*.

        `counts` are the rows of every rank, the same on all ranks; found by an exchange if not given.
        """
        return self.run("allgatherv", vectors.allgatherv(self, send, recv, counts))

    @collective(send=rows, recv_counts=given)
    def alltoallv(
        self,
        send: Array,
        counts: Sequence[int],
        recv: Array | None = None,
        recv_counts: Sequence[int] | None = None,
    ) -> Any:
        """The rows that each rank has for this one, in rank order: shape (sum of recv_counts, ...). *Collective*.

        Parameters
        ----------
        send : array
            The rows for rank 0, then those for rank 1, and so on; the same dtype and row shape on all ranks.
        counts : sequence of int
            Rows for every rank.
        recv : array, optional
            May be `send` if both counts are the same.
        recv_counts : sequence of int, optional
            Rows from every rank. Found by an exchange if not given.
        """
        return self.run("alltoallv", vectors.alltoallv(self, send, counts, recv, recv_counts))

    @collective(send=whole, op=operation, root=str)
    def reduce(self, send: Array, recv: Array | None = None, op: Op = "sum", root: int = 0) -> Any:
        """The arrays of all ranks combined element by element, on the root; None elsewhere. *Collective*.

        `op` is sum, prod, min, max, land, lor, lxor, band, bor, bxor, or an ``MPI.Op``. `recv` may be `send`.
        """
        return self.run("reduce", reductions.reduce(self, send, recv, op, root))

    @collective(send=whole, op=operation)
    def allreduce(self, send: Array, recv: Array | None = None, op: Op = "sum") -> Any:
        """The arrays of all ranks combined element by element, the same on all ranks. *Collective*.

        `op` as in `reduce`. `recv` may be `send`.
        """
        return self.run("allreduce", reductions.elementwise(self, "Allreduce", send, recv, op))

    @collective(send=whole, counts=numbers, op=operation)
    def reduce_scatter(
        self, send: Array, recv: Array | None = None, counts: Sequence[int] | None = None, op: Op = "sum"
    ) -> Any:
        """This rank's rows of the combination over all ranks. *Collective*.

        Without `counts`, `send` has shape (size, ...) and the result (...); with them, the same on all ranks, the
        result has shape (counts[rank], ...). `op` as in `reduce`.
        """
        return self.run("reduce_scatter", reductions.reduce_scatter(self, send, recv, counts, op))

    @collective(send=whole, op=operation)
    def scan(self, send: Array, recv: Array | None = None, op: Op = "sum") -> Any:
        """The arrays of this rank and all lower ones combined element by element. *Collective*.

        `op` as in `reduce`. `recv` may be `send`.
        """
        return self.run("scan", reductions.elementwise(self, "Scan", send, recv, op))

    @collective(send=whole, op=operation)
    def exscan(self, send: Array, recv: Array | None = None, op: Op = "sum") -> Any:
        """The arrays of all lower ranks combined element by element. *Collective*.

        `op` as in `reduce`. `recv` may be `send`. Rank 0 has no lower ranks: a new result is all zeros there, a given
        one stays as it is.
        """
        return self.run("exscan", reductions.elementwise(self, "Exscan", send, recv, op))
