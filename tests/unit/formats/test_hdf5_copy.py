"""A table goes through gpumpi and comes out the same: every way of storing, every type, attributes, scales."""

import datetime

import h5py
import numpy as np
import pytest
from h5py import h5d, h5p, h5s, h5t

from gpumpi.formats.hdf5 import check_output, commit, lay_out, list_tables, open_table
from gpumpi.schema import Column, Schema

N = 1003
RNG = np.random.default_rng(20)


def every_column():
    return {
        "id": RNG.permutation(N),
        "big": RNG.integers(0, 99, N).astype(">i4"),
        "x": RNG.normal(size=(N, 3)),
        "half": RNG.normal(size=N).astype(">f2"),
        "flag": RNG.integers(0, 2, N).astype(bool),
        "name": np.array([b"n%d" % i for i in range(N)], "S9"),
        "z": (RNG.normal(size=N) + 1j).astype("<c8"),
        "when": RNG.integers(0, 2**60, N).astype("<M8[ns]").astype(h5py.opaque_dtype(np.dtype("<M8[ns]"))),
        "kind": RNG.integers(1, 3, N).astype(h5py.enum_dtype({"STAR": 1, "GAS": 2}, "i1")),
        "pair": np.zeros(N, np.dtype([("a", "u1"), ("b", "<f8")], align=True)),
        "cube": RNG.integers(0, 9, (N, 2, 3), "u2"),
    }


STORED = {
    "contiguous": {},
    "chunked": {"chunks": True},
    "one chunk": {"chunks": (N,)},
    "gzip": {"compression": "gzip", "shuffle": True, "fletcher32": True, "chunks": (100,)},
    "lzf": {"compression": "lzf", "chunks": (100,)},
    "scaled": {"maxshape": (None,), "chunks": (7,)},
}


@pytest.mark.parametrize("how", STORED)
def test_every_type_in_every_storage(tmp_path, copy_table, same_dataset, how):
    with h5py.File(tmp_path / "in.h5", "w", track_order=True) as file:
        group = file.create_group("rows", track_order=True)
        for name, values in every_column().items():
            options = dict(STORED[how])
            for shape in ("chunks", "maxshape"):
                if isinstance(options.get(shape), tuple):
                    options[shape] += values.shape[1:]
            group.create_dataset(name, data=values, **options)
            group[name].attrs["units"] = "m"
    output = copy_table(tmp_path / "in.h5", tmp_path / "out.h5")
    assert output.notes == ()
    with h5py.File(tmp_path / "in.h5") as before, h5py.File(tmp_path / "out.h5") as after:
        assert list(after["rows"]) == list(before["rows"])
        for name in before["rows"]:
            same_dataset(before["rows"][name], after["rows"][name])
            assert after["rows"][name].chunks is None


def test_plugin_filters(tmp_path, copy_table, same_dataset):
    plugin = pytest.importorskip("hdf5plugin")
    with h5py.File(tmp_path / "in.h5", "w") as file:
        for name, compression in {"b": plugin.Blosc(), "l": plugin.LZ4(), "s": plugin.Zstd()}.items():
            file.create_dataset(name, data=np.arange(5000), chunks=(512,), compression=compression)
    copy_table(tmp_path / "in.h5", tmp_path / "out.h5", "/")
    with h5py.File(tmp_path / "in.h5") as before, h5py.File(tmp_path / "out.h5") as after:
        for name in before:
            same_dataset(before[name], after[name])


def low_level(file, name, n_rows, type_id=h5t.STD_I32BE, layout=None, fill=None, external=None):
    creation = h5p.create(h5p.DATASET_CREATE)
    if layout is not None:
        creation.set_layout(layout)
    if fill is not None:
        creation.set_fill_value(np.array(fill, ">i4"))
    if external is not None:
        creation.set_external(*external)
    return h5py.Dataset(h5d.create(file.id, name.encode(), type_id, h5s.create_simple((n_rows,)), creation))


def test_compact_fill_value_external_and_odd_types(tmp_path, copy_table, same_dataset):
    (tmp_path / "raw.bin").write_bytes(b"headpad!" + np.arange(10, dtype=">i4").tobytes())
    with h5py.File(tmp_path / "in.h5", "w") as file:
        low_level(file, "compact", 10, layout=h5d.COMPACT)[:] = np.arange(10)
        low_level(file, "filled", 10, fill=-7)
        low_level(file, "outside", 10, external=(str(tmp_path / "raw.bin").encode(), 8, 40))
        low_level(file, "bits", 10, h5t.STD_B16BE)[:] = np.arange(10, dtype=">u2")
        low_level(file, "quad", 10, h5t.IEEE_F128LE)
        low_level(file, "array", 10, h5t.array_create(h5t.IEEE_F32BE, (2, 2)))[:] = np.ones((10, 2, 2), "f4")
    copy_table(tmp_path / "in.h5", tmp_path / "out.h5", "/")
    with h5py.File(tmp_path / "in.h5") as before, h5py.File(tmp_path / "out.h5") as after:
        for name in before:
            same_dataset(before[name], after[name])
            assert after[name].id.get_create_plist().get_layout() == h5d.CONTIGUOUS
            assert after[name].external is None
        assert after["filled"].fillvalue == -7
        assert list(after["filled"][:2]) == [-7, -7]
        assert list(after["outside"][:3]) == [0, 1, 2]


def test_virtual(tmp_path, copy_table):
    for part in range(3):
        with h5py.File(tmp_path / f"part-{part}.h5", "w") as file:
            file["x"] = np.arange(part * 10, part * 10 + 10)
    layout = h5py.VirtualLayout((30,), int)
    for part in range(3):
        layout[part * 10 : part * 10 + 10] = h5py.VirtualSource(f"part-{part}.h5", "x", (10,))
    with h5py.File(tmp_path / "in.h5", "w") as file:
        file.create_virtual_dataset("x", layout)
        file["y"] = np.arange(30.0)
    with open_table(str(tmp_path / "in.h5")) as source:
        assert len(source.storage[0].files) == 4
    copy_table(tmp_path / "in.h5", tmp_path / "out.h5", "/")
    with h5py.File(tmp_path / "out.h5") as after:
        np.testing.assert_array_equal(after["x"][:], np.arange(30))
        assert not after["x"].is_virtual


def test_virtual_pattern(tmp_path, copy_table):
    for part in range(3):
        with h5py.File(tmp_path / f"part-{part}.h5", "w") as file:
            file["x"] = np.arange(part * 10, part * 10 + 10)
    creation = h5p.create(h5p.DATASET_CREATE)
    space = h5s.create_simple((0,), (h5s.UNLIMITED,))
    space.select_hyperslab((0,), (h5s.UNLIMITED,), stride=(10,), block=(10,))
    creation.set_virtual(space, b"part-%b.h5", b"x", h5s.create_simple((10,)))
    with h5py.File(tmp_path / "in.h5", "w", libver="latest") as file:
        h5d.create(file.id, b"x", h5t.NATIVE_INT64, h5s.create_simple((0,), (h5s.UNLIMITED,)), creation)
    copy_table(tmp_path / "in.h5", tmp_path / "out.h5", "/x")
    with h5py.File(tmp_path / "out.h5") as after:
        np.testing.assert_array_equal(after["x"][:], np.arange(30))


def test_compound_and_plain_dataset_keep_kind_and_name(tmp_path, copy_table, same_dataset):
    dtype = np.dtype([("id", ">i8"), ("v", "<f4", (3,)), ("tag", "S4")], align=True)
    values = np.zeros(50, dtype)
    values["id"] = RNG.permutation(50)
    with h5py.File(tmp_path / "in.h5", "w") as file:
        file["a/events"] = values
        file["a/events"].attrs["run"] = 7
        file["b/image"] = RNG.normal(size=(20, 4, 5))
        file["a"].attrs["made by"] = "x"
    for name in ("/a/events", "/b/image"):
        output = copy_table(tmp_path / "in.h5", tmp_path / f"{name[1]}.h5", name)
        with h5py.File(tmp_path / "in.h5") as before, h5py.File(tmp_path / f"{name[1]}.h5") as after:
            same_dataset(before[name], after[name])
            assert dict(after[name].parent.attrs) == dict(before[name].parent.attrs)
        assert output.kind == ("compound" if "events" in name else "dataset")
    copy_table(tmp_path / "in.h5", tmp_path / "c.h5", "/a/events", to="/deep/er/rows")
    with h5py.File(tmp_path / "in.h5") as before, h5py.File(tmp_path / "c.h5") as after:
        same_dataset(before["/a/events"], after["/deep/er/rows"])


def test_chosen_columns_and_fields(tmp_path, copy_table):
    values = np.zeros(9, [("id", ">i8"), ("s", "S3"), ("w", "<f4")])
    values["id"], values["w"] = np.arange(9), np.arange(9) / 2
    with h5py.File(tmp_path / "in.h5", "w") as file:
        file["t"] = values
        file["g/a"], file["g/b"], file["g/c"] = np.arange(4), np.arange(4.0), np.arange(9)
    copy_table(tmp_path / "in.h5", tmp_path / "o1.h5", "/t", ["w", "id"])
    copy_table(tmp_path / "in.h5", tmp_path / "o2.h5", "/g", ["b", "a"])
    with h5py.File(tmp_path / "o1.h5") as one, h5py.File(tmp_path / "o2.h5") as two:
        assert one["t"].dtype == np.dtype([("w", "<f4"), ("id", ">i8")])
        np.testing.assert_array_equal(one["t"]["id"], values["id"])
        np.testing.assert_array_equal(one["t"]["w"], values["w"])
        assert sorted(two["g"]) == ["a", "b"]


@pytest.mark.parametrize("n_rows", [0, 1])
@pytest.mark.parametrize("options", [{}, {"chunks": 4}, {"compression": "gzip"}])
def test_no_rows_and_one_row(tmp_path, copy_table, same_dataset, n_rows, options):
    with h5py.File(tmp_path / "in.h5", "w") as file:
        file["g/a"] = np.arange(n_rows)
        file["g/b"] = np.ones((n_rows, 3), ">f4")
        file["g/nothing"] = np.ones((n_rows, 0))
    copy_table(tmp_path / "in.h5", tmp_path / "out.h5", **options)
    with h5py.File(tmp_path / "in.h5") as before, h5py.File(tmp_path / "out.h5") as after:
        for name in before["g"]:
            same_dataset(before["g"][name], after["g"][name])


def test_all_attributes_are_kept(tmp_path, copy_table, same_attributes):
    with h5py.File(tmp_path / "in.h5", "w", libver="v110") as file:
        group = file.create_group("a/rows")
        dataset = group.create_dataset("x", data=np.arange(4))
        for thing in (file, file["a"], group, dataset):
            thing.attrs["text"] = "Ångström"
            thing.attrs["texts"] = ["a", "bc"]
            thing.attrs["fixed"] = np.bytes_(b"m / s")
            thing.attrs["big-endian"] = np.arange(3, dtype=">i2")
            thing.attrs["bool"] = True
            thing.attrs["none"] = h5py.Empty("f4")
            thing.attrs["pair"] = np.zeros(2, [("a", "i4"), ("b", "f8")])
            thing.attrs["large"] = np.arange(20_000)
            thing.attrs.create("lists", np.array([np.arange(2), np.arange(3)], object), dtype=h5py.vlen_dtype("i4"))
            thing.attrs.create("kind", 1, dtype=h5py.enum_dtype({"A": 1}))
    output = copy_table(tmp_path / "in.h5", tmp_path / "out.h5", "/a/rows")
    assert output.notes == ()
    with h5py.File(tmp_path / "in.h5", "r+") as before, h5py.File(tmp_path / "out.h5", "r+") as after:
        for name in ("/", "/a", "/a/rows", "/a/rows/x"):
            for file in (before, after):
                assert [list(lists) for lists in file[name].attrs.pop("lists")] == [[0, 1], [0, 1, 2]]
            same_attributes(before[name], after[name])


def test_attributes_that_refer(tmp_path, copy_table):
    with h5py.File(tmp_path / "in.h5", "w") as file:
        file["g/x"], file["g/y"], file["other"] = np.arange(4), np.arange(4), np.arange(2)
        file["g/x"].attrs["sibling"] = file["g/y"].ref
        file["g/x"].attrs["group"] = file["g"].ref
        file["g/y"].attrs["elsewhere"] = file["other"].ref
    output = copy_table(tmp_path / "in.h5", tmp_path / "out.h5", "/g", to="/h")
    assert output.notes == ("attribute 'elsewhere' of /h/y is not kept: it refers to what is not in the output",)
    with h5py.File(tmp_path / "out.h5") as after:
        assert after[after["h/x"].attrs["sibling"]].name == "/h/y"
        assert after[after["h/x"].attrs["group"]].name == "/h"


def test_dimension_scales_keep_working(tmp_path, copy_table):
    with h5py.File(tmp_path / "in.h5", "w") as file:
        group = file.create_group("g")
        group["time"], group["flux"] = np.arange(6.0), np.ones((6, 4))
        group["wavelength"], file["outside"] = np.arange(4.0), np.arange(6)
        group["time"].make_scale("t")
        group["wavelength"].make_scale("nm")
        file["outside"].make_scale("o")
        group["flux"].dims[0].attach_scale(group["time"])
        group["flux"].dims[0].attach_scale(file["outside"])
        group["flux"].dims[1].attach_scale(group["wavelength"])
        group["flux"].dims[1].label = "colour"
    output = copy_table(tmp_path / "in.h5", tmp_path / "out.h5", "/g")
    assert output.notes == ("a dimension scale of axis 0 of /g/flux is not kept: it is not in the output",)
    with h5py.File(tmp_path / "out.h5") as after:
        flux = after["g/flux"]
        assert [scale.name for scale in flux.dims[0].values()] == ["/g/time"]
        assert [scale.name for scale in flux.dims[1].values()] == ["/g/wavelength"]
        assert flux.dims[1].label == "colour"
        assert flux.dims[0].keys() == ["t"]
        np.testing.assert_array_equal(after["g/wavelength"][:], np.arange(4.0))


def test_netcdf_dimension_without_a_variable(tmp_path, copy_table):
    with h5py.File(tmp_path / "in.h5", "w") as file:
        file["x"] = np.arange(6.0)
        file.create_dataset("obs", (6,), ">f4").make_scale(
            "This is a netCDF dimension but not a netCDF variable.         6"
        )
        file["x"].dims[0].attach_scale(file["obs"])
    with open_table(str(tmp_path / "in.h5")) as source:
        assert source.schema.names == ("x",)
    copy_table(tmp_path / "in.h5", tmp_path / "out.h5")
    with h5py.File(tmp_path / "out.h5") as after:
        assert [scale.name for scale in after["x"].dims[0].values()] == ["/obs"]


def test_user_block_is_kept_and_counted(tmp_path, copy_table, same_dataset):
    with h5py.File(tmp_path / "in.h5", "w", userblock_size=1024) as file:
        file["x"] = np.arange(100)
    with (tmp_path / "in.h5").open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file")
    copy_table(tmp_path / "in.h5", tmp_path / "out.h5")
    assert (tmp_path / "out.h5").read_bytes()[:19] == b"MATLAB 7.3 MAT-file"
    with h5py.File(tmp_path / "in.h5") as before, h5py.File(tmp_path / "out.h5") as after:
        same_dataset(before["x"], after["x"])


def test_named_datatype(tmp_path, copy_table, same_dataset):
    with h5py.File(tmp_path / "in.h5", "w") as file:
        file["t"] = np.dtype([("a", "i4"), ("b", "f8")])
        file.create_dataset("x", (5,), file["t"])
    copy_table(tmp_path / "in.h5", tmp_path / "out.h5")
    with h5py.File(tmp_path / "in.h5") as before, h5py.File(tmp_path / "out.h5") as after:
        same_dataset(before["x"], after["x"])


def test_column_behind_an_external_link(tmp_path, copy_table):
    with h5py.File(tmp_path / "other.h5", "w", userblock_size=512) as file:
        file["y"] = np.arange(8) * 2
    with h5py.File(tmp_path / "in.h5", "w") as file:
        file["g/x"] = np.arange(8)
        file["g/y"] = h5py.ExternalLink("other.h5", "/y")
        file["g/z"] = h5py.SoftLink("/g/x")
    copy_table(tmp_path / "in.h5", tmp_path / "out.h5", "/g")
    with h5py.File(tmp_path / "out.h5") as after:
        np.testing.assert_array_equal(after["g/y"][:], np.arange(8) * 2)
        np.testing.assert_array_equal(after["g/z"][:], np.arange(8))


def test_the_same_input_gives_the_same_bytes(tmp_path, copy_table, monkeypatch):
    with h5py.File(tmp_path / "in.h5", "w", track_order=True) as file:
        group = file.create_group("g", track_order=True)
        group.create_dataset("x", data=np.arange(1000), chunks=(10,))
        group.create_dataset("a", data=np.ones((1000, 2)))
        group.attrs["when"] = str(datetime.date(2026, 1, 1))
    for options in ({}, {"compression": "shuffle+gzip:1", "chunks": 64}):
        copy_table(tmp_path / "in.h5", tmp_path / "one.h5", **options)
        monkeypatch.setenv("SLURM_JOB_ID", "77")
        copy_table(tmp_path / "in.h5", tmp_path / "two.h5", **options)
        assert (tmp_path / "one.h5").read_bytes() == (tmp_path / "two.h5").read_bytes()
        (tmp_path / "one.h5").unlink()
        (tmp_path / "two.h5").unlink()


def test_a_scale_of_rows_is_none_of_another_axis(tmp_path, copy_table):
    """A square matrix whose two axes share a scale: once rows have moved, the scale fits the first axis only."""
    with h5py.File(tmp_path / "in.h5", "w") as file:
        file["time"], file["covariance"] = np.arange(5.0), np.ones((5, 5))
        file["time"].make_scale("t")
        for axis in (0, 1):
            file["covariance"].dims[axis].attach_scale(file["time"])
    output = copy_table(tmp_path / "in.h5", tmp_path / "out.h5", "/")
    assert output.notes == ("a dimension scale of axis 1 of /covariance is not kept: its rows have another order now",)
    with h5py.File(tmp_path / "out.h5") as after:
        assert [len(after["covariance"].dims[axis]) for axis in (0, 1)] == [1, 0]


def test_paths_may_be_paths(tmp_path):
    with h5py.File(tmp_path / "in.h5", "w") as file:
        file["x"] = np.arange(3)
    assert [table.name for table in list_tables(tmp_path / "in.h5")] == ["/x"]
    with open_table(tmp_path / "in.h5") as source:
        check_output(tmp_path / "out.h5")
        commit(lay_out(tmp_path / "out.h5", source.schema, template=source))
    assert (tmp_path / "out.h5").is_file()


def test_more_columns_than_a_compound_holds_become_a_group(tmp_path):
    with h5py.File(tmp_path / "in.h5", "w") as file:
        file["t"] = np.zeros(3, [("a", "i4"), ("b", "f8")])
    with open_table(tmp_path / "in.h5") as source:
        schema = Schema((*source.schema.columns, Column("rank", np.dtype("i8"))), 3)
        assert lay_out(tmp_path / "out.h5", schema, template=source, name="/g").kind == "group"


def test_names_beyond_ascii_and_beyond_utf8(tmp_path, copy_table):
    with h5py.File(tmp_path / "in.h5", "w") as file:
        group = file.create_group("Größe")
        group["λ"] = np.arange(4)
        for name in (b"mass\xe9", b"plain"):
            space = h5s.create_simple((4,))
            h5d.create(group.id, name, h5t.NATIVE_INT32, space)
    copy_table(tmp_path / "in.h5", tmp_path / "out.h5", "/Größe")
    copy_table(tmp_path / "in.h5", tmp_path / "chunked.h5", chunks=2)
    copy_table(tmp_path / "in.h5", tmp_path / "in.h5", in_place=True)
    for name in ("out.h5", "in.h5", "chunked.h5"):
        with h5py.File(tmp_path / name) as after:
            group = after["Größe"]
            assert set(group) == {"λ", b"mass\xe9", "plain"}
            assert group.id.links.get_info("λ".encode()).cset == h5t.CSET_UTF8
