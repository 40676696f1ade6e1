"""Types: what a key is read as, what cannot be moved, and that bytes and HDF5 types survive."""

import h5py
import numpy as np
import pytest
from h5py import h5t

from gpumpi.formats.hdf5 import commit, lay_out, open_sink, open_table
from gpumpi.formats.hdf5_types import element, stored_type, unmovable
from gpumpi.schema import Column, Schema


def made(dtype):
    return h5t.py_create(np.dtype(dtype), logical=True)


@pytest.mark.parametrize(
    "dtype",
    ["i1", "u1", "<i2", ">i2", "<u4", ">u4", "<i8", ">i8", "<u8", "<f2", ">f2", "<f4", ">f4", "<f8", ">f8", "S1", "S11",
     "<c8", ">c16"],
)  # fmt: skip
def test_plain_types_are_their_dtype(dtype):
    assert element(made(dtype)) == (np.dtype(dtype), ())


def test_enum_is_its_integer_and_bool_is_bool():
    assert element(h5t.py_create(h5py.enum_dtype({"A": 1, "B": 2}, ">i2"), logical=True))[0] == np.dtype(">i2")
    assert element(made("?"))[0] == np.dtype(bool)


def test_times_are_read_from_the_tag():
    for unit in ("<M8[ns]", "<M8[D]", "<m8[us]"):
        assert element(made(h5py.opaque_dtype(np.dtype(unit))))[0] == np.dtype(unit)


@pytest.mark.skipif(not hasattr(h5t, "COMPLEX_IEEE_F32LE"), reason="HDF5 before 2.0")
def test_complex_type_of_hdf5_2():
    assert element(h5t.COMPLEX_IEEE_F32LE)[0] == np.dtype("<c8")


def test_array_type_adds_to_the_row_shape():
    assert element(h5t.array_create(made(">f4"), (2, 3))) == (np.dtype(">f4"), (2, 3))


def test_bitfields_are_unsigned():
    assert element(h5t.STD_B16BE)[0] == np.dtype(">u2")
    assert element(h5t.STD_B8LE)[0] == np.dtype("u1")


def odd_precision():
    type_id = h5t.STD_I32LE.copy()
    type_id.set_precision(20)
    return type_id


def foreign_float():
    type_id = h5t.IEEE_F32LE.copy()
    type_id.set_ebias(100)
    return type_id


@pytest.mark.parametrize("type_id", [odd_precision(), foreign_float(), h5t.IEEE_F128LE, h5t.UNIX_D32LE])
def test_types_without_a_dtype_are_bytes(type_id):
    assert element(type_id)[0] == np.dtype((np.void, type_id.get_size()))


def test_compound_keeps_offsets_gaps_and_nesting():
    inner = np.dtype({"names": ["p", "q"], "formats": [">i4", "S3"], "offsets": [4, 9], "itemsize": 16})
    dtype = np.dtype([("a", "u1"), ("b", inner), ("c", "<f8", (2, 2))], align=True)
    assert element(made(dtype))[0] == dtype


@pytest.mark.parametrize(
    ("dtype", "what"),
    [
        (h5py.string_dtype(), "variable-length strings"),
        (h5py.vlen_dtype("i4"), "variable-length sequences"),
        (h5py.ref_dtype, "references"),
        (h5py.regionref_dtype, "references"),
        ([("x", "i4"), ("s", h5py.string_dtype())], "variable-length strings in field 's'"),
        ([("x", "i4"), ("v", [("w", h5py.vlen_dtype("f4"))])], "in field 'w' in field 'v'"),
    ],
)
def test_pointers_are_unmovable(dtype, what):
    assert what in unmovable(h5t.py_create(np.dtype(dtype), logical=True))


def test_fixed_types_are_movable():
    for type_id in (made("S5"), made([("a", "i4"), ("b", "f8", (3,))]), h5t.STD_B8LE):
        assert unmovable(type_id) is None


@pytest.mark.parametrize("dtype", ["i1", ">i8", "?", "<M8[ns]", "<m8[D]", "S7", "<c16", "V5", "<f2"])
def test_a_table_without_a_template_reads_back_as_its_dtype(tmp_path, dtype):
    column = Column("x", np.dtype(dtype), (2,))
    output = lay_out(str(tmp_path / "o.h5"), Schema((column,), 3))
    rows = np.random.default_rng(3).integers(0, 2, (3, column.row_bytes), np.uint8)
    with open_sink(output) as sink:
        sink.write(0, 0, rows)
    commit(output)
    with h5py.File(output.path) as file:
        assert file["table/x"].shape == (3, 2)
        assert file["table/x"].dtype == np.dtype(dtype)
        assert file["table/x"][:].tobytes() == rows.tobytes()
    with open_table(output.path, "/table") as source:
        assert source.schema.columns == (column,)


@pytest.mark.parametrize("dtype", ["U4", "O"])
def test_types_that_hdf5_does_not_store_are_said(error_of, dtype):
    assert "does not store" in error_of(stored_type, Column("x", np.dtype(dtype)))
