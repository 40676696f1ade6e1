"""What every part of the fabric stands on: a communicator, memory for results, and how prepared calls are made.

Knows: MPI's calls by name, blocking and not. Does not know: which collective is made of which calls.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

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


class Steps(NamedTuple):
    """One collective, prepared: MPI calls in order, and what comes of them.

    The arguments hold what MPI reads and writes; `kept` holds the owners of memory that they only point into.
    """

    calls: Sequence[tuple[str, tuple[Any, ...]]]
    result: Any
    sent_bytes: int = 0
    kept: tuple[Any, ...] = ()


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
        comm = self.comm
        for call, arguments in steps.calls:
            getattr(comm, call)(*arguments)
        if self.trace is not None:
            self.trace.count(f"{name}_sent_bytes", steps.sent_bytes)
        return steps.result

    def start(self, name: str, steps: Steps) -> Request:
        """Start the calls in their non-blocking form; the request that ends them."""
        requests = [getattr(self.comm, f"I{call.lower()}")(*arguments) for call, arguments in steps.calls]
        if self.trace is not None:
            self.trace.count(f"{name}_sent_bytes", steps.sent_bytes)
        return Request(self, name, requests, steps.result, steps)
