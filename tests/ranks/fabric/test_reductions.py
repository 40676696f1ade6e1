"""reduce, allreduce, reduce_scatter, scan, exscan: values are those of NumPy's own reductions over all ranks."""

import numpy as np
import pytest
from mpi4py import MPI

pytestmark = pytest.mark.ranks(1, 2, 3, 4, 5)

ORACLES = {
    "sum": np.add, "prod": np.multiply, "min": np.minimum, "max": np.maximum,
    "land": np.logical_and, "lor": np.logical_or, "lxor": np.logical_xor,
    "band": np.bitwise_and, "bor": np.bitwise_or, "bxor": np.bitwise_xor,
}  # fmt: skip
CASES = [
    *[(op, dtype) for op in ("sum", "prod", "min", "max") for dtype in ("i1", "u2", "i4", "u8", "f4", "f8", "g")],
    *[(op, dtype) for op in ("sum", "prod") for dtype in ("F", "D", "G")],
    *[(op, dtype) for op in ("land", "lor", "lxor") for dtype in ("?", "u1", "i8")],
    *[(op, dtype) for op in ("band", "bor", "bxor") for dtype in ("i2", "u4", "u8")],
]


def numbers(rng, size, shape, dtype, most=2):
    """Small whole numbers, so that no order of additions rounds, many of them zero."""
    values = rng.integers(0, most + 1, (size, *shape))
    return values.astype(dtype) * np.array(1 + 1j, dtype) if np.dtype(dtype).kind == "c" else values.astype(dtype)


def combined(op, stack, dtype):
    return ORACLES[op].reduce(stack, axis=0, dtype=None if op[0] == "l" else dtype).astype(dtype)


def same(found, expected):
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected, strict=True)


@pytest.mark.parametrize(("op", "dtype"), CASES)
def test_every_operation_and_dtype(fabric, call, limit, rng, op, dtype):
    # A truth is 0 or 1: one rank alone has nothing to combine, and MPI hands its 2 back as it is.
    stack = numbers(rng, fabric.size, (35,), dtype, most=1 if op[0] == "l" else 2)
    mine = stack[fabric.rank].copy()
    whole = combined(op, stack, dtype)
    same(call("allreduce", mine, op=op), whole)
    same(call("scan", mine, op=op), combined(op, stack[: fabric.rank + 1], dtype))
    lower = call("exscan", mine, op=op)
    same(lower, combined(op, stack[: fabric.rank], dtype) if fabric.rank else np.zeros(35, dtype))
    found = call("reduce", mine, op=op, root=fabric.size - 1)
    if fabric.rank == fabric.size - 1:
        same(found, whole)
    else:
        assert found is None


@pytest.mark.parametrize("shape", [(), (0,), (1,), (7, 5), (24,), (25,)], ids=str)
def test_every_shape(fabric, call, limit, rng, shape):
    stack = numbers(rng, fabric.size, shape, "f8")
    whole = stack.sum(axis=0)
    same(np.asarray(call("allreduce", stack[fabric.rank])), np.asarray(whole))
    target = np.zeros(shape)
    assert call("allreduce", stack[fabric.rank], target) is target
    same(target, np.asarray(whole))


@pytest.mark.parametrize("name", ["allreduce", "scan", "exscan", "reduce"])
def test_in_place(fabric, call, limit, rng, name):
    stack = numbers(rng, fabric.size, (30,), "i8")
    buf = stack[fabric.rank].copy()
    found = call(name, buf, buf)
    if name == "reduce" and fabric.rank:
        assert found is None
        return
    assert found is buf
    upper = {"allreduce": fabric.size, "reduce": fabric.size, "scan": fabric.rank + 1, "exscan": fabric.rank}[name]
    # MPI leaves rank 0's buffer of an exscan as it was.
    same(buf, stack[:upper].sum(axis=0) if upper else stack[0])


@pytest.mark.parametrize("dtype", ["i4", "f8"])
def test_reduce_scatter(fabric, call, limit, rng, dtype):
    stack = numbers(rng, fabric.size, (fabric.size, 6), dtype)
    same(call("reduce_scatter", stack[fabric.rank].copy()), stack.sum(axis=0, dtype=dtype)[fabric.rank])
    counts = [(2 * rank) % 3 for rank in range(fabric.size)]
    stack = numbers(rng, fabric.size, (sum(counts), 5), dtype)
    start = sum(counts[: fabric.rank])
    expected = stack.max(axis=0, initial=0)[start : start + counts[fabric.rank]]
    same(call("reduce_scatter", stack[fabric.rank].copy(), counts=counts, op="max"), expected)
    into = np.empty((counts[fabric.rank], 5), dtype)
    assert call("reduce_scatter", stack[fabric.rank].copy(), into, counts, "max") is into
    same(into, expected)


def test_an_operation_of_ones_own(fabric, call):
    def larger_magnitude(source, target, datatype):
        a, b = np.frombuffer(source, "f8"), np.frombuffer(target, "f8")
        b[:] = np.where(abs(a) > abs(b), a, b)

    op = MPI.Op.Create(larger_magnitude, commute=True)
    found = call("allreduce", np.array([-1.0, 0.5]) * (fabric.rank + 1), op=op)
    same(found, np.array([-1.0, 0.5]) * fabric.size)
    op.Free()


def test_numbers(fabric, call):
    assert call("allreduce", fabric.rank) == sum(range(fabric.size))
    assert call("allreduce", 0.5, op="max") == 0.5
    assert call("allreduce", fabric.rank == 0, op="lor") == True  # noqa: E712  (an array of no dimensions)


@pytest.mark.parametrize(
    ("dtype", "op", "error", "text"),
    [
        ("f2", "sum", TypeError, "allreduce of dtype float16: MPI cannot compute with it; cast to one of"),
        (">i4", "sum", TypeError, "allreduce of dtype >i4"),
        ("V4", "sum", TypeError, "MPI cannot compute"),
        ("M8[s]", "max", TypeError, "MPI cannot compute"),
        ("D", "min", TypeError, "'min' is not defined for dtype complex128; take one of sum, prod, or cast it"),
        ("?", "sum", TypeError, "'sum' is not defined for dtype bool; take one of land, lor, lxor"),
        ("f8", "bor", TypeError, "'bor' is not defined for dtype float64"),
        ("f8", "mean", ValueError, "there is no operation 'mean'; take one of sum, prod"),
    ],
)
def test_what_mpi_cannot_compute_is_refused(fabric, dtype, op, error, text):
    with pytest.raises(error, match=text):
        fabric.allreduce(np.zeros(2, dtype), op=op)


def test_wrong_reduce_scatter_is_refused(fabric):
    with pytest.raises(ValueError, match="axis 0 has to be the ranks"):
        fabric.reduce_scatter(np.zeros(fabric.size + 1))
    with pytest.raises(ValueError, match="send has 3 rows"):
        fabric.reduce_scatter(np.zeros(3), counts=[2] * (fabric.size + 1))
    whole = np.zeros(fabric.size)
    with pytest.raises(ValueError, match="recv is send"):
        fabric.reduce_scatter(whole, whole)
