"""Which tables an HDF5 file holds.

Knows: groups, links, dimension scales. Does not know: how rows are read.

A table is one of
  a group      its direct datasets of one length are the columns. Sub-groups and single values are not columns; nor is a
               dimension scale that belongs to another axis than the rows (the 50 wavelengths of an (n, 50) column), nor
               netCDF's placeholder for a dimension without a variable.
  a compound   a dataset with named fields that does not stand beside plain columns of its length.
  a dataset    any other dataset; its first axis are the rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import h5py
from h5py import h5ds, h5o

from gpumpi.errors import UserError
from gpumpi.formats.hdf5_links import HARD, follow, link_kind, member, members
from gpumpi.formats.hdf5_names import absolute, full_name, joined, last_part, parent
from gpumpi.formats.hdf5_types import is_compound
from gpumpi.schema import near

GROUP, COMPOUND, DATASET = "group", "compound", "dataset"
_NO_VARIABLE = b"This is a netCDF dimension but not a netCDF variable"
_INTERNAL_PREFIXES = ("_i_", "#")
"""Groups that PyTables (indexes) and MATLAB (references) keep for themselves."""


@dataclass(frozen=True)
class Found:
    """A table in a file: absolute name, kind, columns as (name, absolute name of the dataset), and length."""

    name: str
    kind: str
    columns: tuple[tuple[str, str], ...]
    n_rows: int


def find_table(file: h5py.File, path: str, name: str | None, columns: tuple[str, ...] | None = None) -> Found:
    """The table of this name, or the only one if no name is given.

    Parameters
    ----------
    file : h5py.File
    path : str
        How messages call the file.
    name : str or None
    columns : tuple of str, optional
        Datasets of a group to take, in this order.

    Raises
    ------
    UserError
        If it is not there, is no table, or no name was given and there are several.
    """
    if name is None:
        name = _only_table(file, path)
    name = absolute(name)
    found = _object(file, path, name)
    if isinstance(found, h5py.Dataset):
        return _dataset_table(found, path, name)
    if isinstance(found, h5py.Group):
        return _group_table(found, path, name, columns)
    raise UserError(f"{full_name(path, name)} is a named datatype, not a table; name a group or a dataset")


def find_all(file: h5py.File) -> tuple[Found, ...]:
    """All tables of a file that are reached by hard links, in the file's order."""
    return tuple(table for name, group in _groups(file) for table in _tables_of(group, name))


def _groups(file: h5py.File) -> Iterator[tuple[str, h5py.Group]]:
    """All groups, each once, outer ones first."""
    waiting = [("/", file["/"])]
    seen = {_address(file["/"])}
    while waiting:
        name, group = waiting.pop(0)
        yield name, group
        for key in members(group):
            if key.startswith(_INTERNAL_PREFIXES) or link_kind(group, key) != HARD:
                continue
            inner = member(group, key)
            if isinstance(inner, h5py.Group) and _address(inner) not in seen:
                seen.add(_address(inner))
                waiting.append((joined(name, key), inner))


def _tables_of(group: h5py.Group, name: str) -> list[Found]:
    """The tables that a group is or holds directly."""
    columns = _columns(group)
    plain = {key for key, dataset in columns.items() if not is_compound(dataset.id.get_type())}
    if len(columns) > 1 and plain and len({dataset.shape[0] for dataset in columns.values()}) == 1:
        return [_as_group(name, columns)]
    return [_as_dataset(dataset, joined(name, key)) for key, dataset in columns.items()]


def _only_table(file: h5py.File, path: str) -> str:
    tables = find_all(file)
    if len(tables) == 1:
        return tables[0].name
    if not tables:
        raise UserError(f"{path}: holds no dataset with rows, so no table; name another file")
    shown = ", ".join(f"{table.name} ({table.n_rows:,} rows)" for table in tables[:8])
    more = f" and {len(tables) - 8} more" if len(tables) > 8 else ""
    raise UserError(f"{path}: holds {len(tables)} tables, {shown}{more}; name one as {full_name(path, tables[0].name)}")


def _object(file: h5py.File, path: str, name: str) -> Any:
    """The object of this name; the message names the first part that is not there, and what is near it."""
    here: Any = file
    at = "/"
    for part in name.strip("/").split("/") if name != "/" else ():
        if not isinstance(here, h5py.Group):
            raise UserError(f"{full_name(path, name)}: {at} is a dataset and has no members; name {at} itself")
        inner = follow(here, part, full_name(path, joined(at, part)))
        if inner is None:
            raise UserError(f"{full_name(path, name)}: not in the file; in {at} {_near_members(part, here)}")
        here, at = inner, joined(at, part)
    return here


def _near_members(part: str, group: h5py.Group) -> str:
    hint = near(part, members(group))
    return hint if hint.startswith("there") else f"it is missing; {hint}"


def _group_table(group: h5py.Group, path: str, name: str, chosen: tuple[str, ...] | None) -> Found:
    where = full_name(path, name)
    if chosen is None:
        for key in members(group):
            follow(group, key, joined(where, key))
    whole = _columns(group)
    if len(whole) == 1 and chosen is not None and not set(whole) & set(chosen):
        chosen = None  # the group holds one compound dataset, and its fields are meant
    columns = whole if chosen is None else _chosen(group, where, chosen)
    if not columns:
        inner = [key for key in members(group) if isinstance(member(group, key), h5py.Group)]
        raise UserError(f"{where} holds no dataset with rows, so is no table; {_instead(inner, where)}")
    compounds = [key for key, dataset in columns.items() if is_compound(dataset.id.get_type())]
    if len(compounds) == len(columns) and chosen is None:
        if len(columns) == 1:
            return _as_dataset(columns[compounds[0]], joined(name, compounds[0]))
        raise UserError(f"{where} holds {len(compounds)} tables; name one as {joined(where, compounds[0])}")
    if len({dataset.shape[0] for dataset in columns.values()}) > 1:
        raise UserError(
            f"{where}: the columns of a table have one length, but {_lengths(columns)}; choose some with --columns, "
            f"or name one as {joined(where, next(iter(columns)))}"
        )
    return _as_group(name, columns)


def _instead(groups: list[str], where: str) -> str:
    return f"name a group in it, such as {joined(where, groups[0])}" if groups else "name another group"


def _chosen(group: h5py.Group, where: str, chosen: tuple[str, ...]) -> dict[str, h5py.Dataset]:
    found = {}
    for key in chosen:
        dataset = follow(group, key, joined(where, key))
        if not isinstance(dataset, h5py.Dataset):
            raise UserError(f"{where} has no column '{key}'; {near(key, list(_columns(group)))}")
        if not dataset.shape:
            raise UserError(f"{joined(where, key)} is a single value, not a column; leave it out of --columns")
        found[key] = dataset
    return found


def _lengths(columns: dict[str, h5py.Dataset]) -> str:
    """``"a, b have 10 rows, c has 9"``: the most frequent length first."""
    by_length: dict[int, list[str]] = {}
    for key, dataset in columns.items():
        by_length.setdefault(dataset.shape[0], []).append(key)
    ordered = sorted(by_length.items(), key=lambda item: -len(item[1]))
    return ", ".join(
        f"{', '.join(keys[:4])}{' ...' if len(keys) > 4 else ''} {'has' if len(keys) == 1 else 'have'} {length:,} rows"
        for length, keys in ordered[:4]
    )


def _dataset_table(dataset: h5py.Dataset, path: str, name: str) -> Found:
    if not dataset.shape:
        raise UserError(f"{full_name(path, name)} is a single value, not rows; name {full_name(path, parent(name))}")
    return _as_dataset(dataset, name)


def _as_dataset(dataset: h5py.Dataset, name: str) -> Found:
    kind = COMPOUND if is_compound(dataset.id.get_type()) else DATASET
    return Found(name, kind, ((last_part(name), name),), int(dataset.shape[0]))


def _as_group(name: str, columns: dict[str, h5py.Dataset]) -> Found:
    n_rows = int(next(iter(columns.values())).shape[0])
    return Found(name, GROUP, tuple((key, joined(name, key)) for key in columns), n_rows)


def _columns(group: h5py.Group) -> dict[str, h5py.Dataset]:
    """The datasets of a group that are columns, in the file's order."""
    datasets = {}
    for key in members(group):
        dataset = member(group, key)
        if isinstance(dataset, h5py.Dataset) and dataset.shape and not is_placeholder(dataset.id):
            datasets[key] = dataset
    inner_axes = _scales_of_inner_axes(list(datasets.values()))
    return {key: dataset for key, dataset in datasets.items() if _address(dataset) not in inner_axes}


def is_placeholder(dataset: Any) -> bool:
    """Whether a dataset (``h5py.h5d.DatasetID``) only stands for a netCDF dimension and holds no data."""
    return bool(h5ds.is_scale(dataset)) and h5ds.get_scale_name(dataset).startswith(_NO_VARIABLE)


def _scales_of_inner_axes(datasets: list[h5py.Dataset]) -> set[Any]:
    """Addresses of the scales that belong to some axis after the first, and to no first one."""
    first: set[tuple[int, int]] = set()
    inner: set[tuple[int, int]] = set()
    for dataset in datasets:
        if "DIMENSION_LIST" not in dataset.attrs:
            continue
        for axis in range(len(dataset.shape)):
            (inner if axis else first).update(address(scale) for scale in scales(dataset.id, axis))
    return inner - first


def scales(dataset: Any, axis: int) -> list[Any]:
    """The dimension scales (``h5py.h5d.DatasetID``) attached to an axis of a dataset; none if HDF5 cannot say."""
    found: list[Any] = []
    try:
        if h5ds.get_num_scales(dataset, axis):
            h5ds.iterate(dataset, axis, found.append)
    except (OSError, RuntimeError, ValueError):
        return []
    return found


def _address(thing: Any) -> tuple[int, int]:
    return address(thing.id)


def address(object_id: Any) -> tuple[int, int]:
    """What tells an object from all others that are open, whatever link led to it."""
    info = h5o.get_info(object_id)
    return int(info.fileno), int(info.addr)
