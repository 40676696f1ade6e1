"""Arrays as MPI messages of any size.

Knows: NumPy arrays, and what one MPI call can count. Does not know: other libraries' arrays (`foreign`), ranks,
collectives.

Data that only moves goes as bytes, so every dtype moves, and an amount over what one call can count becomes one
element of a derived type: the signature stays "n bytes", so each rank may choose its own way to say it. A device array
is read by MPI directly; whatever writes it must be finished (its stream synchronised) before it is passed.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from mpi4py import MPI

from gpumpi.fabric.foreign import AnyDtype, foreign_memory

LIMIT = 2**31 - 1
"""Bytes or elements that one count of an MPI call holds; tests lower it to reach the paths beyond with little data."""
BLOCK_BYTES = 1 << 20
BYTE = MPI.BYTE
_PLAIN_KINDS = frozenset("biufc")
_new_tuple = tuple.__new__

Array = Any
"""NumPy array, or any object with the buffer protocol, DLPack or ``__cuda_array_interface__``; numbers to send."""


class View(NamedTuple):
    """Contiguous memory of an array: what MPI is given, and what the array's user knows it by."""

    buffer: Any
    n_bytes: int
    shape: tuple[int, ...]
    dtype: AnyDtype

    @property
    def row_bytes(self) -> int:
        """Bytes of one row along axis 0."""
        shape = self.shape
        return self.n_bytes // shape[0] if shape[0] else self.dtype.itemsize * math.prod(shape[1:])

    @property
    def n_elements(self) -> int:
        """Elements over all axes."""
        return self.n_bytes // self.dtype.itemsize

    def part(self, start_bytes: int, n_bytes: int) -> Any:
        """The memory of some bytes of it; the view has to outlive it."""
        if n_bytes == 0:
            return None
        return MPI.buffer.fromaddress(_address(self.buffer) + start_bytes, n_bytes)


class OwnedDatatype(MPI.Datatype):
    """A derived type that is freed with its last reference; MPI lets operations under way finish with it."""

    def __del__(self) -> None:
        if self != MPI.DATATYPE_NULL and not MPI.Is_finalized():
            self.Free()


def readable(array: Array) -> View:
    """The memory of an array that is sent; what is not C-contiguous is copied, a number becomes a 0-d array.

    Raises
    ------
    TypeError
        If it is no array, or holds Python objects.
    """
    if type(array) is np.ndarray and array.flags.c_contiguous:
        return _numpy_view(array)
    if isinstance(array, np.ndarray | np.generic | int | float | complex):
        return _numpy_view(np.ascontiguousarray(array).reshape(np.shape(array)))
    return View(*foreign_memory(array, write=False))


def writable(array: Array) -> View:
    """The memory of an array that is received into.

    Raises
    ------
    TypeError
        If it is no array, is not C-contiguous, is read-only, or holds Python objects.
    """
    if not isinstance(array, np.ndarray):
        return View(*foreign_memory(array, write=True))
    flags = array.flags
    if not flags.c_contiguous:
        raise TypeError(
            f"an array of shape {array.shape} with strides {array.strides} cannot be received into: it is not "
            "C-contiguous; receive into a new array and assign it"
        )
    if not flags.writeable:
        raise TypeError(f"an array of shape {array.shape} cannot be received into: it is read-only; pass a copy")
    return _numpy_view(array)


def _numpy_view(array: npt.NDArray[Any]) -> View:
    dtype = array.dtype
    if dtype.kind in _PLAIN_KINDS:
        # Past NamedTuple's own constructor, which takes three times as long: this is on the way of every call.
        return _new_tuple(View, (array, array.nbytes, array.shape, dtype))
    if dtype.hasobject:
        raise TypeError(f"an array of dtype {dtype} cannot be moved: it holds pointers; use share() or collect()")
    # These have no buffer format, or one that MPI's binding would parse for nothing.
    return View(array.reshape(-1).view(np.uint8) if array.size else None, array.nbytes, array.shape, dtype)


def _address(buffer: Any) -> int:
    if isinstance(buffer, np.ndarray):
        return int(buffer.__array_interface__["data"][0])
    return int(buffer.address)


def message(view: View) -> list[Any]:
    """The whole view as [buffer, count, datatype] for a call that moves it."""
    return block_message(view, view[1])


def block_message(view: View, block_bytes: int) -> list[Any]:
    """The view as equal blocks of `block_bytes`, one a rank, as the collectives count them."""
    if block_bytes <= LIMIT:
        return [view[0], block_bytes, BYTE]
    return [view.buffer, 1, many_bytes(block_bytes)]


def many_bytes(n_bytes: int, start_bytes: int = 0) -> OwnedDatatype:
    """A committed type of one run of bytes, at an offset from the buffer's start, over what a count can say."""
    block_bytes = min(BLOCK_BYTES, LIMIT)
    n_blocks, tail_bytes = divmod(n_bytes, block_bytes)
    block = MPI.BYTE.Create_contiguous(block_bytes)
    blocks = block.Create_contiguous(n_blocks)
    ends = [start_bytes, start_bytes + n_blocks * block_bytes]
    whole = MPI.Datatype.Create_struct([1, tail_bytes], ends, [blocks, MPI.BYTE]).Commit()
    block.Free()
    blocks.Free()
    return OwnedDatatype(whole)
