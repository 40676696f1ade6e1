"""Opening HDF5 files for reading, with an error that says what is wrong and what helps.

Knows: files and what HDF5 says about them. Does not know: tables, columns.
"""

from __future__ import annotations

import contextlib
import difflib
import os
import re
from collections.abc import Iterator
from pathlib import Path

import h5py
from h5py import h5f

from gpumpi.errors import UserError
from gpumpi.units import format_bytes


def open_file(path: str) -> h5py.File:
    """The file, opened for reading; a lock is taken where the file system has locks.

    Raises
    ------
    UserError
        If it is not there, is no HDF5 file, may not be read, is cut short, or is being written.
    """
    check_is_readable(path)
    try:
        return h5py.File(path, "r", locking="best-effort")
    except OSError as error:
        raise UserError(_why_not_open(path, str(error))) from error


@contextlib.contextmanager
def damage_is_said(path: str) -> Iterator[None]:
    """What HDF5 cannot read of a file that it could open is an error for the user: the file is damaged."""
    try:
        yield
    except (OSError, RuntimeError, KeyError, ValueError) as error:
        raise UserError(
            f"{path}: is damaged ({first_line(str(error))}); copy it again, or look at it with h5debug"
        ) from error


def check_is_readable(path: str) -> None:
    """Raise UserError unless `path` is an HDF5 file (by its signature) that may be read."""
    place = Path(path)
    try:
        if place.is_dir():
            raise UserError(f"{path}: is a folder, not an HDF5 file; name a file in it")
        place.stat()
        with place.open("rb"):
            pass
    except PermissionError as error:
        raise UserError(f"{path}: may not be read; ask its owner, or chmod u+r") from error
    except (FileNotFoundError, NotADirectoryError) as error:
        raise UserError(f"{path}: no such file{_near_files(place)}") from error
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from error
    if not h5f.is_hdf5(os.fsencode(path)):
        size = place.stat().st_size
        found = "is empty" if size == 0 else f"its {format_bytes(size)} do not begin as an HDF5 file does"
        raise UserError(f"{path}: not an HDF5 file ({found}); convert it to HDF5 first")


def _near_files(place: Path) -> str:
    folder = place.parent
    if not folder.is_dir():
        return f"; the folder {folder} is not there either"
    try:
        names = [entry.name for entry in os.scandir(folder)]
    except OSError:
        return "; give the path of an HDF5 file"
    close = difflib.get_close_matches(place.name, names, n=3, cutoff=0.6)
    return f"; did you mean {', '.join(close)}?" if close else "; give the path of an HDF5 file"


def _why_not_open(path: str, said: str) -> str:
    cut = re.search(r"truncated file: eof = (\d+).*stored_eof = (\d+)", said)
    if cut:
        found, meant = (format_bytes(int(amount)) for amount in cut.groups())
        return f"{path}: cut short: it has {found} of {meant}; copy it again, or run what writes it again"
    if "lock" in said:
        return (
            f"{path}: another program is writing it; wait for it, or set HDF5_USE_FILE_LOCKING=FALSE if that is wrong"
        )
    if "already open for write" in said:
        return f"{path}: the program that wrote it did not close it; wait for it, or run h5clear -s on a copy"
    return f"{path}: HDF5 cannot open it ({first_line(said)}); copy it again, or look at it with h5debug"


def first_line(said: str) -> str:
    """HDF5's own words on one line, without the wrapping that h5py puts around them."""
    inside = re.search(r"\((.*)\)\s*$", said.replace("\n", " "))
    return inside[1] if inside else said.replace("\n", " ")
