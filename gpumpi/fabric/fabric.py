"""The fabric: all ranks of a communicator, and everything they do together.

Knows: how the parts of this package make one object, and how long it lives. Does not know: arrays with a layout, files.
"""

from __future__ import annotations

import os
from types import TracebackType
from typing import Any, Self

from mpi4py import MPI

from gpumpi.device.pool import BufferPool
from gpumpi.fabric.agreement import Agreed
from gpumpi.fabric.blocking import Blocking
from gpumpi.fabric.guard import Guard
from gpumpi.fabric.marking import collective
from gpumpi.fabric.nonblocking import NonBlocking
from gpumpi.fabric.objects import collect_small, share_small
from gpumpi.fabric.place import Place
from gpumpi.fabric.point_to_point import PointToPoint
from gpumpi.fabric.request import wait_all
from gpumpi.fabric.topology import Topology, find_topology
from gpumpi.fabric.watchdog import Watchdog
from gpumpi.trace import Trace


class Fabric(Blocking, NonBlocking, PointToPoint):
    """A private duplicate of a communicator: collectives on any array, agreed errors, a guard and a watchdog.

    MPI is only called from the thread that made the fabric.

    Parameters
    ----------
    comm : mpi4py.MPI.Intracomm, optional
        Stays the caller's own: it is duplicated, never freed. All ranks of the job if not given.
    guard : bool, optional
        Compare every collective between ranks before it runs. ``GPUMPI_GUARD`` on rank 0 decides if not given.
    watchdog_s : float, optional
        Seconds in one collective after which the ranks are asked where they stand; 0 is never.
        ``GPUMPI_WATCHDOG_S`` on rank 0 decides if not given, and without it 600.
    trace : Trace, optional
        Counts the bytes that this rank sends, by collective.
    pool : BufferPool, optional
        Where large results are taken from; one of its own if not given.

    Attributes
    ----------
    rank, size : int
        Who this is, and how many there are.
    topology : Topology
        Which ranks share a node.
    local : Fabric
        The ranks of this node; itself on one node's own fabric.
    comm : mpi4py.MPI.Intracomm
        The duplicate, for what MPI can do and the fabric does not say.

    Notes
    -----
    *Collective*, as is `close`.
    """

    topology: Topology
    local: Fabric
    _watchdog: Watchdog | None

    def __init__(
        self,
        comm: MPI.Intracomm | None = None,
        *,
        guard: bool | None = None,
        watchdog_s: float | None = None,
        trace: Trace | None = None,
        pool: BufferPool | None = None,
    ) -> None:
        self._take(_duplicate(MPI.COMM_WORLD if comm is None else comm), trace, pool or BufferPool(), Place())
        asked = (_env_flag("GPUMPI_GUARD", guard), _env_seconds("GPUMPI_WATCHDOG_S", watchdog_s))
        guarded, limit_s = share_small(self, asked, 0)
        self.guard = Guard(self.comm.Dup()) if guarded else None
        self.local = self._make_local()
        self.topology = self.local.topology = find_topology(self.comm, self.local.comm)
        self._watchdog = Watchdog(self, limit_s) if limit_s > 0 and self.size > 1 else None

    def _take(self, comm: MPI.Intracomm, trace: Trace | None, pool: BufferPool, place: Place) -> None:
        self.comm, self.rank, self.size = comm, comm.rank, comm.size
        self.trace, self.pool, self.place = trace, pool, place
        self.guard = None
        self.pending = set()
        self._watchdog = None

    def _make_local(self) -> Fabric:
        """The fabric of this node's ranks, which shares this one's place, so that one watchdog sees both."""
        local = Fabric.__new__(Fabric)
        node = MPI.Intracomm(self.comm.Split_type(MPI.COMM_TYPE_SHARED, self.rank))
        local._take(node, self.trace, self.pool, self.place)
        local.guard = Guard(local.comm.Dup()) if self.guard else None
        local.local = local
        return local

    def __repr__(self) -> str:
        return f"<Fabric rank {self.rank} of {self.size}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.close()
        elif self._watchdog is not None:
            # The other ranks may not come to close(): what takes all of them stays open.
            self._watchdog.close()

    @collective(root=str)
    def share(self, obj: Any, root: int = 0) -> Any:
        """The root's small Python object, on every rank. *Collective*."""
        return share_small(self, obj, root)

    @collective
    def collect(self, obj: Any) -> list[Any]:
        """The small Python objects of all ranks in rank order, the same on every rank. *Collective*."""
        return collect_small(self, obj)

    @collective
    def compare(self, call: str) -> None:
        """With the guard on, raise `CollectiveMismatch` unless all ranks say the same. *Collective*."""
        if self.guard is not None:
            self.guard.compare(call)

    def agreed(self) -> Agreed:
        """A block of code that each rank runs on its own, and which ends in the same way on all ranks.

        An error of the library, an ``OSError`` or a ``MemoryError`` of any rank is raised on every rank, as the same
        class with the same text, which names the rank if only some had it (the lowest one's, if they differ). Any
        other exception is raised as it is where it came up; the other ranks raise a `GpumpiError` that tells of it.

        Notes
        -----
        *Collective*: all ranks enter it, and call no collective inside. *Cost*: one small allreduce.
        """
        return Agreed(self)

    def abort(self, code: int = 70) -> None:
        """End all ranks of the job, at once, with this exit code."""
        MPI.COMM_WORLD.Abort(code)

    def close(self) -> None:
        """End what is under way and free the duplicate. Closing twice is fine. *Collective*."""
        if self.comm == MPI.COMM_NULL:
            return
        if self._watchdog is not None:
            self._watchdog.close()
        for fabric in (self.local, self):
            wait_all(list(fabric.pending))
            if fabric.guard is not None:
                fabric.guard.close()
                fabric.guard = None
            fabric.comm.Free()


def _env_flag(name: str, value: bool | None) -> bool:
    return os.environ.get(name, "0") not in ("", "0") if value is None else value


def _env_seconds(name: str, value: float | None) -> float:
    return float(os.environ.get(name, "600")) if value is None else value


def _duplicate(comm: MPI.Comm) -> MPI.Intracomm:
    if not isinstance(comm, MPI.Intracomm) or comm == MPI.COMM_NULL:
        found = "COMM_NULL" if isinstance(comm, MPI.Comm) and comm == MPI.COMM_NULL else type(comm).__name__
        raise TypeError(
            f"a fabric of {found}: it takes an intracommunicator that this rank is in (mpi4py.MPI.Intracomm)"
        )
    return comm.Dup()
