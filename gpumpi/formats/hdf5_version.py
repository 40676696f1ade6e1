"""Which HDF5 this process has loaded.

Knows: h5py's version numbers. Does not know: files.
"""

from __future__ import annotations

import h5py


def hdf5_version() -> str:
    """Version of the HDF5 library, such as ``"2.0.0"``."""
    return str(h5py.version.hdf5_version)


def h5py_version() -> str:
    """Version of the binding."""
    return str(h5py.__version__)
