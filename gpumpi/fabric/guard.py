"""The check that all ranks call the same collective with the same arguments.

Knows: calls as text, and how to compare them. Does not know: what a collective does.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from itertools import groupby

import numpy as np
from mpi4py import MPI

from gpumpi.errors import CollectiveMismatch

TEXT_BYTES = 240
_DIGEST_BYTES = 16


class Guard:
    """Compares calls between ranks, on a communicator of its own, so that a stray message cannot meet it."""

    def __init__(self, comm: MPI.Intracomm) -> None:
        self._comm = comm

    def compare(self, call: str) -> None:
        """Return if all ranks are about to make the same call.

        Parameters
        ----------
        call : str
            The call in words, with what has to agree. Texts beyond 240 bytes are compared by digest.

        Raises
        ------
        CollectiveMismatch
            On every rank, naming the odd ones.
        """
        mine = _record(call)
        records = np.empty((self._comm.size, len(mine)), np.uint8)
        self._comm.Allgather([mine, len(mine), MPI.BYTE], [records, len(mine), MPI.BYTE])
        if (records != records[0]).any():
            raise CollectiveMismatch(mismatch([record.tobytes() for record in records]))

    def close(self) -> None:
        """Free the guard's communicator. *Collective*."""
        self._comm.Free()


def _record(call: str) -> bytes:
    text = call.encode()
    return hashlib.blake2b(text, digest_size=_DIGEST_BYTES).digest() + text[:TEXT_BYTES].ljust(TEXT_BYTES, b"\0")


def mismatch(records: Sequence[bytes]) -> str:
    """Who calls what, the odd ones first; the many are those of the commonest call, then of the lowest rank."""
    callers: dict[bytes, list[int]] = {}
    for rank, record in enumerate(records):
        callers.setdefault(record, []).append(rank)
    many = max(callers, key=lambda record: len(callers[record]))
    odd = [f"{_ranks_call(ranks)} {_text(record)}" for record, ranks in callers.items() if record != many]
    return f"{'; '.join(odd)} where {_ranks_call(callers[many])} {_text(many)}"


def _text(record: bytes) -> str:
    return record[_DIGEST_BYTES:].rstrip(b"\0").decode(errors="replace")


def _ranks_call(ranks: Sequence[int]) -> str:
    return f"{name_ranks(ranks)} call{'s' if len(ranks) == 1 else ''}"


def name_ranks(ranks: Iterable[int]) -> str:
    """Ranks in words: ``"rank 2"``, ``"ranks 0, 1, 3"``, ``"ranks 0-7, 9"``."""
    ranks = sorted(ranks)
    spans = [[rank for _, rank in run] for _, run in groupby(enumerate(ranks), lambda pair: pair[1] - pair[0])]
    parts: list[str] = []
    for span in spans:
        parts += [f"{span[0]}-{span[-1]}"] if len(span) > 2 else map(str, span)
    return f"rank{'' if len(ranks) == 1 else 's'} {', '.join(parts)}"
