"""How values are combined: the MPI calls of reduce, allreduce, reduce_scatter, scan and exscan, prepared.

Knows: which dtypes and operations MPI computes with. Does not know: whether somebody waits for it.
An array of more elements than one call counts is combined in pieces, which every rank cuts alike.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from mpi4py import MPI

import gpumpi.fabric.message as messages
from gpumpi.fabric.core import Call, FabricCore, Steps
from gpumpi.fabric.foreign import AnyDtype
from gpumpi.fabric.message import Array, View, readable
from gpumpi.fabric.movement import fitting

Op = str | MPI.Op

_OPS: dict[str, tuple[MPI.Op, str]] = {
    "sum": (MPI.SUM, "iufc"), "prod": (MPI.PROD, "iufc"), "min": (MPI.MIN, "iuf"), "max": (MPI.MAX, "iuf"),
    "land": (MPI.LAND, "iub"), "lor": (MPI.LOR, "iub"), "lxor": (MPI.LXOR, "iub"),
    "band": (MPI.BAND, "iu"), "bor": (MPI.BOR, "iu"), "bxor": (MPI.BXOR, "iu"),
}  # fmt: skip
"""Each operation and the kinds of dtype it is defined for."""

_TYPES: dict[AnyDtype, MPI.Datatype] = {
    np.dtype(name): datatype
    for name, datatype in {
        "int8": MPI.INT8_T, "int16": MPI.INT16_T, "int32": MPI.INT32_T, "int64": MPI.INT64_T,
        "uint8": MPI.UINT8_T, "uint16": MPI.UINT16_T, "uint32": MPI.UINT32_T, "uint64": MPI.UINT64_T,
        "float32": MPI.FLOAT, "float64": MPI.DOUBLE, "longdouble": MPI.LONG_DOUBLE,
        "complex64": MPI.C_FLOAT_COMPLEX, "complex128": MPI.C_DOUBLE_COMPLEX,
        "clongdouble": MPI.C_LONG_DOUBLE_COMPLEX, "bool": MPI.C_BOOL,
    }.items()
}  # fmt: skip

_DEFINED: dict[tuple[str, AnyDtype], tuple[MPI.Op, MPI.Datatype]] = {
    (name, dtype): (mpi_op, datatype)
    for name, (mpi_op, kinds) in _OPS.items()
    for dtype, datatype in _TYPES.items()
    if dtype.kind in kinds
}


def reduce(fabric: FabricCore, send: Array, recv: Array | None, op: Op, root: int) -> Steps:
    """The combination over all ranks, on the root."""
    source, mpi_op, datatype = _operands("Reduce", send, op)
    if fabric.rank != root:
        return [("Reduce", (piece, None, mpi_op, root)) for piece in _pieces(source, datatype)], None, source[1], source
    recv, target, ends = _ends(fabric, "Reduce", source, datatype, send, recv)
    return [("Reduce", (out, into, mpi_op, root)) for out, into in ends], recv, source[1], (source, target)


def elementwise(fabric: FabricCore, name: str, send: Array, recv: Array | None, op: Op) -> Steps:
    """`name` is Allreduce, Scan or Exscan: each element combined over all, or the lower, ranks."""
    source, mpi_op, datatype = _operands(name, send, op)
    if recv is None and name == "Exscan" and fabric.rank == 0:
        recv = np.zeros(source.shape, source.dtype)
    recv, target, ends = _ends(fabric, name, source, datatype, send, recv)
    return [(name, (out, into, mpi_op)) for out, into in ends], recv, source[1], (source, target)


def reduce_scatter(fabric: FabricCore, send: Array, recv: Array | None, counts: Sequence[int] | None, op: Op) -> Steps:
    """The combination over all ranks, cut along axis 0: each rank has its own rows of it."""
    source, mpi_op, datatype = _operands("reduce_scatter", send, op)
    if recv is send:
        raise ValueError("reduce_scatter: recv is send; each rank's result is smaller: give another recv, or none")
    rows, shape = _cut(fabric, source, counts)
    if recv is None:
        recv = fabric.empty(shape, source.dtype)
    target = fitting("reduce_scatter", recv, rows[fabric.rank] * source.row_bytes)
    row_elements = source.row_bytes // source.dtype.itemsize
    elements = [count * row_elements for count in rows]
    if source.n_elements > messages.LIMIT:
        calls = _reduce_each(fabric, source, target, elements, mpi_op, datatype)
        return calls, recv, source.n_bytes, (source, target)
    ends = ([source.buffer, source.n_elements, datatype], [target.buffer, elements[fabric.rank], datatype])
    return (("Reduce_scatter", (*ends, elements, mpi_op)),), recv, source.n_bytes, (source, target)


def _cut(fabric: FabricCore, source: View, counts: Sequence[int] | None) -> tuple[list[int], tuple[int, ...]]:
    """Rows that each rank gets, and the shape of this rank's result."""
    n_rows = source.shape[0] if source.shape else 0
    if counts is None:
        if n_rows != fabric.size:
            raise ValueError(
                f"reduce_scatter of shape {source.shape} over {fabric.size} ranks: axis 0 has to be the ranks; "
                f"reshape it to ({fabric.size}, ...), or give counts"
            )
        return [1] * fabric.size, source.shape[1:]
    if len(counts) != fabric.size or sum(counts) != n_rows:
        raise ValueError(
            f"reduce_scatter: counts are {list(counts)} and send has {n_rows} rows; give the rows for each of "
            f"{fabric.size} ranks"
        )
    return [int(count) for count in counts], (int(counts[fabric.rank]), *source.shape[1:])


def _reduce_each(
    fabric: FabricCore, source: View, target: View, elements: list[int], mpi_op: MPI.Op, datatype: MPI.Datatype
) -> list[Call]:
    """One reduction to each rank in turn, of the part that it gets."""
    item_bytes = source.dtype.itemsize
    starts = [0, *itertools.accumulate(elements[:-1])]
    calls: list[Call] = []
    for rank, (start, count) in enumerate(zip(starts, elements, strict=True)):
        part = View(source.part(start * item_bytes, count * item_bytes), count * item_bytes, (count,), source.dtype)
        into = _pieces(target, datatype) if rank == fabric.rank else itertools.repeat(None)
        calls += [("Reduce", (*pair, mpi_op, rank)) for pair in zip(_pieces(part, datatype), into, strict=False)]
    return calls


def _operands(name: str, send: Array, op: Op) -> tuple[View, MPI.Op, MPI.Datatype]:
    """The memory, MPI's operation and MPI's datatype, if the operation is defined for it."""
    source = readable(send)
    dtype = source[3]
    if isinstance(op, str):
        found = _DEFINED.get((op, dtype))
        if found is not None:
            return source, *found
    elif isinstance(op, MPI.Op) and dtype in _TYPES:
        return source, op, _TYPES[dtype]
    raise _refusal(name, op, dtype)


def _refusal(name: str, op: Op, dtype: AnyDtype) -> Exception:
    """Why there is no such operation on such a dtype."""
    if dtype not in _TYPES:
        known = ", ".join(sorted(known.name for known in _TYPES))
        return TypeError(f"{name.lower()} of dtype {dtype}: MPI cannot compute with it; cast to one of {known}")
    if op not in _OPS:
        return ValueError(f"{name.lower()}: there is no operation '{op}'; take one of {', '.join(_OPS)}, or an MPI.Op")
    defined = ", ".join(known for known in _OPS if (known, dtype) in _DEFINED)
    return TypeError(f"{name.lower()}: '{op}' is not defined for dtype {dtype}; take one of {defined}, or cast it")


def _ends(
    fabric: FabricCore, name: str, source: View, datatype: MPI.Datatype, send: Array, recv: Array | None
) -> tuple[Any, View, Iterable[tuple[Any, Any]]]:
    """The result's array and memory, and what is sent and received, piece by piece."""
    if recv is None:
        recv = fabric.empty(source.shape, source.dtype)
    target = fitting(name.lower(), recv, source[1])
    n_elements = source[1] // source[3].itemsize
    if n_elements <= messages.LIMIT:  # the way of nearly every call, kept short
        out = MPI.IN_PLACE if recv is send else [source[0], n_elements, datatype]
        return recv, target, ((out, [target[0], n_elements, datatype]),)
    into = _pieces(target, datatype)
    outs = itertools.repeat(MPI.IN_PLACE) if recv is send else _pieces(source, datatype)
    return recv, target, zip(outs, into, strict=False)


def _pieces(view: View, datatype: MPI.Datatype) -> list[list[Any]]:
    """The view's elements in pieces that one call counts; one piece if it is empty, so that all ranks call."""
    item_bytes, limit = view[3].itemsize, messages.LIMIT
    n_elements = view[1] // item_bytes
    if n_elements <= limit:
        return [[view[0], n_elements, datatype]]
    starts = range(0, n_elements, limit)
    sizes = [min(limit, n_elements - start) for start in starts]
    return [
        [view.part(start * item_bytes, size * item_bytes), size, datatype]
        for start, size in zip(starts, sizes, strict=True)
    ]
