"""Real files that PyPI wheels carry: every table in them comes out the same, or says clearly why it cannot be read.

PyTables' test files are there with the test extra; scanpy's 10x data set is used where somebody has scanpy.
"""

import importlib.util
from pathlib import Path

import h5py
import pytest

from gpumpi.errors import UserError
from gpumpi.formats.hdf5 import list_tables, open_table


def files(package):
    found = importlib.util.find_spec(package)  # nothing is imported
    folders = found.submodule_search_locations if found else []
    return [path for folder in folders for path in sorted(Path(folder).rglob("*.h5*")) if h5py.is_hdf5(path)]


EXPECTED_TABLES = {
    "smpl_enum.h5": 1, "10x_pbmc68k_reduced.h5ad": 26, "smpl_f64be.h5": 1, "smpl_compound_chunked.h5": 1, "nested-type-with-gaps.h5": 1,
    "non-chunked-table.h5": 1, "smpl_i32be.h5": 1, "array_mdatom.h5": 1, "times-nested-be.h5": 1, "bug-idx.h5": 1, "python3.h5": 8, "test_szip.h5": 1,
}  # fmt: skip


@pytest.mark.parametrize("path", files("tables") + files("scanpy"), ids=lambda path: path.name)
def test_every_table_comes_out_the_same_or_says_why_not(path, tmp_path, copy_table, same_dataset):
    tables = list_tables(str(path))
    copied = 0
    for number, table in enumerate(tables):
        try:
            open_table(str(path), table.name).close()
        except UserError as error:
            assert "\n" not in str(error)
            assert table.problem is not None
            continue
        assert table.problem is None
        output = copy_table(path, tmp_path / f"{number}.h5", table.name)
        with h5py.File(path) as before, h5py.File(tmp_path / f"{number}.h5") as after:
            for place in output.places:
                name = f"{table.name.rstrip('/')}/{place.name}" if table.kind == "group" else table.name
                same_dataset(before[name], after[name])
        copied += 1
    assert copied >= EXPECTED_TABLES.get(path.name, 0)


@pytest.mark.skipif(importlib.util.find_spec("tables") is None, reason="PyTables is not installed")
def test_the_files_are_there():
    assert len(files("tables")) >= 40
