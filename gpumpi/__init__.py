"""Distributed data on ranks: collectives, partitioned arrays and tables, sort.

``import gpumpi`` itself loads nothing; each name is loaded when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gpumpi.version import __version__

if TYPE_CHECKING:
    from gpumpi.array.array import PartitionedArray
    from gpumpi.array.layout import Layout
    from gpumpi.array.table import Table
    from gpumpi.array.world import World
    from gpumpi.errors import CheckFailed, GpumpiError, UserError
    from gpumpi.fabric import Fabric
    from gpumpi.keys import Key

__all__ = [
    "CheckFailed", "Fabric", "GpumpiError", "Key", "Layout", "PartitionedArray", "Table", "UserError", "World",
    "__version__",
]  # fmt: skip

_HOMES = {
    "CheckFailed": "errors", "GpumpiError": "errors", "UserError": "errors", "Fabric": "fabric", "Key": "keys",
    "Layout": "array.layout", "PartitionedArray": "array.array", "Table": "array.table", "World": "array.world",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'gpumpi' has no attribute '{name}'")
    from importlib import import_module

    return getattr(import_module(f"gpumpi.{_HOMES[name]}"), name)
