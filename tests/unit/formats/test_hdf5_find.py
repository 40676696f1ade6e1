"""Which tables a file holds, and which one a name means."""

import h5py
import numpy as np
import pytest

from gpumpi.formats.hdf5 import library_version, list_tables, open_table


@pytest.fixture
def several(tmp_path):
    path = tmp_path / "several.h5"
    with h5py.File(path, "w") as file:
        file.create_group("Header").attrs["BoxSize"] = 1.0
        for part, n_rows in enumerate((5, 9)):
            group = file.create_group(f"PartType{part}")
            group["ParticleIDs"], group["Coordinates"] = np.arange(n_rows), np.ones((n_rows, 3), "f4")
        file["events/first"] = np.zeros(3, [("a", "i4"), ("b", "f8")])
        file["events/second"] = np.zeros(4, [("a", "i4")])
        file["single"] = np.arange(7)
        file["scalar"] = 3
    return str(path)


def test_all_tables_are_listed(several):
    found = {table.name: (table.kind, table.schema.n_rows, table.problem) for table in list_tables(several)}
    assert found == {
        "/PartType0": ("group", 5, None), "/PartType1": ("group", 9, None), "/single": ("dataset", 7, None),
        "/events/first": ("compound", 3, None), "/events/second": ("compound", 4, None),
    }  # fmt: skip


def test_a_file_with_several_tables_says_which(several, error_of):
    text = error_of(open_table, several)
    assert "holds 5 tables" in text
    assert "/PartType1 (9 rows)" in text
    assert f"name one as {several}:/" in text


@pytest.mark.parametrize(
    ("name", "kind", "columns"),
    [
        ("/PartType1", "group", ("Coordinates", "ParticleIDs")),
        ("PartType0/", "group", ("Coordinates", "ParticleIDs")),
        ("/events/first", "compound", ("first",)),
        ("/PartType0/Coordinates", "dataset", ("Coordinates",)),
        ("/", "group", ("single",)),
    ],
)
def test_a_name_means_a_table(several, name, kind, columns):
    with open_table(several, name) as source:
        assert (source.kind, source.schema.names) == (kind, columns)
        assert source.name.startswith(several)
    with open_table(f"{several}:/{name.strip('/')}") as source:
        assert source.kind == kind


def test_a_group_of_compounds_is_several_tables(several, error_of):
    assert "holds 2 tables; name one as" in error_of(open_table, several, "/events")


def test_a_file_with_one_table_needs_no_name(tmp_path):
    with h5py.File(tmp_path / "pandas.h5", "w") as file:  # the layout of pandas' table format
        file["df/table"] = np.zeros(6, [("index", "i8"), ("values", "f8", (3,))])
        file["df/_i_table/index/bounds"] = np.zeros((0, 127))
    for name in (None, "/df", "/df/table"):
        with open_table(str(tmp_path / "pandas.h5"), name) as source:
            assert (source.table, source.schema.n_rows) == ("/df/table", 6)
    with open_table(str(tmp_path / "pandas.h5"), "/df", ["values"]) as source:
        assert source.schema.columns[0].dtype.names == ("values",)


def test_compound_beside_plain_columns_is_a_column(tmp_path):
    with h5py.File(tmp_path / "f.h5", "w") as file:
        file["id"], file["position"] = np.arange(6), np.zeros(6, [("x", "f4"), ("y", "f4")])
        file["weight"] = np.ones(6) * 1j
    with open_table(str(tmp_path / "f.h5")) as source:
        assert source.schema.names == ("id", "position", "weight")


def test_soft_links_are_followed_and_hard_loops_end(tmp_path):
    with h5py.File(tmp_path / "f.h5", "w") as file:
        file["g/x"] = np.arange(5)
        file["g/loop"] = file["/"]
        file["alias"] = h5py.SoftLink("/g")
    with open_table(str(tmp_path / "f.h5"), "/alias") as source:
        assert source.schema.n_rows == 5
    assert len(list_tables(str(tmp_path / "f.h5"))) >= 1


def test_an_unreadable_table_is_listed_with_its_problem(tmp_path):
    with h5py.File(tmp_path / "f.h5", "w") as file:
        file["obs/id"], file["obs/name"] = np.arange(3), ["a", "b", "c"]
    (table,) = list_tables(str(tmp_path / "f.h5"))
    assert "variable-length strings" in table.problem
    assert table.schema.columns[1].dtype == object
    assert table.storage == {"id": "contiguous", "name": "contiguous"}


def test_storage_is_described(tmp_path):
    with h5py.File(tmp_path / "f.h5", "w") as file:
        file.create_dataset("x", data=np.arange(5000), chunks=(1000,), compression="gzip", shuffle=True)
    (table,) = list_tables(str(tmp_path / "f.h5"))
    assert table.storage == {"x": "shuffle + gzip in chunks of 1,000 rows"}


def test_library_version():
    assert library_version() == h5py.version.hdf5_version
