import numpy as np
import pytest

import gpumpi.fabric.message as message


@pytest.fixture(params=["blocking", "non-blocking"])
def call(request, fabric):
    """Calls a collective by name in either form; the result."""

    def blocking(name, *args, **kwargs):
        return getattr(fabric, name)(*args, **kwargs)

    def non_blocking(name, *args, **kwargs):
        return getattr(fabric, f"i{name}")(*args, **kwargs).wait()

    return blocking if request.param == "blocking" else non_blocking


@pytest.fixture(params=[message.LIMIT, 24], ids=["counts-fit", "counts-overflow"])
def limit(request, monkeypatch):
    """The most that one count holds: as it is, and so low that little data takes the ways beyond it."""
    monkeypatch.setattr(message, "LIMIT", request.param)
    return request.param


@pytest.fixture
def everyone(fabric, rng):
    """everyone(shape, dtype): the arrays of all ranks, random bits, known to every rank; shape may depend on the rank."""

    def draw(shape, dtype):
        dtype = np.dtype(dtype)
        shapes = [shape(rank) if callable(shape) else shape for rank in range(fabric.size)]
        return [random_bits(rng, shape, dtype) for shape in shapes]

    return draw


def random_bits(rng, shape, dtype):
    size = int(np.prod(shape, dtype=int))
    if dtype.kind == "b":
        return rng.integers(0, 2, shape).astype(bool)
    if dtype.kind == "U":  # not every bit pattern is a character
        return rng.integers(0, 1000, shape).astype(dtype)
    return np.frombuffer(rng.bytes(size * dtype.itemsize), dtype).reshape(shape).copy()
