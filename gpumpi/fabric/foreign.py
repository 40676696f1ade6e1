"""Memory of arrays that are not NumPy's.

Knows: ``__cuda_array_interface__``, DLPack, the buffer protocol. Does not know: messages, which library made an array.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from mpi4py import MPI

AnyDtype = np.dtype[Any]

_HOST = 1
"""DLPack's number for memory that the CPU reads."""


class Memory(NamedTuple):
    """C-contiguous memory as MPI takes it, its size, and what the array's user knows it by."""

    buffer: Any
    n_bytes: int
    shape: tuple[int, ...]
    dtype: AnyDtype


def foreign_memory(array: Any, *, write: bool) -> Memory:
    """The memory of an array of any library, on the host or a device; nothing is copied.

    Raises
    ------
    TypeError
        If the object offers none of the three protocols, is not C-contiguous, or is to be written and read-only.
    """
    try:
        if hasattr(array, "__cuda_array_interface__"):
            return _of_cuda(array.__cuda_array_interface__, write)
        if hasattr(array, "__dlpack__"):
            return _of_dlpack(array, write)
        return _of_buffer(array, write)
    except (TypeError, BufferError, ValueError) as error:
        use = "received into" if write else "sent"
        wanted = "a C-contiguous array (buffer protocol, DLPack or __cuda_array_interface__)"
        raise TypeError(f"{type(array).__name__} cannot be {use}: {error}; pass {wanted}") from error


def _of_cuda(interface: dict[str, Any], write: bool) -> Memory:
    shape, dtype = tuple(map(int, interface["shape"])), np.dtype(interface["typestr"])
    address, read_only = interface["data"]
    strides = interface.get("strides")
    if strides is not None and 0 not in shape and tuple(strides) != _c_strides(shape, dtype.itemsize):
        raise ValueError(f"strides {tuple(strides)} of shape {shape} are not C-contiguous")
    if write and read_only:
        raise ValueError("it is read-only")
    n_bytes = dtype.itemsize * math.prod(shape)
    return Memory(MPI.buffer.fromaddress(address or 0, n_bytes), n_bytes, shape, dtype)


def _c_strides(shape: Sequence[int], item_bytes: int) -> tuple[int, ...]:
    return tuple(item_bytes * math.prod(shape[axis + 1 :]) for axis in range(len(shape)))


def _of_dlpack(array: Any, write: bool) -> Memory:
    if array.__dlpack_device__()[0] == _HOST:
        try:
            layout = np.from_dlpack(array)
        except (BufferError, RuntimeError):
            pass  # a dtype that NumPy does not have, such as bfloat16
        else:
            _check_order(layout)
            return Memory(MPI.buffer.frombuffer(array, not write), layout.nbytes, layout.shape, layout.dtype)
    memory = MPI.buffer.frombuffer(array, not write)
    shape = tuple(map(int, array.shape))
    if sum(extent != 1 for extent in shape) > 1:
        # The binding takes both orders and does not say which one it found.
        raise ValueError("the order of its axes cannot be seen from here: flatten it")
    return Memory(memory, memory.nbytes, shape, _dtype_of(array.dtype, memory.nbytes // max(1, math.prod(shape))))


def _of_buffer(array: Any, write: bool) -> Memory:
    layout = np.asarray(memoryview(array))
    _check_order(layout)
    if write and not layout.flags.writeable:
        raise ValueError("it is read-only")
    return Memory(layout.reshape(-1).view(np.uint8), layout.nbytes, layout.shape, layout.dtype)


def _check_order(layout: np.ndarray[Any, AnyDtype]) -> None:
    if not layout.flags.c_contiguous:
        raise ValueError(f"strides {layout.strides} of shape {layout.shape} are not C-contiguous")
    if layout.dtype.hasobject:
        raise ValueError("it holds pointers to Python objects")


def _dtype_of(dtype: Any, item_bytes: int) -> AnyDtype:
    """The NumPy dtype of another library's; opaque bytes where NumPy has none."""
    name = str(dtype).rpartition(".")[2]
    known: AnyDtype = np.dtype(name) if name in np.sctypeDict else np.dtype(f"V{item_bytes}")
    return known
