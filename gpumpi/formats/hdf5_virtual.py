"""Virtual datasets, and whether all their sources are there.

Knows: how HDF5 finds the source files and datasets of a mapping. Does not know: what the data means.
HDF5 reads fill values for a source that is missing, so this looks before anything is read.
Source: HDF5 Virtual Dataset RFC; the search order is that of H5F_prefix_open_file.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
from h5py import h5i, h5s

from gpumpi.errors import UserError
from gpumpi.formats.hdf5_file import open_file
from gpumpi.formats.hdf5_names import full_name
from gpumpi.schema import near

_BLOCK = re.compile(r"%(\d*)b")
SourceFiles = Callable[[Any, str], tuple[str, ...]]
"""(``h5py.h5d.DatasetID`` of a source, its name for messages) to all files that hold its data."""


def check_sources(dataset: Any, where: str, files_of: SourceFiles) -> tuple[str, ...]:
    """All files behind a virtual dataset, each there with what is wanted of it.

    Parameters
    ----------
    dataset : h5py.h5d.DatasetID
    where : str
        How messages call it.
    files_of : callable
        Checks one source dataset in its turn.

    Raises
    ------
    UserError
        If a source file or dataset is missing, is smaller than what is mapped, or fails its own check.
    """
    creation = dataset.get_create_plist()
    main = Path(os.fsdecode(h5i.get_file_id(dataset).name))
    files: dict[str, None] = {}
    for index in range(creation.get_virtual_count()):
        pair = creation.get_virtual_filename(index), creation.get_virtual_dsetname(index)
        needed = _needed_shape(creation.get_virtual_srcspace(index))
        for file_name, name in _blocks(main, *pair):
            files |= dict.fromkeys(_check_source(main, file_name, name, needed, where, files_of))
    return tuple(files)


def _needed_shape(space: Any) -> tuple[int, ...] | None:
    """The smallest extent that holds what is mapped; None where the mapping follows the source's extent."""
    if space.get_select_type() != h5s.SEL_HYPERSLABS:
        return None if space.get_select_type() == h5s.SEL_ALL else tuple(space.shape)
    if h5s.UNLIMITED in space.get_regular_hyperslab()[2] + space.get_regular_hyperslab()[3]:
        return None
    return tuple(int(last) + 1 for last in space.get_select_bounds()[1])


def _check_source(
    main: Path, file_name: str, name: str, needed: tuple[int, ...] | None, where: str, files_of: SourceFiles
) -> tuple[str, ...]:
    if file_name == ".":
        path = main
    else:
        path = next((place for place in _candidates(main, file_name) if place.is_file()), main.parent / file_name)
        if not path.is_file():
            raise UserError(
                f"{where}: its source {path} is not there; bring it there, or set HDF5_VDS_PREFIX to its folder"
            )
    with open_file(str(path)) as file:
        source = full_name(str(path), name)
        found = file.get(name)
        if not isinstance(found, h5py.Dataset):
            raise UserError(f"{where}: its source {source} is not a dataset there; {near(name.strip('/'), list(file))}")
        if needed is not None and any(have < want for have, want in zip(found.shape, needed, strict=False)):
            raise UserError(
                f"{where}: its source {source} has shape {found.shape}, {needed} is mapped; write one of them again"
            )
        return files_of(found.id, source)


def _candidates(main: Path, file_name: str) -> Iterator[Path]:
    """Where HDF5 looks for a source file, in its order."""
    name = Path(file_name)
    if name.is_absolute():
        yield name
        name = Path(name.name)
    for prefix in filter(None, os.environ.get("HDF5_VDS_PREFIX", "").split(":")):
        yield Path(prefix.replace("${ORIGIN}", str(main.parent))) / name
    yield main.parent / name
    yield name
    yield main.resolve().parent / name


def _blocks(main: Path, file_name: str, name: str) -> Iterator[tuple[str, str]]:
    """The sources that a mapping names: one, or for a pattern (``part-%b.h5``) all up to the last one there."""
    if not _BLOCK.search(file_name):
        # A pattern in the dataset's name alone: the first block has to be there, and its extent says the rest.
        yield file_name, _block(name, 0)
        return
    for number in range(max(_last_block(main, file_name), 0) + 1):
        yield _block(file_name, number), _block(name, number)


def _block(pattern: str, number: int) -> str:
    return _BLOCK.sub(lambda match: str(number).zfill(int(match[1] or 0)), pattern).replace("%%", "%")


def _last_block(main: Path, pattern: str) -> int:
    """The highest number for which a file of this pattern is there; -1 if there is none."""
    folder = (main.parent / pattern).parent
    pieces = _BLOCK.split(Path(pattern).name)[::2]
    matcher = re.compile(r"(\d+)".join(map(re.escape, pieces)))
    names = [file.name for file in folder.iterdir()] if folder.is_dir() else []
    return max((int(match[1]) for match in map(matcher.fullmatch, names) if match), default=-1)
