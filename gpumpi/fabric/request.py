"""Operations under way, and the memory they use.

Knows: how to wait and to ask. Does not know: what the operation is.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from mpi4py import MPI

from gpumpi.fabric.marking import standing

if TYPE_CHECKING:
    from gpumpi.fabric.core import FabricCore


class Request:
    """A non-blocking operation. It keeps its buffers alive until it has ended, even if nobody keeps the request.

    A request that nobody waits for ends when its fabric is closed.
    """

    __slots__ = ("_kept", "_requests", "_result", "fabric", "name")

    def __init__(self, fabric: FabricCore, name: str, requests: list[MPI.Request], result: Any, kept: Any) -> None:
        self.fabric = fabric
        self.name = name
        self._requests = requests
        self._result = result
        self._kept = kept
        fabric.pending.add(self)

    def __repr__(self) -> str:
        return f"<Request {self.name}: {'under way' if self in self.fabric.pending else 'done'}>"

    @standing
    def wait(self) -> Any:
        """The operation's result (None where a rank gets none), as soon as it is there; waiting again is fine."""
        if self._requests:
            _wait(self._requests)
            self._end()
        return self._result

    def test(self) -> bool:
        """Whether the operation has ended; asking also moves it on."""
        if self._requests and MPI.Request.Testall(self._requests):
            self._end()
        return not self._requests

    def _end(self) -> None:
        self._requests = []
        self._kept = None
        self.fabric.pending.discard(self)


def _wait(requests: list[MPI.Request]) -> None:
    if len(requests) == 1:
        requests[0].Wait()
    else:
        MPI.Request.Waitall(requests)


def wait_all(requests: Iterable[Request]) -> list[Any]:
    """The results of all requests, in their order, when the last one has ended."""
    return [request.wait() for request in requests]
