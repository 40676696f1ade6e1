"""Single instructions that Numba has no name for: loads and stores at any address, leading zeros.

Knows: addresses. Does not know: whose they are.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic


def _load(bits: int, result: Any) -> Any:
    @intrinsic  # type: ignore[untyped-decorator]
    def load(typing_context: Any, address: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            pointer = builder.inttoptr(arguments[0], ir.IntType(bits).as_pointer())
            return builder.load(pointer, align=1)

        return result(types.int64), generate

    return load


load_u8 = _load(8, types.uint8)
load_u16 = _load(16, types.uint16)
load_u32 = _load(32, types.uint32)
load_u64 = _load(64, types.uint64)


@intrinsic  # type: ignore[untyped-decorator]
def leading_zeros(typing_context: Any, value: Any) -> Any:
    """Zero bits above the highest one of a uint64 that is not 0."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.ctlz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return types.uint64(types.uint64), generate


@intrinsic  # type: ignore[untyped-decorator]
def store(typing_context: Any, address: Any, value: Any) -> Any:
    """Write `value` at `address`."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        target, what = arguments
        builder.store(what, builder.inttoptr(target, what.type.as_pointer()), align=1)
        return context.get_dummy_value()

    return types.void(types.int64, value), generate


@intrinsic  # type: ignore[untyped-decorator]
def copy_bytes(typing_context: Any, target: Any, source: Any, n_bytes: Any) -> Any:
    """Copy `n_bytes` from `source` to `target`; they do not overlap."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        byte_pointer = ir.IntType(8).as_pointer()
        to, of, size = arguments
        move = builder.module.declare_intrinsic("llvm.memcpy", [byte_pointer, byte_pointer, ir.IntType(64)])
        no = ir.Constant(ir.IntType(1), 0)
        builder.call(move, [builder.inttoptr(to, byte_pointer), builder.inttoptr(of, byte_pointer), size, no])
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64), generate
