"""Whether an output can be written, asked before any row is read.

Knows: what the user named, and how much will stand there. Does not know: how files are written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gpumpi.array.table import Table


def check_target(table: Table, target: str, *, force: bool, in_place: bool = False, need_bytes: int) -> None:
    """Raise on all ranks what would keep `target` from being written. *Collective*.

    `Table.write` checks again, from rank 0. Here every rank looks, so that one that sees another folder is found, and
    the caller knows how much will be written where fewer rows stay than are read.

    Raises
    ------
    UserError
        If it exists, is an input, or its folder is missing, not writable or too full.
    """
    from gpumpi.formats.hdf5 import Hdf5Source, check_output, split_name

    origin = table.origin
    files = {file for column in origin.storage for file in column.files} if isinstance(origin, Hdf5Source) else set()
    with table.fabric.agreed():
        check_output(
            split_name(target)[0],
            force=force,
            in_place=in_place,
            source_paths=sorted(files, key=lambda file: (file != getattr(origin, "path", None), file)),
            need_bytes=need_bytes,
        )
