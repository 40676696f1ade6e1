"""Small Python objects between ranks, as pickled bytes in the fabric's own messages.

Knows: pickle. Does not know: what the objects are. For arrays use the collectives: they do not copy.
"""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

import numpy as np
from mpi4py import MPI

from gpumpi.errors import GpumpiError
from gpumpi.fabric.message import LIMIT, message, readable
from gpumpi.units import format_bytes

if TYPE_CHECKING:
    from gpumpi.fabric.core import FabricCore

_CANNOT = -1
"""Stands for the length of an object that could not be pickled, so that nobody waits for its bytes."""


def share_small(fabric: FabricCore, obj: Any, root: int) -> Any:
    """The root's object, on every rank; the root gets its own back."""
    is_root = fabric.rank == root
    data, error = _pickled(obj) if is_root else (b"", None)
    length = np.array([_CANNOT if error else len(data)], np.int64)
    fabric.comm.Bcast([length, 1, MPI.INT64_T], root)
    if length[0] == _CANNOT:
        raise GpumpiError(f"share: rank {root}'s object cannot be sent: {error or 'see its own error'}") from error
    received = np.frombuffer(data, np.uint8) if is_root else np.empty(length[0], np.uint8)
    fabric.comm.Bcast(message(readable(received)), root)
    return obj if is_root else pickle.loads(received.data)


def collect_small(fabric: FabricCore, obj: Any) -> list[Any]:
    """Every rank's object, in rank order, on every rank."""
    data, error = _pickled(obj)
    lengths = np.empty(fabric.size, np.int64)
    mine = np.array([_CANNOT if error else len(data)], np.int64)
    fabric.comm.Allgather([mine, 1, MPI.INT64_T], [lengths, 1, MPI.INT64_T])
    bad = [rank for rank, length in enumerate(lengths) if length == _CANNOT]
    if bad:
        raise GpumpiError(f"collect: rank {bad[0]}'s object cannot be sent: {error or 'see its own error'}") from error
    ends = np.cumsum(lengths)
    if ends[-1] > LIMIT:
        raise GpumpiError(f"collect: the objects take {format_bytes(ends[-1])} in all; collect less, or use arrays")
    received = np.empty(int(ends[-1]), np.uint8)
    counts = [int(length) for length in lengths]
    starts = [int(end) - count for end, count in zip(ends, counts, strict=True)]
    fabric.comm.Allgatherv([data, len(data), MPI.BYTE], [received, counts, starts, MPI.BYTE])
    return [pickle.loads(received[start : start + count].data) for start, count in zip(starts, counts, strict=True)]


def _pickled(obj: Any) -> tuple[bytes, Exception | None]:
    try:
        return pickle.dumps(obj, pickle.HIGHEST_PROTOCOL), None
    except Exception as error:  # whatever an object's own __reduce__ raises
        return b"", error
