"""Chunked and compressed output is what HDF5 itself would have made of the same rows."""

import h5py
import numpy as np
import pytest

from gpumpi.formats.hdf5 import ChunkEncoder, ChunkStore, abandon, lay_out, lay_out_chunked, open_table

N = 5003
FILTERS = ["gzip", "gzip:9", "lzf", "shuffle+gzip:1", "shuffle+lzf"]
PLUGIN_FILTERS = ["lz4", "zstd", "zstd:7", "bitshuffle", "blosc", "blosc:zstd:3", "blosc2:lz4", "shuffle+zstd:1"]


@pytest.fixture
def path(tmp_path):
    rng = np.random.default_rng(5)
    with h5py.File(tmp_path / "in.h5", "w") as file:
        file["g/id"] = rng.permutation(N).astype(">i8")
        file["g/noise"] = rng.integers(0, 256, (N, 16), "u1")
        file["g/pair"] = np.zeros(N, np.dtype([("a", "u1"), ("b", "<f8")], align=True))
        file["g/id"].attrs["units"] = "none"
        file["g"].attrs["made"] = "here"
    return tmp_path / "in.h5"


@pytest.mark.parametrize("compression", [None, *FILTERS, *PLUGIN_FILTERS])
def test_filters(path, tmp_path, copy_table, same_dataset, compression):
    if compression in PLUGIN_FILTERS:
        pytest.importorskip("hdf5plugin")
    copy_table(path, tmp_path / "out.h5", chunks=512, compression=compression)
    with h5py.File(path) as before, h5py.File(tmp_path / "out.h5") as after:
        assert dict(after["g"].attrs) == dict(before["g"].attrs)
        for name in before["g"]:
            same_dataset(before["g"][name], after["g"][name])
            assert after["g"][name].chunks[0] == 512
            assert after["g"][name].maxshape[0] is None
            assert after["g"][name].id.get_num_chunks() == -(-N // 512)
            if compression is not None:
                assert after["g"][name].id.get_create_plist().get_nfilters() == 1 + compression.startswith("shuffle")
        if compression:
            assert after["g/pair"].id.get_storage_size() < before["g/pair"].id.get_storage_size() / 4
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["in.h5", "out.h5"]


def test_chunks_of_about_a_mebibyte(path, tmp_path, copy_table):
    output = copy_table(path, tmp_path / "out.h5", compression="lzf")
    assert output.chunk_rows == (N, N, N)
    with h5py.File(tmp_path / "wide.h5", "w") as file:
        file["x"] = np.zeros((300, 1 << 13))
    assert copy_table(tmp_path / "wide.h5", tmp_path / "o2.h5", compression="lzf").chunk_rows == (16,)


def test_compound_and_dataset(tmp_path, copy_table, same_dataset):
    with h5py.File(tmp_path / "in.h5", "w") as file:
        file["t"], file["s"] = np.zeros(100, [("a", "i4"), ("b", "f8")]), np.arange(100)
    for name in ("/t", "/s"):
        copy_table(tmp_path / "in.h5", tmp_path / f"{name[1]}.h5", name, compression="gzip")
        with h5py.File(tmp_path / "in.h5") as before, h5py.File(tmp_path / f"{name[1]}.h5") as after:
            same_dataset(before[name], after[name])


def test_a_chunked_input_as_template_becomes_what_was_asked(tmp_path, copy_table):
    with h5py.File(tmp_path / "in.h5", "w") as file:
        file.create_dataset("x", data=np.arange(100), chunks=(7,), compression="gzip", shuffle=True, fillvalue=9)
    copy_table(tmp_path / "in.h5", tmp_path / "out.h5", compression="lzf")
    with h5py.File(tmp_path / "out.h5") as after:
        assert (after["x"].compression, after["x"].shuffle, after["x"].fillvalue) == ("lzf", False, 9)


def test_nothing_is_left_of_an_abandoned_second_pass(path, tmp_path):
    with open_table(str(path)) as source:
        output = lay_out(str(tmp_path / "out.h5"), source.schema, template=source, compression="gzip")
    chunked = lay_out_chunked(output)
    with ChunkEncoder(chunked) as encoder, ChunkStore(chunked) as store:
        store.put(0, 0, encoder.encode(0, 0))
    abandon(chunked)
    assert [entry.name for entry in tmp_path.iterdir()] == ["in.h5"]


def test_bad_chunks(path, tmp_path, error_of):
    with open_table(str(path)) as source:
        text = error_of(lay_out, str(tmp_path / "o.h5"), source.schema, template=source, chunks=0)
    assert "give 1 or more" in text
