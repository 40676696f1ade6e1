"""Tables and columns as people name them on the command line, and what a shell may complete.

Knows: ``FILE`` and ``FILE:/group``. Does not know: ranks.
"""

from __future__ import annotations

import click


def complete_column(ctx: click.Context, _parameter: click.Parameter, begun: str) -> list[str]:
    """Column names of the table on the command line that begin like `begun`; none if it cannot be read."""
    table = ctx.params.get("table")
    if not table:
        return []
    done, comma, last = begun.rpartition(",")
    try:
        from gpumpi.formats.hdf5 import open_table, split_name

        source = open_table(*split_name(table))
        names = [name for column in source.schema.columns for name in column.dtype.names or (column.name,)]
        source.close()
    except Exception:  # a completion has nobody to tell
        return []
    return [done + comma + name for name in names if name.startswith(last)]
