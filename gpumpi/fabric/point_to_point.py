"""Messages between two ranks.

Knows: peers and tags. Does not know: collectives.
"""

from __future__ import annotations

from typing import Any

from mpi4py import MPI

from gpumpi.fabric.core import FabricCore
from gpumpi.fabric.marking import standing
from gpumpi.fabric.message import Array, message, readable, writable
from gpumpi.fabric.request import Request


class PointToPoint(FabricCore):
    """send and recv, in a blocking and a non-blocking form."""

    @standing
    def send(self, buf: Array, peer: int, tag: int = 0) -> None:
        """Send an array to a peer, which receives it with `recv` or `irecv` under the same tag."""
        view = readable(buf)
        self.comm.Send(message(view), peer, tag)
        if self.trace is not None:
            self.trace.count("send_sent_bytes", view.n_bytes)

    @standing
    def recv(self, buf: Array, peer: int | None = None, tag: int | None = None) -> Any:
        """`buf` with a peer's message in it; from any peer, or with any tag, if none is given.

        Parameters
        ----------
        buf : array
            C-contiguous and writable, at least as large as the message; what is beyond it stays as it was.
        """
        self.comm.Recv(message(writable(buf)), _any(peer, MPI.ANY_SOURCE), _any(tag, MPI.ANY_TAG))
        return buf

    def isend(self, buf: Array, peer: int, tag: int = 0) -> Request:
        """Start to send an array to a peer. It must not change until the request has ended."""
        view = readable(buf)
        request = self.comm.Isend(message(view), peer, tag)
        if self.trace is not None:
            self.trace.count("send_sent_bytes", view.n_bytes)
        return Request(self, "isend", [request], None, (buf, view))

    def irecv(self, buf: Array, peer: int | None = None, tag: int | None = None) -> Request:
        """Start to receive a peer's message into `buf`, which is the request's result."""
        view = writable(buf)
        request = self.comm.Irecv(message(view), _any(peer, MPI.ANY_SOURCE), _any(tag, MPI.ANY_TAG))
        return Request(self, "irecv", [request], buf, view)


def _any(value: int | None, wildcard: int) -> int:
    return wildcard if value is None else value
