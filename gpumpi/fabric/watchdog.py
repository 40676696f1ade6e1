"""The thread that finds out which rank is missing when a collective does not end.

Knows: datagrams between the ranks, time. Does not know: MPI's state; it works while MPI waits.

Every rank answers, from its own thread, where it stands. A rank that has stood in one call for half the limit asks
all, and again at the limit; if nobody has got anywhere in between, the lowest rank that waits prints one report and
ends the job.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import secrets
import socket
import sys
import threading
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from gpumpi.errors import OUR_BUG
from gpumpi.fabric.objects import collect_small
from gpumpi.fabric.standings import Rank, Standing, caller_of, report

if TYPE_CHECKING:
    from gpumpi.fabric.fabric import Fabric

ANSWER_S = 2.0
"""A rank that has not answered by then is stopped or dead."""
_POLL_S = 1.0
_LOOPBACK = "127.0.0.1"
_MAX_DATAGRAM_BYTES = 8192


class Watchdog:
    """One rank's watchdog thread. Made by all ranks together."""

    def __init__(self, fabric: Fabric, limit_s: float) -> None:
        self._rank, self._place, self._trace, self._limit_s = fabric.rank, fabric.place, fabric.trace, limit_s
        self._abort = fabric.abort
        self._watched = threading.get_ident()
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        address = _LOOPBACK if fabric.topology.n_nodes == 1 else _own_address()
        self._socket.bind((address, 0))
        self._socket.settimeout(min(_POLL_S, limit_s / 4))
        mine = (self._socket.getsockname(), socket.gethostname(), os.getpid(), secrets.token_hex(8))
        self._peers: list[tuple[tuple[str, int], str, int, str]] = collect_small(fabric, mine)
        self._token = self._peers[0][3]
        self._answers: dict[int, Standing] = {}
        self._ended: set[int] = set()
        self._seen, self._since_s = -1, time.monotonic()
        self._stopping = False
        self._thread = threading.Thread(target=self._watch, name="gpumpi watchdog", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    def close(self) -> None:
        """Stop, and tell the other ranks that this one will not answer any more."""
        atexit.unregister(self.close)
        if not self._stopping:
            self._stopping = True
            self._tell_all({"kind": "end"})
            self._tell({"kind": "wake"}, self._socket.getsockname())
            self._thread.join()
            self._socket.close()

    def _watch(self) -> None:
        last: dict[int, tuple[int, int]] | None = None
        ask_at_s = self._limit_s / 2
        while not self._stopping:
            self._serve()
            if self._waited_s() < ask_at_s:
                if self._waited_s() < self._limit_s / 2:
                    last, ask_at_s = None, self._limit_s / 2
                continue
            ranks = self._ask()
            progress = {rank.number: rank.standing.progress for rank in ranks if rank.standing}
            if progress == last and self._speaks(ranks):
                self._end_job(report(ranks, self._waited_s()))
            ask_at_s = self._waited_s() + (ANSWER_S if progress == last else self._limit_s / 2)
            last = progress

    def _waited_s(self) -> float:
        """Seconds in the call that this rank is in; 0 outside any."""
        calls, name = self._place.calls, self._place.name
        if name is None or calls != self._seen:
            self._seen, self._since_s = calls, time.monotonic()
        return time.monotonic() - self._since_s

    def _speaks(self, ranks: list[Rank]) -> bool:
        """Whether this rank prints: the lowest of those that wait, or any of them if that one does not."""
        waiting = [rank.number for rank in ranks if rank.standing and rank.standing.waited_s >= self._limit_s / 2]
        return self._rank == min(waiting, default=self._rank) or self._waited_s() > self._limit_s + 4 * ANSWER_S

    def _end_job(self, text: str) -> None:
        sys.stderr.write(text + "\n")
        sys.stderr.flush()
        time.sleep(_POLL_S / 4)  # the launcher may drop what it has not forwarded when the job ends
        # The rank's own thread is inside MPI: should the library not end the job from here, this process ends.
        last_resort = threading.Timer(10.0, os._exit, [OUR_BUG])
        last_resort.daemon = True
        last_resort.start()
        self._abort(OUR_BUG)

    def _ask(self) -> list[Rank]:
        self._answers = {self._rank: self._standing()}
        self._tell_all({"kind": "ask"})
        until_s = time.monotonic() + ANSWER_S
        while len(self._answers) < len(self._peers) - len(self._ended) and time.monotonic() < until_s:
            self._serve()
        return [
            Rank(number, host, pid, self._answers.get(number), number in self._ended)
            for number, (_, host, pid, _) in enumerate(self._peers)
        ]

    def _standing(self) -> Standing:
        place, trace = self._place, self._trace
        beats, phase = (trace.beats, trace.phase) if trace is not None else (0, "")
        where = caller_of(self._watched)
        return Standing(place.name, place.collectives, place.calls, beats, where, phase, self._waited_s())

    def _serve(self) -> None:
        """Take one datagram, or none within the poll time."""
        try:
            data, sender = self._socket.recvfrom(_MAX_DATAGRAM_BYTES)
            said = json.loads(data)
            if said["token"] != self._token:
                return
            rank, kind = int(said["rank"]), said["kind"]
            if kind == "ask":
                self._tell({"kind": "answer", "standing": asdict(self._standing())}, sender)
            elif kind == "answer":
                self._answers[rank] = Standing(**said["standing"])
            elif kind == "end":
                self._ended.add(rank)
        except (OSError, ValueError, KeyError, TypeError):
            return  # no news, or not ours

    def _tell_all(self, said: dict[str, Any]) -> None:
        for number, (address, *_) in enumerate(self._peers):
            if number != self._rank:
                self._tell(said, address)

    def _tell(self, said: dict[str, Any], address: tuple[str, int]) -> None:
        data = json.dumps({**said, "rank": self._rank, "token": self._token}).encode()
        with contextlib.suppress(OSError):
            self._socket.sendto(data, tuple(address))


def _own_address() -> str:
    """An address of this host that other hosts can reach."""
    with contextlib.suppress(OSError):
        for *_, address in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET):
            if not str(address[0]).startswith("127."):
                return str(address[0])
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))  # sends nothing: it only asks the routing table
        return str(probe.getsockname()[0])
    return _LOOPBACK
