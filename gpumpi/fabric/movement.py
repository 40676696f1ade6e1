"""How equal pieces move: the MPI calls of bcast, gather, scatter, allgather and alltoall, prepared.

Knows: which memory goes where. Does not know: whether somebody waits for it.
"""

from __future__ import annotations

from mpi4py import MPI

from gpumpi.fabric.core import FabricCore, Steps
from gpumpi.fabric.foreign import AnyDtype
from gpumpi.fabric.message import Array, View, block_message, message, readable, writable
from gpumpi.fabric.objects import share_small


def bcast(fabric: FabricCore, buf: Array, root: int) -> Steps:
    """The root's bytes in every rank's `buf`."""
    is_root = fabric.rank == root
    view = readable(buf) if is_root else writable(buf)
    return (("Bcast", (message(view), root)),), buf, view.n_bytes if is_root else 0, (view,)


def gather(fabric: FabricCore, send: Array, recv: Array | None, root: int) -> Steps:
    """Every rank's array, stacked on the root."""
    source = readable(send)
    if fabric.rank != root:
        return (("Gather", (message(source), None, root)),), None, source.n_bytes, (source,)
    if recv is None:
        recv = fabric.empty((fabric.size, *source.shape), source.dtype)
    target = fitting("gather", recv, fabric.size * source[1])
    call = ("Gather", (message(source), block_message(target, source.n_bytes), root))
    return (call,), recv, source.n_bytes, (source, target)


def scatter(fabric: FabricCore, send: Array | None, recv: Array | None, root: int) -> Steps:
    """This rank's piece of the root's array."""
    is_root = fabric.rank == root
    source = readable(send) if is_root else None
    if recv is None:
        head = _stacked(fabric, source) if source is not None else None
        recv = fabric.empty(*share_small(fabric, head, root))
    target = writable(recv)
    if source is None:
        return (("Scatter", (None, message(target), root)),), recv, 0, (target,)
    if source.n_bytes != target.n_bytes * fabric.size:
        raise ValueError(wrong_size("scatter", target, source.n_bytes // fabric.size))
    call = ("Scatter", (block_message(source, target.n_bytes), message(target), root))
    return (call,), recv, source.n_bytes, (source, target)


def _stacked(fabric: FabricCore, source: View) -> tuple[tuple[int, ...], AnyDtype]:
    """Shape and dtype of one rank's piece."""
    if not source.shape or source.shape[0] != fabric.size:
        raise ValueError(
            f"scatter of shape {source.shape} over {fabric.size} ranks: axis 0 has to be the ranks; reshape it to "
            f"({fabric.size}, ...), or use scatterv"
        )
    return source.shape[1:], source.dtype


def allgather(fabric: FabricCore, send: Array | None, recv: Array | None) -> Steps:
    """Every rank's array, stacked on every rank."""
    if send is None:
        return _allgather_in_place(fabric, recv)
    source = readable(send)
    if recv is None:
        recv = fabric.empty((fabric.size, *source.shape), source.dtype)
    target = fitting("allgather", recv, fabric.size * source[1])
    call = ("Allgather", (message(source), block_message(target, source.n_bytes)))
    return (call,), recv, source.n_bytes, (source, target)


def _allgather_in_place(fabric: FabricCore, recv: Array | None) -> Steps:
    if recv is None:
        raise ValueError("allgather: neither send nor recv is given; give the array that this rank contributes")
    target = writable(recv)
    block_bytes, rest = divmod(target.n_bytes, fabric.size)
    if rest:
        raise ValueError(f"allgather in place: {target.n_bytes} bytes are no {fabric.size} equal blocks, one a rank")
    call = ("Allgather", (MPI.IN_PLACE, block_message(target, block_bytes)))
    return (call,), recv, block_bytes, (target,)


def alltoall(fabric: FabricCore, send: Array, recv: Array | None) -> Steps:
    """Block i of this rank on rank i, as block number of this rank."""
    source = readable(send)
    if not source.shape or source.shape[0] % fabric.size:
        raise ValueError(
            f"alltoall of shape {source.shape} over {fabric.size} ranks: axis 0 has to hold as many rows for each "
            "rank; use alltoallv for uneven counts"
        )
    block_bytes = source.n_bytes // fabric.size
    if recv is send:
        in_place = ("Alltoall", (MPI.IN_PLACE, block_message(writable(recv), block_bytes)))
        return (in_place,), recv, source.n_bytes, (source,)
    if recv is None:
        recv = fabric.empty(source.shape, source.dtype)
    target = fitting("alltoall", recv, source[1])
    call = ("Alltoall", (block_message(source, block_bytes), block_message(target, block_bytes)))
    return (call,), recv, source[1], (source, target)


def fitting(name: str, recv: Array, need_bytes: int) -> View:
    """The memory of an array that takes a result of so many bytes."""
    target = writable(recv)
    if target[1] != need_bytes:
        raise ValueError(wrong_size(name, target, need_bytes))
    return target


def wrong_size(name: str, target: View, need_bytes: int) -> str:
    """What is said of a recv that does not take the result."""
    return (
        f"{name}: recv has shape {target.shape} of {target.dtype} ({target.n_bytes} bytes), the result takes "
        f"{need_bytes} bytes; leave recv out, or give one of that size"
    )
