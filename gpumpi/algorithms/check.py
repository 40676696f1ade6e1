"""Whether a table is in order, and whether it holds the rows of another.

Knows: contents, words, fingerprints. Does not know: how the table came about.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gpumpi.algorithms.proof import Digest, OrderWatch, first_disorder_over_ranks
from gpumpi.algorithms.sort.finish import SortedContent
from gpumpi.array.content import BLOCK_BYTES
from gpumpi.array.table import Table
from gpumpi.errors import UserError
from gpumpi.fabric import collective
from gpumpi.keys import Key, KeyPlan, locate_key, plan_keys
from gpumpi.schema import Schema
from gpumpi.units import format_rows


@dataclass(frozen=True)
class CheckReport:
    """What a check found; the same on every rank.

    Attributes
    ----------
    ok : bool
        All that was asked for holds.
    n_rows : int
    first_unordered : int or None
        The first global row that should not come after the one before it.
    same_rows : bool or None
        Whether the other table has the same rows, in any order; None if there was none to compare with.
    fingerprint : int
        Of all rows, whatever their order.
    text : str
        The report in one line.
    """

    ok: bool
    n_rows: int
    first_unordered: int | None
    same_rows: bool | None
    fingerprint: int
    text: str


@collective
def check(
    table: Table, keys: Sequence[str | Key], *, against: Table | None = None, unique: bool = False
) -> CheckReport:
    """Whether the rows are in the order of the keys.

    Parameters
    ----------
    table : Table
    keys : sequence of str or Key
        As for `Table.sort`.
    against : Table, optional
        A table that should have the same rows in any order.
    unique : bool
        No two rows may have the same key.

    Raises
    ------
    UserError
        If a key is not there, or the tables to compare have different columns.

    Notes
    -----
    *Collective*. *Cost*: reads both tables once, sends a few bytes.
    """
    key_plan = plan_keys(keys, table.schema.columns)
    if against is not None:
        _require_same_columns(table.schema, against.schema)
    if isinstance(table.content, SortedContent):
        table.settle()
    watch, digest = _scan(table, key_plan, unique)
    disorder = first_disorder_over_ranks(table.fabric, watch)
    total = digest.over_ranks(table.fabric)
    other = None if against is None else _scan(against, None, False)[1].over_ranks(table.fabric)
    texts = [_order_text(table, key_plan, disorder, unique, total.n_rows)]
    if other is not None:
        texts.append(_rows_text(total, other))
    return CheckReport(
        ok=disorder < 0 and other in (None, total),
        n_rows=total.n_rows,
        first_unordered=disorder if disorder >= 0 else None,
        same_rows=None if other is None else other == total,
        fingerprint=total.fingerprint,
        text="; ".join(texts),
    )


def _scan(table: Table, key_plan: KeyPlan | None, strictly: bool) -> tuple[OrderWatch, Digest]:
    """Order and digest of this rank's rows."""
    watch, digest = OrderWatch(strictly), Digest()
    device = table.world.device
    with table.fabric.agreed(), table.world.trace.span("check"):
        for start, columns in table.content.blocks(max(1, BLOCK_BYTES // max(1, table.schema.row_bytes))):
            digest.add(device, columns)
            if key_plan is not None:
                watch.add(device, device.words(columns, key_plan))
            table.world.trace.progress(start + len(columns[0]), table.n_local)
    return watch, digest


def _require_same_columns(one: Schema, other: Schema) -> None:
    if one.columns != other.columns:
        differ = [
            f"{a.name}: {a.dtype}{a.row_shape or ''} and {b.name}: {b.dtype}{b.row_shape or ''}"
            for a, b in zip(one.columns, other.columns, strict=False)
            if a != b
        ] or [f"{len(one.columns)} and {len(other.columns)} columns"]
        raise UserError(f"the two tables have different columns ({differ[0]}); compare tables of the same columns")


def _order_text(table: Table, key_plan: KeyPlan, disorder: int, unique: bool, n_rows: int) -> str:
    names = ", ".join(map(str, key_plan.keys))
    if disorder < 0:
        return f"{format_rows(n_rows)} rows are in order by {names}" + (", each key once" if unique else "")
    before, after = (_show(_row(table, row), key_plan, table.schema) for row in (disorder - 1, disorder))
    return f"row {disorder} is out of order by {names}: {after} comes after {before}"


def _rows_text(mine: Digest, other: Digest) -> str:
    if mine == other:
        return f"the rows are the same (fingerprint {mine.fingerprint:016x})"
    if mine.n_rows != other.n_rows:
        return f"the rows differ: {format_rows(mine.n_rows)} here, {format_rows(other.n_rows)} there"
    return f"the rows differ: fingerprint {mine.fingerprint:016x} here, {other.fingerprint:016x} there"


def _row(table: Table, row: int) -> list[bytes]:
    """The bytes of one global row, a column each, on every rank. *Collective*."""
    owner = int(table.layout.owner_of([row])[0])
    found: list[bytes] = []
    with table.fabric.agreed():
        if table.world.rank == owner:
            for index, column in enumerate(table.schema.columns):
                rows = np.empty((1, column.row_bytes), np.uint8)
                table.content.read(index, row - table.layout.offsets[owner], rows)
                found.append(rows.tobytes())
    shared: list[bytes] = table.fabric.share(found, root=owner)
    return shared


def _show(row: list[bytes], key_plan: KeyPlan, schema: Schema) -> str:
    """The key values of a row."""
    values: list[Any] = []
    for key in key_plan.keys:
        place = locate_key(key.name, schema.columns)
        values.append(np.frombuffer(row[place.column], place.dtype, count=1, offset=place.offset_bytes)[0].item())
    return f"({', '.join(map(repr, values))})"
