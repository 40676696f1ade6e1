"""Arguments in words, for the comparison of a call between ranks.

Knows: what has to be the same on all ranks, and what may differ. Does not know: who compares.
"""

from __future__ import annotations

from typing import Any

from mpi4py import MPI

from gpumpi.fabric.message import View, readable


def whole(array: Any) -> str:
    """Dtype and shape, such as ``float64 (4, 3)``."""
    if array is None:
        return "in place"
    view = readable(array)
    return f"{view.dtype} {view.shape}"


def rows(array: Any) -> str:
    """Dtype and shape where ranks may hold different numbers of rows, such as ``float64 (*, 3)``."""
    view: View = readable(array)
    return f"{view.dtype} ({', '.join(['*', *map(str, view.shape[1:])])})"


def given(value: Any) -> str:
    """Whether the argument is there: all ranks have to give it, or none."""
    return "no" if value is None else "given"


def numbers(counts: Any) -> str:
    """Counts that have to be the same on all ranks."""
    return "no" if counts is None else str([int(count) for count in counts])


def operation(op: str | MPI.Op) -> str:
    """The operation's name."""
    return op if isinstance(op, str) else "MPI.Op"
