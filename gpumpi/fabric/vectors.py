"""How uneven pieces move: the MPI calls of gatherv, scatterv, allgatherv and alltoallv, prepared.

Knows: counts of rows along axis 0, and which memory goes where. Does not know: whether somebody waits for it.

Counts and offsets of these calls are 32-bit in many MPI libraries, and one rank may be over that limit where another
is not. gatherv, scatterv and allgatherv know all counts on all ranks, so all ranks see it alike and take alltoallw
instead. alltoallv always is an alltoallw, in which each pair of ranks only has to agree on its own bytes.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from mpi4py import MPI

import gpumpi.fabric.message as messages
from gpumpi.fabric.core import FabricCore, Steps
from gpumpi.fabric.message import Array, View, many_bytes, message, readable, writable
from gpumpi.fabric.movement import receive
from gpumpi.fabric.objects import share_small

Counts = Sequence[int]


class Runs(NamedTuple):
    """Runs of bytes, one a peer, that follow one another."""

    counts: list[int]
    starts: list[int]

    @property
    def total(self) -> int:
        """Bytes of all runs."""
        return self.starts[-1] + self.counts[-1]


def runs_of(counts: Counts, row_bytes: int) -> Runs:
    """The runs that so many rows a peer are."""
    n_bytes = [int(count) * row_bytes for count in counts]
    return Runs(n_bytes, [0, *itertools.accumulate(n_bytes[:-1])])


def gatherv(fabric: FabricCore, send: Array, recv: Array | None, counts: Counts | None, root: int) -> Steps:
    """Every rank's rows, one rank after the other, on the root."""
    source = _rows("gatherv", readable(send))
    counts = _all_counts(fabric, "gatherv", source, counts)
    runs = runs_of(counts, source.row_bytes)
    target = None
    if fabric.rank == root:
        recv, target = receive(fabric, "gatherv", recv, (sum(counts), *source.shape[1:]), source.dtype)
    else:
        recv = None
    if runs.total > messages.LIMIT:
        to_root = [source.n_bytes if rank == root else 0 for rank in range(fabric.size)]
        sends = _typed(source, Runs(to_root, [0] * fabric.size))
        receives = _typed(target, runs if target else _nothing(fabric))
        return Steps([("Alltoallw", (sends, receives))], recv, source.n_bytes, (source, target))
    into = None if target is None else [target.buffer, runs.counts, runs.starts, MPI.BYTE]
    return Steps([("Gatherv", (message(source), into, root))], recv, source.n_bytes, (source, target))


def scatterv(fabric: FabricCore, send: Array | None, counts: Counts | None, recv: Array | None, root: int) -> Steps:
    """This rank's rows of the root's."""
    source = _rows("scatterv", readable(send)) if fabric.rank == root else None
    head = _head(fabric, source, counts) if source is not None else None
    counts, row_shape, dtype = share_small(fabric, head, root)
    recv, target = receive(fabric, "scatterv", recv, (counts[fabric.rank], *row_shape), dtype)
    runs = runs_of(counts, View(None, 0, (0, *row_shape), dtype).row_bytes)
    sent_bytes = 0 if source is None else runs.total
    if runs.total > messages.LIMIT:
        from_root = [target.n_bytes if rank == root else 0 for rank in range(fabric.size)]
        sends = _typed(source, runs if source else _nothing(fabric))
        receives = _typed(target, Runs(from_root, [0] * fabric.size))
        return Steps([("Alltoallw", (sends, receives))], recv, sent_bytes, (source, target))
    out = None if source is None else [source.buffer, runs.counts, runs.starts, MPI.BYTE]
    return Steps([("Scatterv", (out, message(target), root))], recv, sent_bytes, (source, target))


def _head(fabric: FabricCore, source: View, counts: Counts | None) -> tuple[list[int], tuple[int, ...], Any]:
    """What the other ranks have to know of the root's array."""
    if counts is None:
        raise ValueError(f"scatterv: the root gives no counts; give the rows for each of {fabric.size} ranks")
    _check_counts(fabric, "scatterv", counts, source.shape[0])
    return [int(count) for count in counts], source.shape[1:], source.dtype


def allgatherv(fabric: FabricCore, send: Array, recv: Array | None, counts: Counts | None) -> Steps:
    """Every rank's rows, one rank after the other, on every rank."""
    source = _rows("allgatherv", readable(send))
    counts = _all_counts(fabric, "allgatherv", source, counts)
    runs = runs_of(counts, source.row_bytes)
    recv, target = receive(fabric, "allgatherv", recv, (sum(counts), *source.shape[1:]), source.dtype)
    if runs.total > messages.LIMIT:
        sends = _typed(source, Runs([source.n_bytes] * fabric.size, [0] * fabric.size))
        return Steps([("Alltoallw", (sends, _typed(target, runs)))], recv, source.n_bytes, (source, target))
    into = [target.buffer, runs.counts, runs.starts, MPI.BYTE]
    return Steps([("Allgatherv", (message(source), into))], recv, source.n_bytes, (source, target))


def alltoallv(fabric: FabricCore, send: Array, counts: Counts, recv: Array | None, recv_counts: Counts | None) -> Steps:
    """The rows that each rank has for this one, one rank after the other."""
    source = _rows("alltoallv", readable(send))
    _check_counts(fabric, "alltoallv", counts, source.shape[0])
    if recv_counts is None:
        recv_counts = _counts_from_peers(fabric, counts)
    if recv is send:
        if list(map(int, recv_counts)) != list(map(int, counts)):
            raise ValueError("alltoallv in place: this rank would receive other counts than it sends; give a recv")
        both = _typed(writable(recv), runs_of(counts, source.row_bytes))
        return Steps([("Alltoallw", (MPI.IN_PLACE, both))], recv, source.n_bytes, (source,))
    recv, target = receive(fabric, "alltoallv", recv, (sum(recv_counts), *source.shape[1:]), source.dtype)
    sends = _typed(source, runs_of(counts, source.row_bytes))
    receives = _typed(target, runs_of(recv_counts, source.row_bytes))
    return Steps([("Alltoallw", (sends, receives))], recv, source.n_bytes, (source, target))


def _rows(name: str, view: View) -> View:
    if not view.shape:
        raise ValueError(f"{name} of a single value: its arrays have rows along axis 0; reshape it to (1,)")
    return view


def _all_counts(fabric: FabricCore, name: str, source: View, counts: Counts | None) -> list[int]:
    """Rows of every rank."""
    if counts is None:
        found = np.empty(fabric.size, np.int64)
        mine = np.array([source.shape[0]], np.int64)
        fabric.comm.Allgather([mine, 1, MPI.INT64_T], [found, 1, MPI.INT64_T])
        return [int(count) for count in found]
    if len(counts) != fabric.size or counts[fabric.rank] != source.shape[0]:
        raise ValueError(
            f"{name}: rank {fabric.rank} sends {source.shape[0]} rows and counts are {list(counts)}; give the rows "
            f"of each of {fabric.size} ranks, or leave counts out"
        )
    return [int(count) for count in counts]


def _counts_from_peers(fabric: FabricCore, counts: Counts) -> list[int]:
    """How many rows each rank has for this one."""
    sends, found = np.array(counts, np.int64), np.empty(fabric.size, np.int64)
    fabric.comm.Alltoall([sends, 1, MPI.INT64_T], [found, 1, MPI.INT64_T])
    return [int(count) for count in found]


def _check_counts(fabric: FabricCore, name: str, counts: Counts, n_rows: int) -> None:
    if len(counts) != fabric.size or min(counts) < 0 or sum(counts) != n_rows:
        raise ValueError(
            f"{name}: counts are {list(counts)} and send has {n_rows} rows; give the rows for each of "
            f"{fabric.size} ranks"
        )


def _nothing(fabric: FabricCore) -> Runs:
    return Runs([0] * fabric.size, [0] * fabric.size)


def _typed(view: View | None, runs: Runs) -> list[Any]:
    """Runs of a view's bytes as alltoallw takes them: what a count cannot say, a type says."""
    buffer = None if view is None else view.buffer
    if runs.total <= messages.LIMIT:
        return [buffer, runs.counts, runs.starts, [MPI.BYTE] * len(runs.counts)]
    counts, starts, types = [], [], []
    for n_bytes, start in zip(*runs, strict=True):
        fits = start + n_bytes <= messages.LIMIT
        counts.append(n_bytes if fits or not n_bytes else 1)
        starts.append(start if fits else 0)
        types.append(MPI.BYTE if fits or not n_bytes else many_bytes(n_bytes, start))
    return [buffer, counts, starts, types]
