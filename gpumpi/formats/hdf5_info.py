"""What an HDF5 file holds, for somebody who looks before sorting.

Knows: tables, their columns and how they rest. Does not know: how that is shown.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np

from gpumpi.errors import UserError
from gpumpi.formats.hdf5_file import damage_is_said, open_file
from gpumpi.formats.hdf5_find import Found, find_all
from gpumpi.formats.hdf5_names import encoded, full_name
from gpumpi.formats.hdf5_storage import inspect
from gpumpi.formats.hdf5_types import element, unmovable
from gpumpi.schema import Column, Schema


@dataclass(frozen=True)
class TableInfo:
    """One table of a file.

    Attributes
    ----------
    name : str
        Absolute name in the file.
    kind : str
        ``"group"``, ``"compound"`` or ``"dataset"``.
    schema : Schema
        A column that cannot be moved as plain rows has dtype object.
    storage : dict of str to str
        How each column rests, by its name, such as ``"contiguous"`` or ``"shuffle + gzip in chunks of 1,000 rows"``.
    problem : str or None
        Why the table cannot be read as it is, in the words of the error that `open_table` would raise.
    """

    name: str
    kind: str
    schema: Schema
    storage: dict[str, str]
    problem: str | None = None


def list_tables(path: str | os.PathLike[str]) -> list[TableInfo]:
    """All tables of a file, in the file's order, also those that cannot be read.

    Raises
    ------
    UserError
        If the file cannot be opened.
    """
    with damage_is_said(os.fspath(path)), open_file(os.fspath(path)) as file:
        return [_describe(file, os.fspath(path), found) for found in find_all(file)]


def _describe(file: h5py.File, path: str, found: Found) -> TableInfo:
    columns: list[Column] = []
    storage: dict[str, str] = {}
    problems: list[str | None] = []
    for name, inside in found.columns:
        where = full_name(path, inside)
        dataset = file[encoded(inside)]
        column, problem = _column(name, dataset.id, where)
        columns.append(column)
        problems.append(problem)
        try:
            storage[name] = str(inspect(dataset.id, where))
        except UserError as error:
            storage[name] = "not readable"
            problems.append(str(error))
    schema = Schema(tuple(columns), found.n_rows)
    return TableInfo(found.name, found.kind, schema, storage, next(filter(None, problems), None))


def _column(name: str, dataset: Any, where: str) -> tuple[Column, str | None]:
    shape = tuple(map(int, dataset.shape[1:]))
    problem = unmovable(dataset.get_type())
    if problem:
        return Column(name, np.dtype(object), shape), f"{where} holds {problem}, which cannot be moved as plain rows"
    dtype, inner_shape = element(dataset.get_type())
    return Column(name, dtype, shape + inner_shape), None


def library_version() -> str:
    """Version of the HDF5 library in use, such as ``"2.0.0"``."""
    return str(h5py.version.hdf5_version)
