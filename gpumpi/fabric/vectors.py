"""How uneven pieces move: the MPI calls of gatherv, scatterv, allgatherv and alltoallv, prepared.

Knows: counts of rows along axis 0, and which memory goes where. Does not know: whether somebody waits for it.

Counts and offsets of these calls are 32-bit in many MPI libraries, and one rank may be over that limit where another
is not. gatherv, scatterv and allgatherv know all counts on all ranks, so all ranks see it alike and take alltoallw
instead. alltoallv always is an alltoallw, in which each pair of ranks only has to agree on its own bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from mpi4py import MPI

import gpumpi.fabric.message as messages
from gpumpi.fabric.core import Call, FabricCore, Steps
from gpumpi.fabric.foreign import AnyDtype
from gpumpi.fabric.message import BYTE, Array, View, many_bytes, message, readable, writable
from gpumpi.fabric.movement import fitting, wrong_size
from gpumpi.fabric.objects import share_small

Counts = Sequence[int]
Runs = tuple[list[int], list[int], int]
"""Runs of bytes, one a peer, that follow one another: lengths, offsets, and the bytes of all of them."""


def runs_of(rows: list[int], row_bytes: int) -> Runs:
    """The runs that so many rows a peer are."""
    counts = [n_rows * row_bytes for n_rows in rows]
    starts, total = [], 0
    for n_bytes in counts:
        starts.append(total)
        total += n_bytes
    return counts, starts, total


def gatherv(fabric: FabricCore, send: Array, recv: Array | None, counts: Counts | None, root: int) -> Steps:
    """Every rank's rows, one rank after the other, on the root."""
    source = _with_rows("gatherv", readable(send))
    rows = _rows_of_all(fabric, "gatherv", source, counts)
    runs = runs_of(rows, source.row_bytes)
    if fabric.rank != root:
        return (_gatherv_call(fabric, source, None, runs, root),), None, source.n_bytes, source
    if recv is None:
        recv = fabric.empty((sum(rows), *source.shape[1:]), source.dtype)
    target = fitting("gatherv", recv, runs[2])
    return (_gatherv_call(fabric, source, target, runs, root),), recv, source.n_bytes, (source, target)


def _gatherv_call(fabric: FabricCore, source: View, target: View | None, runs: Runs, root: int) -> Call:
    if runs[2] > messages.LIMIT:
        sends = _typed(source, _to_one(fabric, root, source.n_bytes))
        return "Alltoallw", (sends, _typed(target, runs if target else _to_one(fabric, root, 0)))
    into = [target.buffer, runs[0], runs[1], BYTE] if target else None
    return "Gatherv", (message(source), into, root)


def scatterv(fabric: FabricCore, send: Array | None, counts: Counts | None, recv: Array | None, root: int) -> Steps:
    """This rank's rows of the root's."""
    source = _with_rows("scatterv", readable(send)) if fabric.rank == root else None
    if recv is None:
        head = _head(fabric, source, counts) if source else None
        rows, row_shape, dtype = share_small(fabric, head, root)
        recv = fabric.empty((rows[fabric.rank], *row_shape), dtype)
    else:
        rows = _checked(fabric, "scatterv", counts, source)
    target = _with_rows("scatterv", writable(recv))
    runs = runs_of(rows, target.row_bytes)
    if target.n_bytes != runs[0][fabric.rank] or (source and source.n_bytes != runs[2]):
        raise ValueError(wrong_size("scatterv", target, rows[fabric.rank] * (source or target).row_bytes))
    call = _scatterv_call(fabric, source, target, runs, root)
    return (call,), recv, source.n_bytes if source else 0, (source, target)


def _head(fabric: FabricCore, source: View, counts: Counts | None) -> tuple[list[int], tuple[int, ...], AnyDtype]:
    """What the other ranks have to know of the root's array."""
    return _checked(fabric, "scatterv", counts, source), source.shape[1:], source.dtype


def _scatterv_call(fabric: FabricCore, source: View | None, target: View, runs: Runs, root: int) -> Call:
    if runs[2] > messages.LIMIT:
        sends = _typed(source, runs if source else _to_one(fabric, root, 0))
        return "Alltoallw", (sends, _typed(target, _to_one(fabric, root, target.n_bytes)))
    out = [source.buffer, runs[0], runs[1], BYTE] if source else None
    return "Scatterv", (out, message(target), root)


def allgatherv(fabric: FabricCore, send: Array, recv: Array | None, counts: Counts | None) -> Steps:
    """Every rank's rows, one rank after the other, on every rank."""
    source = _with_rows("allgatherv", readable(send))
    rows = _rows_of_all(fabric, "allgatherv", source, counts)
    runs = runs_of(rows, source.row_bytes)
    if recv is None:
        recv = fabric.empty((sum(rows), *source.shape[1:]), source.dtype)
    target = fitting("allgatherv", recv, runs[2])
    call: Call
    if runs[2] > messages.LIMIT:
        to_all = ([source.n_bytes] * fabric.size, [0] * fabric.size, source.n_bytes)
        call = ("Alltoallw", (_typed(source, to_all), _typed(target, runs)))
    else:
        call = ("Allgatherv", (message(source), [target.buffer, runs[0], runs[1], BYTE]))
    return (call,), recv, source.n_bytes, (source, target)


def alltoallv(fabric: FabricCore, send: Array, counts: Counts, recv: Array | None, recv_counts: Counts | None) -> Steps:
    """The rows that each rank has for this one, one rank after the other."""
    source = _with_rows("alltoallv", readable(send))
    rows = _checked(fabric, "alltoallv", counts, source)
    if recv_counts is None:
        recv_rows = _rows_from_peers(fabric, rows)
    else:
        recv_rows = _checked(fabric, "alltoallv", recv_counts, None)
    sends = runs_of(rows, source.row_bytes)
    if recv is send:
        if recv_rows != rows:
            raise ValueError("alltoallv in place: this rank would receive other counts than it sends; give a recv")
        in_place: Call = ("Alltoallw", (MPI.IN_PLACE, _typed(writable(recv), sends)))
        return (in_place,), recv, source.n_bytes, source
    receives = runs_of(recv_rows, source.row_bytes)
    if recv is None:
        recv = fabric.empty((sum(recv_rows), *source.shape[1:]), source.dtype)
    target = fitting("alltoallv", recv, receives[2])
    call: Call = ("Alltoallw", (_typed(source, sends), _typed(target, receives)))
    return (call,), recv, source.n_bytes, (source, target)


def _with_rows(name: str, view: View) -> View:
    if not view[2]:
        raise ValueError(f"{name} of a single value: its arrays have rows along axis 0; reshape it to (1,)")
    return view


def _rows_of_all(fabric: FabricCore, name: str, source: View, counts: Counts | None) -> list[int]:
    """Rows of every rank."""
    if counts is None:
        found = np.empty(fabric.size, np.int64)
        mine = np.array([source.shape[0]], np.int64)
        fabric.comm.Allgather([mine, 1, MPI.INT64_T], [found, 1, MPI.INT64_T])
        return list(map(int, found))
    rows = list(map(int, counts))
    if len(rows) != fabric.size or rows[fabric.rank] != source.shape[0]:
        raise ValueError(
            f"{name}: rank {fabric.rank} sends {source.shape[0]} rows and counts are {rows}; give the rows of each "
            f"of {fabric.size} ranks, or leave counts out"
        )
    return rows


def _rows_from_peers(fabric: FabricCore, rows: list[int]) -> list[int]:
    """How many rows each rank has for this one."""
    sends, found = np.array(rows, np.int64), np.empty(fabric.size, np.int64)
    fabric.comm.Alltoall([sends, 1, MPI.INT64_T], [found, 1, MPI.INT64_T])
    return list(map(int, found))


def _checked(fabric: FabricCore, name: str, counts: Counts | None, source: View | None) -> list[int]:
    """The counts as numbers, if they are those of `source` for every rank."""
    rows = None if counts is None else list(map(int, counts))
    if rows is not None and len(rows) == fabric.size and min(rows) >= 0 and (not source or sum(rows) == source[2][0]):
        return rows
    held = f" and send has {source.shape[0]} rows" if source else ""
    raise ValueError(f"{name}: counts are {rows}{held}; give the rows for each of {fabric.size} ranks")


def _to_one(fabric: FabricCore, peer: int, n_bytes: int) -> Runs:
    """One run, to or from one peer."""
    return ([n_bytes if rank == peer else 0 for rank in range(fabric.size)], [0] * fabric.size, n_bytes)


def _typed(view: View | None, runs: Runs) -> list[Any]:
    """Runs of a view's bytes as alltoallw takes them: what a count cannot say, a type says."""
    buffer = None if view is None else view[0]
    counts, starts, total = runs
    if total <= messages.LIMIT:
        return [buffer, counts, starts, [BYTE] * len(counts)]
    fits = [start + n_bytes <= messages.LIMIT or not n_bytes for n_bytes, start in zip(counts, starts, strict=True)]
    each = list(zip(counts, starts, fits, strict=True))
    return [
        buffer,
        [n_bytes if plain else 1 for n_bytes, _, plain in each],
        [start if plain and n_bytes else 0 for n_bytes, start, plain in each],
        [BYTE if plain else many_bytes(n_bytes, start) for n_bytes, start, plain in each],
    ]
