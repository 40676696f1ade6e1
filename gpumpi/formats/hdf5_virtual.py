"""Virtual datasets, and whether all their sources are there.

Knows: how HDF5 finds the source files and datasets of a mapping. Does not know: what the data means.
HDF5 reads fill values for a source that is missing, so this looks before anything is read.
Source: HDF5 Virtual Dataset RFC; the search order is that of H5F_prefix_open_file.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
from h5py import h5i, h5s

from gpumpi.errors import UserError
from gpumpi.formats.hdf5_file import open_file
from gpumpi.formats.hdf5_links import member, members
from gpumpi.formats.hdf5_names import absolute, full_name
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
        needed = _needed(creation.get_virtual_srcspace(index), creation.get_virtual_vspace(index))
        for file_name, name in _blocks(main, *pair):
            files |= dict.fromkeys(_check_source(main, file_name, name, needed, where, files_of))
    return tuple(files)


@dataclass(frozen=True)
class _Needed:
    """What a mapping takes of its source: an extent, or (where it takes all) a number of elements."""

    shape: tuple[int, ...] = ()
    n_elements: int = 0

    def is_in(self, shape: tuple[int, ...]) -> bool:
        fits = all(have >= want for have, want in zip(shape, self.shape, strict=False))
        return fits and math.prod(shape) >= self.n_elements

    def __str__(self) -> str:
        return f"shape {self.shape} is" if self.shape else f"{self.n_elements:,} elements are"


def _needed(source_space: Any, virtual_space: Any) -> _Needed:
    """What has to be there; nothing where the mapping follows the source's extent."""
    if _is_unlimited(source_space) or _is_unlimited(virtual_space):
        return _Needed()
    if source_space.get_select_type() == h5s.SEL_ALL:
        return _Needed(n_elements=int(virtual_space.get_select_npoints()))
    return _Needed(tuple(int(last) + 1 for last in source_space.get_select_bounds()[1]))


def _is_unlimited(space: Any) -> bool:
    if space.get_select_type() != h5s.SEL_HYPERSLABS or not space.is_regular_hyperslab():
        return False
    _, _, count, block = space.get_regular_hyperslab()
    return h5s.UNLIMITED in count + block


def _check_source(
    main: Path, file_name: str, name: str, needed: _Needed, where: str, files_of: SourceFiles
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
        source = full_name(str(path), absolute(name))
        found = member(file, name)
        if not isinstance(found, h5py.Dataset):
            raise UserError(
                f"{where}: its source {source} is not a dataset there; {near(name.strip('/'), members(file))}"
            )
        if not needed.is_in(found.shape):
            raise UserError(
                f"{where}: its source {source} has shape {found.shape}, {needed} mapped; write one of them again"
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
