"""How one dataset rests in its file, and whether everything it needs is there.

Knows: layouts, external files, filters. Does not know: tables, types. Virtual datasets: `gpumpi.formats.hdf5_virtual`.
HDF5 reads fill values or zeros, without a word, where a virtual source is missing or an external file is short. So
every dataset is checked when it is opened, before any row moves.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from h5py import h5d, h5fd, h5i

from gpumpi.errors import UserError
from gpumpi.formats.hdf5_filters import check_filters, filter_names
from gpumpi.formats.hdf5_virtual import check_sources
from gpumpi.units import format_bytes

_LAYOUTS = {h5d.COMPACT: "compact", h5d.CONTIGUOUS: "contiguous", h5d.CHUNKED: "chunked", h5d.VIRTUAL: "virtual"}
_REST_OF_THE_DATA = 2**64 - 1


@dataclass(frozen=True)
class Storage:
    """Where the bytes of a dataset are.

    Attributes
    ----------
    kind : str
        ``"contiguous"``, ``"chunked"``, ``"compact"``, ``"external"`` or ``"virtual"``.
    path : str
        The file that holds the dataset; another one than the table's behind an external link.
    offset_bytes : int or None
        Where the rows lie in `path` as one plain stretch; None if only HDF5 can gather them.
    chunk_shape : tuple of int
        Empty unless chunked.
    filters : tuple of str
        In the order in which they are applied.
    files : tuple of str
        All files that hold some of the data, `path` first.
    """

    kind: str
    path: str
    offset_bytes: int | None
    chunk_shape: tuple[int, ...]
    filters: tuple[str, ...]
    files: tuple[str, ...]

    def __str__(self) -> str:
        chunks = f" in chunks of {self.chunk_shape[0]:,} rows" if self.chunk_shape else ""
        return f"{' + '.join(self.filters) or self.kind}{chunks}"


def inspect(dataset: Any, where: str) -> Storage:
    """How a dataset rests.

    Parameters
    ----------
    dataset : h5py.h5d.DatasetID
    where : str
        How messages call it.

    Raises
    ------
    UserError
        If a file, a source, a filter or a part of the data that it needs is missing.
    """
    path = os.fsdecode(h5i.get_file_id(dataset).name)
    creation = dataset.get_create_plist()
    kind = _LAYOUTS[creation.get_layout()]
    check_filters(creation, where)
    files: tuple[str, ...] = (path,)
    offset_bytes = None
    if kind == "virtual":
        files += check_sources(dataset, where, lambda source, name: inspect(source, name).files)
    elif creation.get_external_count():
        kind = "external"
        files += _check_external(dataset, creation, where)
    elif kind == "contiguous":
        offset_bytes = _plain_offset(dataset, path, where)
    chunk_shape = tuple(map(int, creation.get_chunk())) if kind == "chunked" else ()
    return Storage(kind, path, offset_bytes, chunk_shape, filter_names(creation), tuple(dict.fromkeys(files)))


def _data_bytes(dataset: Any) -> int:
    return int(dataset.get_type().get_size()) * int(math.prod(dataset.shape))


def _plain_offset(dataset: Any, path: str, where: str) -> int | None:
    """The byte offset of a contiguous dataset's rows; None if nothing was ever written, or the file is not plain."""
    offset = dataset.get_offset()
    if offset is None or h5i.get_file_id(dataset).get_access_plist().get_driver() != h5fd.SEC2:
        return None
    found, needed = Path(path).stat().st_size, offset + _data_bytes(dataset)
    if found < needed:
        raise UserError(
            f"{where}: {path} is cut short: it has {format_bytes(found)}, the data ends at {format_bytes(needed)}; "
            "copy it again"
        )
    return int(offset)


def _check_external(dataset: Any, creation: Any, where: str) -> tuple[str, ...]:
    """The raw files behind a dataset, all there and long enough."""
    prefix = os.environ.get("HDF5_EXTFILE_PREFIX", "")
    if prefix.startswith("${ORIGIN}"):
        prefix = str(Path(os.fsdecode(h5i.get_file_id(dataset).name)).parent) + prefix.removeprefix("${ORIGIN}")
    left_bytes = _data_bytes(dataset)
    files = []
    for index in range(creation.get_external_count()):
        name, offset_bytes, size_bytes = creation.get_external(index)
        file = Path(prefix) / os.fsdecode(name)
        here_bytes = left_bytes if size_bytes == _REST_OF_THE_DATA else min(left_bytes, size_bytes)
        _check_raw_file(file, offset_bytes + here_bytes, where)
        files.append(str(file))
        left_bytes -= here_bytes
    return tuple(files)


def _check_raw_file(file: Path, needed_bytes: int, where: str) -> None:
    if not file.is_file():
        raise UserError(
            f"{where}: its data is in {file}, which is not there; run where it is, or set HDF5_EXTFILE_PREFIX to its "
            "folder ('${ORIGIN}' means beside the HDF5 file)"
        )
    if not os.access(file, os.R_OK):
        raise UserError(f"{where}: its data is in {file}, which may not be read; ask its owner, or chmod u+r")
    found = file.stat().st_size
    if found < needed_bytes:
        raise UserError(
            f"{where}: its data is in {file}, which has {format_bytes(found)} of {format_bytes(needed_bytes)}; "
            "copy it again"
        )
