"""Arrays as messages: what MPI is told about them, within one count and beyond."""

import numpy as np
import pytest
from mpi4py import MPI

import gpumpi.fabric.message as message
from gpumpi.fabric.message import many_bytes, readable, writable


@pytest.mark.parametrize("n_bytes", [1, 23, 24, 25, 48, 1000])
@pytest.mark.parametrize("start", [0, 5])
def test_a_type_of_many_bytes_covers_just_them(monkeypatch, n_bytes, start):
    monkeypatch.setattr(message, "LIMIT", 24)
    datatype = many_bytes(n_bytes, start)
    assert datatype.Get_size() == n_bytes
    lower, extent = datatype.Get_true_extent()
    assert (lower, extent) == (start, n_bytes)
    source, target = np.arange(2000).astype("u1"), np.zeros(2000, "u1")
    MPI.COMM_SELF.Sendrecv([source, 1, datatype], 0, 0, [target, 1, datatype], 0, 0)
    expected = np.zeros_like(target)
    expected[start : start + n_bytes] = source[start : start + n_bytes]
    np.testing.assert_array_equal(target, expected)


def test_a_type_over_32_bits_needs_no_memory():
    datatype = many_bytes(2**40 + 17, 2**33)
    assert datatype.Get_size() == 2**40 + 17
    assert datatype.Get_true_extent() == (2**33, 2**40 + 17)


def test_views_know_shape_and_rows():
    view = readable(np.zeros((4, 3, 2), "f4"))
    assert (view.n_bytes, view.n_elements, view.row_bytes) == (96, 24, 24)
    assert readable(2.5).shape == ()
    assert readable(np.zeros((3, 4))[:, ::2]).buffer.flags.c_contiguous


def test_parts_are_the_same_memory():
    array = np.arange(10)
    part = writable(array).part(16, 24)
    np.frombuffer(part, np.int64)[:] = -1
    assert array.tolist() == [0, 1, -1, -1, -1, 5, 6, 7, 8, 9]
    assert writable(array).part(16, 0) is None


@pytest.mark.parametrize("array", [np.zeros(2, object), np.zeros(2, [("a", object)]), [1, 2], "text", None])
def test_what_is_no_array_is_refused(array):
    with pytest.raises(TypeError, match="cannot be"):
        readable(array)
