"""How a loop is declared, and how all of them are compiled once.

Knows: Numba and its cache on disk. Does not know: what the loops do.

Numba compiles at the first call and keeps the machine code in files. When N ranks start on a machine that has none, one
compiles and the others wait for the files; from then on a rank that starts only loads what it calls.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib
import os
import pkgutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba

from gpumpi.errors import UserError

_loops: list[tuple[Any, tuple[str, ...]]] = []


def cache_folder() -> Path:
    """Where compiled loops rest: ``GPUMPI_CACHE``, else ``gpumpi`` in the user's cache folder."""
    asked = os.environ.get("GPUMPI_CACHE")
    if asked:
        return Path(asked).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gpumpi"


def _sources() -> str:
    """A digest of all source that is compiled into loops.

    Numba looks at the file of each loop only, not at those of the parts and constants that it takes in.
    """
    folder = Path(__file__).parent
    digest = hashlib.sha256(str(folder).encode())
    for source in [*sorted(folder.glob("*.py")), folder.parent.parent / "keys.py"]:
        digest.update(source.read_bytes())
    return digest.hexdigest()[:16]


_SOURCES = _sources()


def loop(*signatures: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Mark a function as a loop and name the argument types it is compiled for."""

    def mark(function: Callable[..., Any]) -> Callable[..., Any]:
        # Numba fixes the folder when it marks a function; other people's functions keep theirs.
        others, numba.config.CACHE_DIR = numba.config.CACHE_DIR, str(cache_folder() / f"loops-{_SOURCES}")
        compiled = numba.njit(nogil=True, cache=True, boundscheck=False)(function)
        numba.config.CACHE_DIR = others
        _loops.append((compiled, signatures))
        return compiled  # type: ignore[no-any-return]

    return mark


def inner(function: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a function that only loops call; it is compiled into them."""
    return numba.njit(nogil=True, inline="always")(function)  # type: ignore[no-any-return]


def compile_all() -> bool:
    """True if this process compiled the loops, False if they were there; one process of a machine does it at a time.

    Raises
    ------
    UserError
        If the cache folder cannot be written.
    """
    folder = cache_folder()
    stamp = folder / f"compiled-{_fingerprint()}"
    if stamp.exists():
        return False
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return _compile_alone(folder / "compiling.lock", stamp)
    except OSError as error:
        raise UserError(
            f"compiled loops cannot be kept in {folder} ({error.strerror}); set GPUMPI_CACHE to a folder that can"
        ) from error


def _compile_alone(lock_file: Path, stamp: Path) -> bool:
    from numba.core import sigutils

    with lock_file.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if stamp.exists():
            return False
        for compiled, signatures in _every_loop():
            for signature in signatures:
                # Calls find cached code by the tuple of argument types, never by the text of a signature.
                arguments, _ = sigutils.normalize_signature(signature)
                compiled.compile(arguments)
        stamp.touch()
    return True


def _every_loop() -> list[tuple[Any, tuple[str, ...]]]:
    package = importlib.import_module("gpumpi.device.host_loops")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")
    return _loops


def _fingerprint() -> str:
    """A digest of all that decides whether cached code still fits: sources and their dates, Numba, the processor."""
    from llvmlite import binding

    dates = [source.stat().st_mtime_ns for source in sorted(Path(__file__).parent.glob("*.py"))]
    fits = f"{numba.__version__} {binding.get_host_cpu_name()} {_SOURCES} {dates}"
    return hashlib.sha256(fits.encode()).hexdigest()[:16]
