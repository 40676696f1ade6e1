"""Compression filters: which a dataset needs, who provides them, and how a user asks for one.

Knows: HDF5 filter numbers and hdf5plugin. Does not know: datasets' data, files.
"""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any

from h5py import h5p, h5z

from gpumpi.errors import UserError

PLUGIN_PACKAGE = "hdf5plugin"

_NAMES = {
    1: "gzip", 2: "shuffle", 3: "fletcher32", 4: "szip", 5: "nbit", 6: "scaleoffset",
    305: "LZO", 307: "bzip2", 32000: "LZF", 32001: "Blosc", 32004: "LZ4", 32008: "bitshuffle", 32013: "ZFP",
    32015: "Zstandard", 32017: "SZ", 32018: "FCIDECOMP", 32019: "JPEG", 32024: "SZ3", 32026: "Blosc2", 32028: "SPERR",
}  # fmt: skip
_IN_PLUGIN = {307, 32001, 32004, 32008, 32013, 32015, 32017, 32018, 32024, 32026, 32028}
_SPELLED = (
    "gzip[:0-9], lzf, lz4, zstd[:1-22], bitshuffle, blosc[:lz4|zstd|...][:0-9], blosc2[...], with shuffle+ in front"
)
_BLOSC_CODECS = ("blosclz", "lz4", "lz4hc", "zlib", "zstd")


def load_plugins() -> bool:
    """Whether hdf5plugin is there; importing it registers its filters."""
    if importlib.util.find_spec(PLUGIN_PACKAGE) is None:
        return False
    importlib.import_module(PLUGIN_PACKAGE)
    return True


def is_available(code: int) -> bool:
    """Whether this process can run the filter, with the plugins of hdf5plugin if they are installed."""
    return bool(h5z.filter_avail(code)) or (load_plugins() and bool(h5z.filter_avail(code)))


def filter_names(creation: Any) -> tuple[str, ...]:
    """Names of a dataset's filters, in the order in which they are applied."""
    return tuple(_name(*creation.get_filter(index)) for index in range(creation.get_nfilters()))


def _name(code: int, _flags: int, _values: tuple[int, ...], own_name: bytes) -> str:
    return _NAMES.get(code) or own_name.decode("utf-8", "replace").split(";")[0].strip() or f"number {code}"


def check_filters(creation: Any, where: str) -> None:
    """Raise UserError, naming the filter and the package that has it, if a dataset cannot be decompressed here."""
    for index in range(creation.get_nfilters()):
        code, *_ = found = creation.get_filter(index)
        if not is_available(code):
            raise UserError(
                f"{where} is compressed with the HDF5 filter {_name(*found)} (number {code}), which is not installed; "
                f"{_remedy(code)}"
            )


def _remedy(code: int) -> str:
    if code in _IN_PLUGIN:
        return f"pip install {PLUGIN_PACKAGE}"
    if code == 305:
        return "rewrite it with PyTables' ptrepack --complib=zlib, which can read it"
    return "set HDF5_PLUGIN_PATH to the folder of its plugin, or rewrite the file with h5repack where it can be read"


def add_filters(creation: Any, spec: str) -> None:
    """Put the filters that a user asked for into a dataset creation property list.

    Parameters
    ----------
    creation : h5py.h5p.PropDCID
        Changed in place.
    spec : str
        ``"gzip"``, ``"gzip:4"``, ``"lzf"``, ``"lz4"``, ``"zstd:3"``, ``"bitshuffle"``, ``"blosc:zstd:5"``,
        ``"blosc2"``; ``"shuffle+gzip"`` groups the bytes of equal rank first.

    Raises
    ------
    UserError
        If it is not one of these, or needs hdf5plugin and that is not installed.
    """
    *before, codec = spec.lower().split("+")
    name, *options = codec.split(":")
    if any(part != "shuffle" for part in before):
        raise _unknown(spec)
    if before:
        creation.set_shuffle()
    if name == "gzip" and len(options) <= 1:
        creation.set_deflate(_level(spec, options, 4, 0, 9))
    elif name == "lzf" and not options:
        creation.set_filter(32000, h5z.FLAG_OPTIONAL)
    else:
        _add_plugin_filter(creation, spec, name, options)


def check_compression(spec: str) -> None:
    """Raise UserError if `spec` is not a compression that can be written here."""
    add_filters(h5p.create(h5p.DATASET_CREATE), spec)


def _add_plugin_filter(creation: Any, spec: str, name: str, options: list[str]) -> None:
    if name not in ("lz4", "zstd", "bitshuffle", "blosc", "blosc2"):
        raise _unknown(spec)
    if not load_plugins():
        raise UserError(f"compression '{spec}' needs a filter that is not installed; pip install {PLUGIN_PACKAGE}")
    plugin = importlib.import_module(PLUGIN_PACKAGE)
    if name == "lz4" and not options:
        chosen = plugin.LZ4()
    elif name == "bitshuffle" and not options:
        chosen = plugin.Bitshuffle()
    elif name == "zstd" and len(options) <= 1:
        chosen = plugin.Zstd(clevel=_level(spec, options, 3, 1, 22))
    elif name.startswith("blosc") and len(options) <= 2 and (not options or options[0] in _BLOSC_CODECS):
        make = plugin.Blosc if name == "blosc" else plugin.Blosc2
        chosen = make(cname=options[0] if options else "lz4", clevel=_level(spec, options[1:], 5, 0, 9))
    else:
        raise _unknown(spec)
    creation.set_filter(chosen.filter_id, h5z.FLAG_OPTIONAL, tuple(chosen.filter_options))


def _level(spec: str, options: list[str], default: int, low: int, high: int) -> int:
    if not options:
        return default
    if not options[0].isdigit() or not low <= int(options[0]) <= high:
        raise UserError(f"compression '{spec}': '{options[0]}' is no level; give a number from {low} to {high}")
    return int(options[0])


def _unknown(spec: str) -> UserError:
    return UserError(f"compression '{spec}' is not known; write one of {_SPELLED}")
