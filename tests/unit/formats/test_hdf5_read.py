"""Reading slices: the right rows, nothing decompressed twice, errors for what is not there."""

import os
import pickle

import h5py
import numpy as np
import pytest

from gpumpi.formats.hdf5 import open_table


@pytest.mark.parametrize("options", [{}, {"chunks": (64, 3)}, {"chunks": (50, 2), "compression": "gzip"}])
def test_any_slice(tmp_path, options):
    values = np.arange(1000 * 3).reshape(1000, 3)
    with h5py.File(tmp_path / "f.h5", "w") as file:
        file.create_dataset("x", data=values, **options)
    rng = np.random.default_rng(1)
    with open_table(str(tmp_path / "f.h5")) as source:
        for start, stop in [(0, 0), (0, 1), (0, 1000), (999, 1000), *np.sort(rng.integers(0, 1001, (20, 2)), axis=1)]:
            out = np.zeros((stop - start, 24), np.uint8)
            source.read(0, int(start), out)
            assert out.tobytes() == values[start:stop].tobytes()
        with pytest.raises(ValueError, match="are not in"):
            source.read(0, 999, np.zeros((2, 24), np.uint8))


def test_contiguous_rows_bypass_hdf5(tmp_path):
    with h5py.File(tmp_path / "f.h5", "w") as file:
        file["x"] = np.arange(10)
    with open_table(str(tmp_path / "f.h5")) as source:
        assert source.columns[0].direct_offset_bytes is not None
        source.file.close()
        out = np.zeros((10, 8), np.uint8)
        source.read(0, 0, out)
    np.testing.assert_array_equal(out.view(int)[:, 0], np.arange(10))


def test_preferred_block_rows(tmp_path):
    with h5py.File(tmp_path / "f.h5", "w") as file:
        file["g/a"] = np.arange(100)
        file["g"].create_dataset("b", data=np.arange(100), chunks=(30,))
    with open_table(str(tmp_path / "f.h5")) as source:
        assert [source.preferred_block_rows(column) for column in (0, 1)] == [1, 30]


def test_slices_decompress_each_chunk_once(tmp_path):
    """A chunk as large as 4 MiB stays in the cache from one slice to the next."""
    plain = np.zeros((1 << 19, 4), "i8")
    with h5py.File(tmp_path / "f.h5", "w") as file:
        file.create_dataset("x", data=plain, chunks=(1 << 17, 1), compression="gzip", compression_opts=1)
    with open_table(str(tmp_path / "f.h5")) as source:
        _, cache_bytes, _ = source.columns[0].dataset.get_access_plist().get_chunk_cache()
        assert cache_bytes >= 4 * (1 << 20)


def test_caches_together_are_bounded(tmp_path):
    with h5py.File(tmp_path / "f.h5", "w") as file:
        for name in "abcdefgh":
            file.create_dataset(name, (1 << 24,), "i8", chunks=(1 << 23,), compression="gzip")
    with open_table(str(tmp_path / "f.h5"), "/", cache_bytes=1 << 20) as source:
        assert source.cache_bytes <= 1 << 20
    with open_table(str(tmp_path / "f.h5"), "/") as source:
        caches = [column.dataset.get_access_plist().get_chunk_cache()[1] for column in source.columns]
        assert sum(caches) == source.cache_bytes <= 128 << 20


def test_identity_follows_the_file(tmp_path):
    path = tmp_path / "f.h5"

    def write(values):
        with h5py.File(path, "w") as file:
            file["x"] = values

    def identity():
        with open_table(str(path)) as source:
            return source.identity

    write(np.arange(10))
    first = identity()
    assert first == identity()
    (tmp_path / "link.h5").symlink_to(path)
    with open_table(str(tmp_path / "link.h5")) as source:
        assert source.identity == first
    os.utime(path, ns=(1, 1))
    touched = identity()
    assert touched != first
    write(np.arange(10.0))
    os.utime(path, ns=(1, 1))
    assert identity() not in (first, touched)


def test_schema_pickles(tmp_path):
    with h5py.File(tmp_path / "f.h5", "w") as file:
        file["x"] = np.zeros(3, np.dtype([("a", "u1"), ("b", ">f8")], align=True))
    with open_table(str(tmp_path / "f.h5")) as source:
        assert pickle.loads(pickle.dumps(source.schema)) == source.schema


def test_file_that_shrinks_while_it_is_read(tmp_path, error_of):
    with h5py.File(tmp_path / "f.h5", "w") as file:
        file["x"] = np.arange(1000)
    with open_table(str(tmp_path / "f.h5")) as source:
        os.truncate(tmp_path / "f.h5", 3000)
        assert "cut short" in error_of(source.read, 0, 0, np.zeros((1000, 8), np.uint8))


def test_damaged_chunk(tmp_path, error_of):
    with h5py.File(tmp_path / "f.h5", "w") as file:
        dataset = file.create_dataset("x", data=np.arange(1000), chunks=(100,), compression="gzip")
        at = dataset.id.get_chunk_info(5).byte_offset
    with (tmp_path / "f.h5").open("r+b") as file:
        file.seek(at)
        file.write(b"\xff" * 40)
    with open_table(str(tmp_path / "f.h5")) as source:
        source.read(0, 0, np.zeros((500, 8), np.uint8))
        text = error_of(source.read, 0, 500, np.zeros((100, 8), np.uint8))
        assert "cannot read rows 500 to 600" in text
        assert "/x" in text


def test_closing_twice(tmp_path):
    with h5py.File(tmp_path / "f.h5", "w") as file:
        file["x"] = np.arange(3)
    source = open_table(str(tmp_path / "f.h5"))
    source.close()
    source.close()
