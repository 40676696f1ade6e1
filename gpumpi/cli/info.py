"""`gpumpi info`: which tables a file holds, and what each looks like.

Knows: how to show a schema. Does not know: ranks; it looks at a file's description only and needs no MPI.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from gpumpi.cli import options

if TYPE_CHECKING:
    import numpy as np

    from gpumpi.formats.hdf5 import TableInfo
    from gpumpi.schema import Column


@click.command("info", short_help="Show the tables in a file.", epilog="Example:\n\n\b\n  gpumpi info snapshot.h5")
@click.argument("file", metavar="FILE[:/GROUP]")
@options.json()
def command(file: str, as_json: bool) -> None:
    """Show the tables in FILE: rows, bytes, columns, types, storage, and which columns can be sorted by."""
    from gpumpi.errors import UserError
    from gpumpi.formats.hdf5 import list_tables, split_name
    from gpumpi.schema import near

    path, name = split_name(file)
    tables = list_tables(path)
    found = [table for table in tables if name in (None, table.name)]
    if name is not None and not found:
        raise UserError(f"{file}: no such table; {near(name, [table.name for table in tables])}")
    if as_json:
        click.echo(json.dumps({"command": "info", "file": path, "tables": [_as_dict(table) for table in found]}))
        return
    for table in found:
        click.echo(_text(path, table))
    if not found:
        click.echo(f"{path}: holds no table")


def _as_dict(table: TableInfo) -> dict[str, Any]:
    schema = table.schema
    columns = [
        {
            "name": column.name,
            "type": _type(column),
            "row_shape": list(column.row_shape),
            "row_bytes": column.row_bytes,
            "storage": table.storage[column.name],
            "keys": _keys(column),
        }
        for column in schema.columns
    ]
    return {
        "name": table.name,
        "kind": table.kind,
        "n_rows": schema.n_rows,
        "n_bytes": schema.n_rows * schema.row_bytes,
        "columns": columns,
        "problem": table.problem,
    }


def _text(path: str, table: TableInfo) -> str:
    from gpumpi.units import format_bytes, format_rows

    schema = table.schema
    n_bytes = schema.n_rows * schema.row_bytes
    lines = [f"{path}:{table.name}  {table.kind} of {format_rows(schema.n_rows)} rows, {format_bytes(n_bytes)}"]
    cells = [
        (column.name, _type(column), table.storage[column.name], "" if _keys(column) else "no key")
        for column in schema.columns
    ]
    widths = [max(map(len, texts)) for texts in zip(*cells, strict=True)]
    for row in cells:
        lines.append("  " + "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())
    if table.problem:
        lines.append(f"  not readable: {table.problem}")
    return "\n".join(lines)


def _type(column: Column) -> str:
    """Type as NumPy writes it, the fields of a record with names, and the shape of a row of several."""
    return _type_text(column.dtype, column.row_shape)


def _type_text(dtype: np.dtype[Any], row_shape: tuple[int, ...]) -> str:
    if dtype.fields:
        parts = ((name, *(field.subdtype or (field, ()))) for name, (field, *_) in dtype.fields.items())
        text = "{" + ", ".join(f"{name}: {_type_text(base, shape)}" for name, base, shape in parts) + "}"
    else:
        text = "variable length or reference" if dtype.hasobject else str(dtype)
    return text + (f"[{','.join(map(str, row_shape))}]" if row_shape else "")


def _keys(column: Column) -> list[str]:
    """Names in this column that can be sorted by."""
    from gpumpi.errors import UserError
    from gpumpi.keys import plan_keys

    names = []
    for name in column.dtype.names or (column.name,):
        try:
            plan_keys([name], [column])
        except UserError:
            continue
        names.append(name)
    return names
