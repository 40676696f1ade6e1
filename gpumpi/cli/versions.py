"""``--version``: gpumpi and what it stands on, as a report of a problem needs it.

Knows: where each library tells its version. Does not know: what they are for.
"""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

from gpumpi.version import __version__


def version_text() -> str:
    """One line a library; a library that cannot be loaded says why."""
    lines = [f"gpumpi {__version__}", f"Python {platform.python_version()} ({platform.system()} {platform.machine()})"]
    lines += [_mpi(), _hdf5()]
    lines += [f"{name} {_installed(name)}" for name in ("numpy", "numba", "click", "rich", "hdf5plugin")]
    return "\n".join(lines)


def _installed(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "is not installed"


def _mpi() -> str:
    try:
        from gpumpi.fabric.library import mpi4py_version, mpi_name, mpi_standard

        return f"{mpi_name()} (MPI {mpi_standard()}), mpi4py {mpi4py_version()}"
    except (ImportError, RuntimeError, OSError) as error:
        return f"MPI cannot be loaded: {' '.join(str(error).split())}"


def _hdf5() -> str:
    try:
        from gpumpi.formats.hdf5 import library_version

        return f"HDF5 {library_version()}, h5py {_installed('h5py')}"
    except (ImportError, OSError) as error:
        return f"HDF5 cannot be loaded: {' '.join(str(error).split())}"
