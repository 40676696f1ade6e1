"""HDF5 files that other people made: PyTables' own test files, with compounds, enums, big-endian and odd chunks."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from numpy.lib.recfunctions import repack_fields
from oracles import sort_order

from gpumpi.errors import UserError
from gpumpi.formats.hdf5 import list_tables
from gpumpi.keys import plan_keys

tables = pytest.importorskip("tables")
FILES = sorted(Path(tables.__file__).parent.glob("tests/*.h5"))
MOST_ROWS = 10_000


def sortable_keys(schema):
    """Names of columns and fields that can be sorted by."""
    names = [name for column in schema.columns for name in (column.dtype.names or [column.name])]
    found = []
    for name in names:
        try:
            plan_keys([name], schema.columns)
        except UserError:
            continue
        found.append(name)
    return found


def tables_of(path):
    """Tables of a file, or None if the file says in a clear line why it cannot be read."""
    try:
        return [table for table in list_tables(str(path)) if 1 < table.schema.n_rows <= MOST_ROWS]
    except UserError as error:
        assert str(path) in str(error)
        return []


def read_with_h5py(path, table):
    """Column values by h5py alone, raw bytes kept in the file's order."""
    with h5py.File(path) as file:
        place = file[table.name]
        return (
            {"": place[()]}
            if isinstance(place, h5py.Dataset)
            else {n: d[()] for n, d in place.items() if isinstance(d, h5py.Dataset) and d.shape}
        )


def key_values(columns, name):
    for column_name, values in columns.items():
        if values.dtype.names and name in values.dtype.names:
            return values[name]
        if column_name == name:
            return values
    return next(iter(columns.values()))


@pytest.mark.ranks(1, 3)
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_sorts_every_table_in_it(world, path, tmp_path):
    target = Path(world.fabric.share(str(tmp_path))) / "sorted.h5"
    for table in tables_of(path):
        for key in sortable_keys(table.schema)[:3]:
            try:
                world.read(str(path), table.name).sort(f"{key}:desc").write(str(target), force=True)
            except UserError as error:
                assert "filter" in str(error), error
                continue
            with world.fabric.agreed():
                if world.rank == 0:
                    check(path, target, table, key)


def check(path, target, table, key):
    before, after = read_with_h5py(path, table), read_with_h5py(target, table)
    values = key_values(before, key)
    if values.dtype.kind == "O":
        return
    order = sort_order((np.asarray(values), True))
    for name in after:
        assert after[name].dtype == before[name].dtype
        assert bytes_of(after[name]) == bytes_of(before[name][order]), (table.name, key, name)


def bytes_of(values):
    """Without the gaps between fields, which hold nothing."""
    return repack_fields(values, recurse=True).tobytes()
