"""Which MPI this process has loaded.

Knows: MPI's names and versions. Does not know: what it can do with a GPU.
"""

from __future__ import annotations

import mpi4py
from mpi4py import MPI


def mpi_name() -> str:
    """The library's name and version, such as ``"Open MPI 5.0.11"``."""
    name, version = MPI.get_vendor()
    return f"{name} {'.'.join(map(str, version))}"


def mpi_standard() -> str:
    """The version of the standard that the library says it follows, such as ``"3.1"``."""
    return "{}.{}".format(*MPI.Get_version())


def mpi4py_version() -> str:
    """The version of the binding."""
    return mpi4py.__version__
