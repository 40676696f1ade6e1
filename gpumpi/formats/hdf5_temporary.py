"""The file that an output is until it is complete: its name, its lock, its space, its rename.

Knows: files and folders. Does not know: HDF5, tables.

The lock (`flock`, held by the process that made the file for as long as it lives) tells a file that is being written
from one that a killed run left behind. Where the file system has no locks, nothing is ever taken for left behind.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import glob
import os
import socket
from collections.abc import Iterable
from pathlib import Path

from gpumpi.errors import UserError
from gpumpi.units import format_bytes

_NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_NO_FALLOCATE = (errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)

_held: dict[str, int] = {}
"""Descriptors of the temporary files that this process has locked, by path."""


def check_output(
    path: str | os.PathLike[str],
    *,
    force: bool = False,
    source_paths: Iterable[str] = (),
    need_bytes: int = 0,
    in_place: bool = False,
) -> None:
    """Raise UserError if an output cannot be written; nothing is made or changed.

    Parameters
    ----------
    path : str or PathLike
        Where the output shall stand.
    force : bool
        Whether a file that is there may be replaced.
    source_paths : iterable of str
        Files that are read; the output must not be one of them, by whatever name or link.
    need_bytes : int
        Bytes that the output takes. The file that it replaces stays until the end, so its bytes do not count as free.
    in_place : bool
        Whether the output is meant to replace its source.

    Raises
    ------
    UserError
        If it exists, is a folder or a source, another run is writing it, or its folder is missing, not writable or
        too full.
    """
    target = Path(path)
    folder = _real(path).parent
    if target.is_dir():
        raise UserError(f"{path}: is a folder; name a file in it")
    for source in () if in_place else source_paths:
        if _is_same(target, Path(source)):
            raise UserError(f"{path}: is the input {source}; write to another file, or use --in-place")
    if target.exists() and not (force or in_place):
        raise UserError(f"{path}: already exists; use --force to replace it, or name another file")
    if not folder.is_dir():
        raise UserError(f"{path}: the folder {folder} is not there; make it with mkdir -p {folder}")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UserError(f"{path}: the folder {folder} may not be written; choose another, or chmod u+w")
    for temporary in _leftovers(_real(path)):
        _refuse_live(_real(path), temporary, _state_of(temporary, remove_dead=False))
    check_space(str(folder), need_bytes, os.fspath(path))


def check_space(folder: str, need_bytes: int, path: str) -> None:
    """Raise UserError if fewer than `need_bytes` are free in a folder."""
    state = os.statvfs(folder)
    free_bytes = state.f_bavail * state.f_frsize
    if need_bytes > free_bytes:
        raise UserError(
            f"{path}: needs {format_bytes(need_bytes)}, {format_bytes(free_bytes)} is free in {folder}; "
            "free some space, or write to another disk"
        )


def _real(path: str | os.PathLike[str]) -> Path:
    """The file that is replaced: behind a symbolic link, the file that the link names."""
    return Path(path).resolve()


def _is_same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False


def make_temporary(path: str, kind: str = "") -> tuple[str, tuple[str, ...]]:
    """A new empty locked file beside `path`, and what was done about files that earlier runs left behind.

    Parameters
    ----------
    path : str
        The output.
    kind : str
        Tells several files of one run apart.

    Raises
    ------
    UserError
        If another run is writing the same output, or the file cannot be made.
    """
    target = _real(path)
    notes = _remove_leftovers(target)
    run = os.environ.get("SLURM_JOB_ID") or f"{socket.gethostname()}-{os.getpid()}"
    temporary = str(target.with_name(f"{target.name}.gpumpi-{run}{kind}.tmp"))
    try:
        _held[temporary] = _make_and_lock(temporary)
    except FileExistsError as error:
        raise UserError(f"{path}: {temporary} is there and may be in use; remove it if no run is writing it") from error
    except OSError as error:
        raise UserError(f"{path}: cannot make {temporary}: {error.strerror}; choose another folder") from error
    return temporary, notes


def _make_and_lock(temporary: str) -> int:
    """A descriptor of the new file. Made again if another run took it for left behind before it was locked."""
    while True:
        descriptor = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        with contextlib.suppress(OSError):  # a file system without locks
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        if os.fstat(descriptor).st_nlink:
            return descriptor
        os.close(descriptor)


def _remove_leftovers(target: Path) -> tuple[str, ...]:
    notes = []
    for leftover in _leftovers(target):
        size_bytes = leftover.stat().st_size
        state = _state_of(leftover, remove_dead=True)
        _refuse_live(target, leftover, state)
        if state == "dead":
            notes.append(f"removed {leftover} ({format_bytes(size_bytes)}), left behind by a run that was killed")
        else:
            notes.append(f"{leftover} may be left behind by a run that was killed; remove it if no run is writing it")
    return tuple(notes)


def _leftovers(target: Path) -> list[Path]:
    """Temporary files of other runs that write, or have written, the same output."""
    found = sorted(target.parent.glob(f"{glob.escape(target.name)}.gpumpi-*.tmp"))
    return [temporary for temporary in found if str(temporary) not in _held]


def _refuse_live(target: Path, temporary: Path, state: str) -> None:
    if state == "live":
        raise UserError(f"{target}: another run is writing it ({temporary.name} is locked); wait for that run")


def _state_of(temporary: Path, *, remove_dead: bool) -> str:
    """``"live"`` if a process holds the lock, ``"dead"`` if none does, ``"unknown"`` where that cannot be told.

    A dead file is removed under its lock, so that no run can have made it anew in between.
    """
    try:
        descriptor = os.open(temporary, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return "unknown"
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if remove_dead:
            temporary.unlink()
    except BlockingIOError:
        return "live"
    except OSError:
        return "unknown"
    finally:
        os.close(descriptor)
    return "dead"


def check_length(temporary: str, path: str, size_bytes: int) -> None:
    """Raise UserError if the file may not become that long; HDF5 that finds out by itself cannot close it any more.

    Raises
    ------
    UserError
        If the file system, or the limit on the size of files, does not allow it.
    """
    try:
        os.ftruncate(_held[temporary], size_bytes)
        os.ftruncate(_held[temporary], 0)
    except OSError as error:
        raise no_space(temporary, path, size_bytes, error.errno or 0) from error


def reserve(temporary: str, path: str) -> int:
    """Bytes of the file, now all reserved on the disk.

    `fallocate` itself, as the C library's `posix_fallocate` writes into every block of a file system that cannot
    reserve (NFS before 4.2, older Lustre); there, the free space is compared instead.

    Raises
    ------
    UserError
        If the disk is too full.
    """
    descriptor = _held[temporary]
    size_bytes = os.fstat(descriptor).st_size
    code = _fallocate(descriptor, size_bytes)
    if code in _NO_SPACE:
        raise no_space(temporary, path, size_bytes, code)
    if code in _NO_FALLOCATE:
        check_space(str(Path(temporary).parent), size_bytes, path)
    elif code:
        raise UserError(
            f"{path}: cannot reserve {format_bytes(size_bytes)}: {os.strerror(code)}; choose another folder"
        )
    return size_bytes


def _fallocate(descriptor: int, size_bytes: int) -> int:
    """0, or the error number of the system call."""
    fallocate = getattr(ctypes.CDLL(None, use_errno=True), "fallocate64", None)
    if fallocate is None:
        return errno.ENOSYS
    failed = fallocate(ctypes.c_int(descriptor), ctypes.c_int(0), ctypes.c_int64(0), ctypes.c_int64(size_bytes))
    return ctypes.get_errno() if failed else 0


def no_space(temporary: str, path: str, need_bytes: int, code: int) -> UserError:
    """The error for a disk, a quota or a limit that does not hold `need_bytes`."""
    folder = Path(temporary).parent
    state = os.statvfs(folder)
    free = format_bytes(state.f_bavail * state.f_frsize)
    what = {errno.EDQUOT: "the quota is used up", errno.EFBIG: "files may not grow that large here (ulimit -f)"}
    return UserError(
        f"{path}: needs {format_bytes(need_bytes)}, {what.get(code, f'{free} is free in {folder}')}; "
        "free some space, or write to another disk"
    )


def give_name(temporary: str, path: str, *, replaces: bool) -> None:
    """Put the complete file under its name, with everything on disk before and after.

    Raises
    ------
    UserError
        If a file has meanwhile appeared under the name and may not be replaced, or the disk fails.
    """
    target = _real(path)
    descriptor = _held[temporary]
    if target.exists() and not replaces:
        raise UserError(f"{path}: appeared while the output was written; use --force to replace it")
    try:
        if replaces and target.exists():
            os.fchmod(descriptor, target.stat().st_mode & 0o7777)
        os.fsync(descriptor)
        Path(temporary).rename(target)
        _sync_folder(target.parent)
    except OSError as error:
        raise UserError(f"{path}: cannot be completed: {error.strerror}; check the disk") from error
    os.close(_held.pop(temporary))


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_temporary(temporary: str) -> None:
    """Remove the file and let go of its lock. Doing it twice is fine."""
    with contextlib.suppress(FileNotFoundError):
        Path(temporary).unlink()
    descriptor = _held.pop(temporary, None)
    if descriptor is not None:
        os.close(descriptor)
