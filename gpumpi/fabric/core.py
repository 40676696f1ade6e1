"""What every part of the fabric stands on: a communicator, memory for results, and how prepared calls are made.

Knows: MPI's calls by name, blocking and not. Does not know: which collective is made of which calls.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from mpi4py import MPI

from gpumpi.device.pool import BufferPool
from gpumpi.fabric.foreign import AnyDtype
from gpumpi.fabric.place import Place
from gpumpi.fabric.request import Request
from gpumpi.trace import Trace

if TYPE_CHECKING:
    from gpumpi.fabric.guard import Guard

POOLED_BYTES = 1 << 20
"""Results from this size on come from the pool: below it, fresh memory costs less than finding warm memory."""


Call = tuple[str, tuple[Any, ...]]
Steps = tuple[tuple[Call, ...] | list[Call], Any, int, Any]
"""One collective, prepared: MPI calls in order, what comes of them, the bytes that this rank sends, what to keep alive.

A plain tuple, because one is made at every call. The last part is the owners of memory that the calls point into.
"""


class FabricCore:
    """A communicator of ours with its bookkeeping; `Fabric` adds the operations."""

    comm: MPI.Intracomm
    rank: int
    size: int
    trace: Trace | None
    pool: BufferPool
    place: Place
    guard: Guard | None
    pending: set[Request]

    @property
    def fabric(self) -> FabricCore:
        """Itself, so that what is marked as collective finds its fabric here as in any other object."""
        return self

    def empty(self, shape: tuple[int, ...], dtype: AnyDtype) -> npt.NDArray[Any]:
        """An uninitialised array; large ones in warm memory, which goes back to the pool with the last view of it."""
        n_bytes = math.prod(shape) * dtype.itemsize
        if n_bytes < POOLED_BYTES:
            return np.empty(shape, dtype)
        return self.pool.take(n_bytes).view(dtype).reshape(shape)

    def run(self, name: str, steps: Steps) -> Any:
        """Make the calls, each to its end; the result."""
        calls, result, sent_bytes, _ = steps
        comm = self.comm
        for call, arguments in calls:
            getattr(comm, call)(*arguments)
        if self.trace is not None:
            self.trace.count(f"{name}_sent_bytes", sent_bytes)
        return result

    def start(self, name: str, steps: Steps) -> Request:
        """Start the calls in their non-blocking form; the request that ends them."""
        calls, result, sent_bytes, _ = steps
        comm = self.comm
        requests = [getattr(comm, f"I{call.lower()}")(*arguments) for call, arguments in calls]
        if self.trace is not None:
            self.trace.count(f"{name}_sent_bytes", sent_bytes)
        return Request(self, name, requests, result, steps)
