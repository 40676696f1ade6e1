"""In place: everything else in the file is still there, or the file is refused."""

import h5py
import numpy as np
import pytest

from gpumpi.formats.hdf5 import open_table


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "snapshot.h5"
    with h5py.File(path, "w", track_order=True, userblock_size=512) as file:
        file.attrs["version"] = 2
        header = file.create_group("Header")
        header.attrs["BoxSize"] = 1.5
        header.attrs["of"] = file.ref
        for part in (0, 1):
            group = file.create_group(f"PartType{part}")
            group["ids"] = np.arange(50)
            group.create_dataset("x", data=np.ones((50, 3)), chunks=(10, 3), compression="gzip")
            group["ids"].attrs["units"] = "none"
        file["PartType1"].create_group("inner")["y"] = ["text", "of", "any length"]
        file["alias"] = h5py.SoftLink("/PartType1/ids")
        file["beside"] = h5py.ExternalLink("gone.h5", "/x")
        file["again"] = file["PartType0/ids"]
        file["both"] = file["PartType1/ids"]
        file["axis"], file["image"] = np.arange(4.0), np.ones((4, 4))
        file["axis"].make_scale("a")
        file["image"].dims[1].attach_scale(file["axis"])
        file["named"] = np.dtype("f4")
        file["PartType1/ids"].attrs["image"] = file["image"].ref
    path.chmod(0o640)
    return path


@pytest.mark.parametrize("options", [{}, {"chunks": 16, "compression": "shuffle+gzip:1"}])
def test_everything_else_is_kept(path, copy_table, same_dataset, options):
    before_bytes = path.read_bytes()
    output = copy_table(path, path, "/PartType1", in_place=True, **options)
    assert output.notes == ()
    old = path.with_name("old.h5")
    old.write_bytes(before_bytes)
    with h5py.File(old) as before, h5py.File(path) as after:
        names = []
        before.visit(names.append)
        for name in names:
            assert name in after
            if isinstance(before[name], h5py.Dataset) and before[name].dtype != object and "ids" not in name:
                same_dataset(before[name], after[name])
        assert sorted(before) == sorted(after)
        np.testing.assert_array_equal(before["PartType1/ids"], after["PartType1/ids"])
        assert dict(after.attrs) == dict(before.attrs)
        assert after["Header"].attrs["BoxSize"] == 1.5
        assert after[after["Header"].attrs["of"]].name == "/"
        assert after[after["PartType1/ids"].attrs["image"]].name == "/image"
        assert list(after["PartType1/inner/y"].asstr()) == ["text", "of", "any length"]
        assert after.get("alias", getlink=True).path == "/PartType1/ids"
        assert after.get("beside", getlink=True).filename == "gone.h5"
        assert after["again"] == after["PartType0/ids"]
        assert after["both"] == after["PartType1/ids"]
        assert [scale.name for scale in after["image"].dims[1].values()] == ["/axis"]
        assert after["PartType0/x"].compression == "gzip"
        assert after["PartType1/x"].chunks == ((16, 3) if options else None)
        assert isinstance(after["named"], h5py.Datatype)
        assert after.userblock_size == 512
    assert path.stat().st_mode & 0o777 == 0o640
    assert sorted(entry.name for entry in path.parent.iterdir()) == ["old.h5", "snapshot.h5"]


def test_refused_and_untouched(path, copy_table, error_of):
    with h5py.File(path, "r+") as file:
        file["PartType0/refs"] = np.array([file.ref], h5py.ref_dtype)
    before = path.read_bytes()
    assert "holds references" in error_of(copy_table, path, path, "/PartType1", in_place=True)
    assert "--columns out" in error_of(copy_table, path, path, "/PartType1", ["ids"], in_place=True)
    assert "keeps its name" in error_of(copy_table, path, path, "/PartType1", to="/rows", in_place=True)
    assert path.read_bytes() == before
    assert [entry.name for entry in path.parent.iterdir()] == ["snapshot.h5"]


def test_columns_in_another_file_are_refused(tmp_path, path, copy_table, error_of):
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["z"] = np.arange(50)
    with h5py.File(path, "r+") as file:
        file["PartType1/z"] = h5py.ExternalLink("other.h5", "/z")
    assert "is in another file" in error_of(copy_table, path, path, "/PartType1", in_place=True)


def test_an_index_of_pytables_goes(path, copy_table):
    with h5py.File(path, "r+") as file:
        file["events/table"] = np.zeros(5, [("a", "i4")])
        file["events/_i_table/a/sorted"] = np.arange(5)
    output = copy_table(path, path, "/events/table", in_place=True)
    assert output.notes == ("/events/_i_table is not kept: an index of PyTables is wrong once rows have moved",)
    with h5py.File(path) as file:
        assert list(file["events"]) == ["table"]
    with open_table(str(path), "/events") as source:
        assert source.schema.n_rows == 5


def test_scales_of_moved_rows_leave_what_has_not_moved(path, copy_table):
    with h5py.File(path, "r+") as file:
        file["PartType1/ids"].make_scale("id")
        for part in (0, 1):
            file[f"PartType{part}/x"].dims[0].attach_scale(file["PartType1/ids"])
    output = copy_table(path, path, "/PartType1", in_place=True)
    assert output.notes == ("a dimension scale of axis 0 of /PartType0/x is not kept: its rows have another order now",)
    with h5py.File(path) as file:
        assert [len(file[f"PartType{part}/x"].dims[0]) for part in (0, 1)] == [0, 1]
