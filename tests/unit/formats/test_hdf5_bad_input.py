"""Each bad input gives one line that names what was asked, what was found, and what helps."""

import os
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from h5py import h5d, h5p, h5s, h5t

from gpumpi.formats import hdf5_filters
from gpumpi.formats.hdf5 import open_table


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "in.h5")


def test_missing_file(tmp_path, path, error_of):
    (tmp_path / "in2.h5").touch()
    assert error_of(open_table, path).endswith("in.h5: no such file; did you mean in2.h5?")
    assert "folder" in error_of(open_table, str(tmp_path / "no" / "in.h5"))


def test_folder(tmp_path, error_of):
    assert "is a folder" in error_of(open_table, str(tmp_path))


def test_not_hdf5(path, error_of):
    Path(path).write_text("id,mass\n1,2\n")
    assert "not an HDF5 file (its 12 B" in error_of(open_table, path)
    os.truncate(path, 0)
    assert "not an HDF5 file (is empty)" in error_of(open_table, path)


def test_no_permission(tmp_path, path):
    with h5py.File(path, "w") as file:
        file["x"] = np.arange(3)
    Path(path).chmod(0)
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    code = (
        "import os, sys; from gpumpi.errors import UserError; from gpumpi.formats.hdf5 import open_table\n"
        "if os.geteuid() == 0: os.setuid(65534)\n"
        "try: open_table(sys.argv[1])\nexcept UserError as e: print(e)"
    )
    ran = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=True)
    assert "may not be read" in ran.stdout


def test_cut_short(path, error_of):
    with h5py.File(path, "w") as file:
        file["x"] = np.arange(100_000)
    os.truncate(path, 400_000)
    assert "cut short: it has 391 KiB of 783 KiB" in error_of(open_table, path)


def test_being_written(path, error_of):
    with h5py.File(path, "w") as file:
        file["x"] = np.arange(3)
        code = (
            "import sys; from gpumpi.errors import UserError; from gpumpi.formats.hdf5 import open_table\n"
            "try: open_table(sys.argv[1])\nexcept UserError as e: print(e)"
        )
        ran = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=True)
    assert "another program is writing it" in ran.stdout


def test_missing_names(path, error_of):
    with h5py.File(path, "w") as file:
        file["a/PartType1/x"] = np.arange(3)
        file["a/PartType1/y"] = np.arange(3)
    assert "did you mean PartType1?" in error_of(open_table, path, "/a/PartType2")
    assert "in / there are a" in error_of(open_table, path, "/zzz")
    assert "is a dataset and has no members" in error_of(open_table, path, "/a/PartType1/x/y")
    assert "has no column 'xx'; did you mean x?" in error_of(open_table, path, "/a/PartType1", ["xx"])
    assert "name a group in it" in error_of(open_table, path, "/a")


def test_no_table(path, error_of):
    with h5py.File(path, "w") as file:
        file["scalar"] = 1
        file.create_group("empty")
    assert "holds no dataset with rows" in error_of(open_table, path)
    assert "single value" in error_of(open_table, path, "/scalar")
    assert "single value" in error_of(open_table, path, "/", ["scalar"])
    assert "holds no dataset with rows" in error_of(open_table, path, "/empty")


def test_columns_of_different_length(path, error_of):
    with h5py.File(path, "w") as file:
        file["g/id"], file["g/mass"], file["g/x"] = np.arange(1000), np.arange(1000), np.arange(999)
    text = error_of(open_table, path, "/g")
    assert "id, mass have 1,000 rows, x has 999 rows" in text
    assert "--columns" in text
    with open_table(path, "/g", ["id", "mass"]) as source:
        assert source.schema.n_rows == 1000
    assert "x has 999 rows" in error_of(open_table, path, "/g", ["id", "x"])


@pytest.mark.parametrize(
    ("dtype", "what"),
    [
        (h5py.string_dtype(), "variable-length strings"),
        (h5py.vlen_dtype("f4"), "variable-length sequences"),
        (h5py.ref_dtype, "references to other objects"),
    ],
)
def test_types_that_point_elsewhere(path, error_of, dtype, what):
    with h5py.File(path, "w") as file:
        file["g/id"] = np.arange(3)
        file.create_dataset("g/odd", (3,), dtype)
        file.create_dataset("t", (3,), np.dtype([("id", "i4"), ("odd", dtype)]))
    text = error_of(open_table, path, "/g")
    assert "/g/odd" in text
    assert what in text
    assert "--columns" in text
    assert "in field 'odd'" in error_of(open_table, path, "/t")
    for name in ("/g", "/t"):
        with open_table(path, name, ["id"]) as source:
            assert source.schema.n_rows == 3


def test_fields_that_are_not_there(path, error_of):
    with h5py.File(path, "w") as file:
        file["t"] = np.zeros(3, [("mass", "f8")])
    assert "has no column 'masss'; did you mean mass?" in error_of(open_table, path, "/t", ["masss"])


def test_links_that_lead_nowhere(path, error_of):
    with h5py.File(path, "w") as file:
        file["g/x"] = np.arange(3)
        file["g/y"] = h5py.SoftLink("/gone")
        file["h/z"] = h5py.ExternalLink("gone.h5", "/z")
    assert "/g/y is a link to /gone, which is not there" in error_of(open_table, path, "/g")
    assert "is a link to gone.h5:/z" in error_of(open_table, path, "/h")
    with open_table(path, "/g", ["x"]) as source:
        assert source.schema.names == ("x",)


def virtual(path, source, name="x", mapped=10):
    layout = h5py.VirtualLayout((mapped,), int)
    layout[:] = h5py.VirtualSource(source, name, (mapped,))
    with h5py.File(path, "w") as file:
        file.create_virtual_dataset("v", layout)


def test_virtual_source_missing(tmp_path, path, error_of):
    virtual(path, "part.h5")
    assert "/v: its source" in error_of(open_table, path)
    assert "is not there" in error_of(open_table, path)
    with h5py.File(tmp_path / "part.h5", "w") as file:
        file["y"] = np.arange(10)
    assert "part.h5:/x is not a dataset there; there are y" in error_of(open_table, path)
    with h5py.File(tmp_path / "part.h5", "w") as file:
        file["x"] = np.arange(9)
    assert "has shape (9,), 10 elements are mapped" in error_of(open_table, path)
    with h5py.File(tmp_path / "part.h5", "w") as file:
        file["x"] = np.arange(10)
    with open_table(path) as source:
        out = np.zeros((10, 8), np.uint8)
        source.read(0, 0, out)
        np.testing.assert_array_equal(out.view(int)[:, 0], np.arange(10))


def test_virtual_source_smaller_than_a_mapped_part(tmp_path, path, error_of):
    layout = h5py.VirtualLayout((4,), int)
    layout[:] = h5py.VirtualSource("part.h5", "x", (10,))[2:10:2]
    with h5py.File(path, "w") as file:
        file.create_virtual_dataset("v", layout)
    with h5py.File(tmp_path / "part.h5", "w") as file:
        file["x"] = np.arange(8)
    assert "has shape (8,), shape (9,) is mapped" in error_of(open_table, path)


def test_virtual_source_of_a_virtual_source_missing(tmp_path, path, error_of):
    virtual(str(tmp_path / "middle.h5"), "part.h5")
    virtual(path, "middle.h5", "v")
    assert "part.h5 is not there" in error_of(open_table, path)


def test_virtual_source_in_the_same_file_and_by_prefix(tmp_path, path, error_of, monkeypatch):
    layout = h5py.VirtualLayout((10,), int)
    layout[:] = h5py.VirtualSource(".", "x", (10,))
    with h5py.File(path, "w") as file:
        file["x"] = np.arange(10)
        file.create_virtual_dataset("v", layout)
    with open_table(path, "/v") as source:
        assert source.schema.n_rows == 10
    (tmp_path / "else").mkdir()
    with h5py.File(tmp_path / "else" / "part.h5", "w") as file:
        file["x"] = np.arange(10)
    virtual(path, "part.h5")
    assert "HDF5_VDS_PREFIX" in error_of(open_table, path)
    monkeypatch.setenv("HDF5_VDS_PREFIX", str(tmp_path / "else"))
    with open_table(path) as source:
        assert source.schema.n_rows == 10


def test_virtual_pattern_with_a_gap(tmp_path, path, error_of):
    for part in (0, 1, 3):
        with h5py.File(tmp_path / f"part-{part}.h5", "w") as file:
            file["x"] = np.arange(10)
    creation = h5p.create(h5p.DATASET_CREATE)
    space = h5s.create_simple((0,), (h5s.UNLIMITED,))
    space.select_hyperslab((0,), (h5s.UNLIMITED,), stride=(10,), block=(10,))
    creation.set_virtual(space, b"part-%b.h5", b"x", h5s.create_simple((10,)))
    with h5py.File(path, "w", libver="latest") as file:
        h5d.create(file.id, b"x", h5t.NATIVE_INT64, h5s.create_simple((0,), (h5s.UNLIMITED,)), creation)
    assert "part-2.h5 is not there" in error_of(open_table, path)


def test_external_file_missing_or_short(tmp_path, path, error_of, monkeypatch):
    with h5py.File(path, "w") as file:
        creation = h5p.create(h5p.DATASET_CREATE)
        creation.set_external(b"raw.bin", 0, 80)
        h5d.create(file.id, b"x", h5t.NATIVE_INT64, h5s.create_simple((10,)), creation)
    monkeypatch.chdir(tmp_path)
    assert "raw.bin, which is not there" in error_of(open_table, path)
    (tmp_path / "raw.bin").write_bytes(np.arange(9).tobytes())
    assert "raw.bin, which has 72 B of 80 B" in error_of(open_table, path)
    (tmp_path / "raw.bin").write_bytes(np.arange(10).tobytes())
    out = np.zeros((10, 8), np.uint8)
    with open_table(path) as source:
        source.read(0, 0, out)
    np.testing.assert_array_equal(out.view(int)[:, 0], np.arange(10))
    monkeypatch.chdir("/")
    assert "HDF5_EXTFILE_PREFIX" in error_of(open_table, path)


def with_filter(path, code):
    creation = h5p.create(h5p.DATASET_CREATE)
    creation.set_chunk((10,))
    creation.set_filter(code, h5py.h5z.FLAG_OPTIONAL, (0,))
    with h5py.File(path, "w") as file:
        h5d.create(file.id, b"x", h5t.NATIVE_INT64, h5s.create_simple((10,)), creation)


def test_unknown_filter(path, error_of):
    with_filter(path, 305)
    assert "filter LZO (number 305), which is not installed; rewrite" in error_of(open_table, path)
    with_filter(path, 333)
    assert "(number 333)" in error_of(open_table, path)


def test_filter_without_its_package(path, error_of, monkeypatch):
    with_filter(path, 32015)
    monkeypatch.setattr(hdf5_filters, "load_plugins", lambda: False)
    monkeypatch.setattr(hdf5_filters.h5z, "filter_avail", lambda code: False)
    assert "Zstandard (number 32015), which is not installed; pip install hdf5plugin" in error_of(open_table, path)


@pytest.mark.parametrize("spec", ["gzip:10", "gzip:x", "rar", "zstd:0", "blosc:rar", "lzf:1", "byte+gzip", ""])
def test_compression_that_cannot_be(spec, error_of):
    assert f"'{spec}'" in error_of(hdf5_filters.check_compression, spec)


def test_compression_without_its_package(error_of, monkeypatch):
    monkeypatch.setattr(hdf5_filters, "load_plugins", lambda: False)
    assert "pip install hdf5plugin" in error_of(hdf5_filters.check_compression, "lz4")
