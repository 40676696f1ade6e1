"""`gpumpi sort`: put a table's rows in order.

Knows: what people may ask of a sort. Does not know: how it is done (`gpumpi.algorithms.sort`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from gpumpi.cli import job, options

if TYPE_CHECKING:
    from gpumpi.array.table import Table
    from gpumpi.array.world import World


@dataclass(frozen=True)
class Request:
    """A sort as it was asked for."""

    table: str
    output: str | None
    keys: tuple[str, ...]
    reverse: bool
    unique: bool
    head: int | None
    columns: tuple[str, ...]
    force: bool
    in_place: bool
    chunks: int | None
    compression: str | None
    explain: bool
    as_json: bool
    quiet: bool

    @property
    def target(self) -> str:
        """Where the rows go."""
        return self.output or self.table

    @property
    def what(self) -> str:
        """What is done, in words."""
        by = ", ".join(self.keys) or "its only column"
        return f"sorted by {by}" + (", reversed" if self.reverse else "")


@click.command(
    "sort",
    short_help="Put the rows of a table in order.",
    epilog="Examples:\n\n\b\n"
    "  gpumpi sort snapshot.h5:/PartType1 sorted.h5 -k ParticleIDs -n 4\n"
    "  gpumpi sort events.h5 sorted.h5 -k time,energy:desc --compression zstd\n"
    "  gpumpi sort halos.h5 heaviest.h5 -k mass:desc --head 1000",
)
@click.argument("table", metavar="IN[:/GROUP]")
@click.argument("output", metavar="[OUT[:/NAME]]", required=False)
@options.keys("Column to sort by; repeat it, or write a,b, for further keys. Not needed for a single column.")
@click.option("-r", "--reverse", is_flag=True, help="Turn the order of every key around.")
@click.option("-u", "--unique", is_flag=True, help="Keep only the first row of each key.")
@click.option("--head", type=options.rows, metavar="ROWS", help="Keep only the first rows, such as 1000 or 1e6.")
@options.columns("Take only these columns along.")
@options.force
@click.option("--in-place", is_flag=True, help="Replace the input by the sorted table. No OUT then.")
@options.storage
@options.ranks
@options.machine
@click.option("--explain", is_flag=True, help="Tell what would be done and what it would cost, and stop.")
@options.answer
@click.pass_context
def command(ctx: click.Context, /, n_ranks: int | None, device: str, host_memory: str | None, **asked: object) -> int:
    """Sort the rows of IN by one or more columns and write them to OUT.

    The sort is stable: rows with equal keys stay in the order of the input. NaN and NaT come last in either direction,
    and -0.0 equals 0.0. OUT has the same bytes for any number of ranks, and appears under its name only when it is
    complete. It keeps the group's name unless OUT:/NAME is given.

    \b
    Exit codes: 0 done, 2 something for you to mend (the message says what), 70 a bug.
    """  # noqa: D301 - click's mark for a paragraph that keeps its lines
    request = Request(**asked)  # type: ignore[arg-type]
    if request.in_place == bool(request.output) and not request.explain:
        ctx.fail("--in-place takes no OUT" if request.in_place else "missing argument 'OUT'")
    machine = job.Machine(n_ranks, device, host_memory)
    return job.run(ctx, machine, lambda world: _sort(world, request))


def _sort(world: World, request: Request) -> None:
    from gpumpi.cli.progress import shown
    from gpumpi.cli.summary import Stopwatch, tell

    stopwatch = Stopwatch()
    table = world.read(request.table, columns=list(request.columns) or None)
    if request.explain:
        return _explain(world, table, request)
    n_rows = table.n_global if request.head is None else min(request.head, table.n_global)
    table.check_output(
        request.target, force=request.force, in_place=request.in_place,
        chunks=request.chunks, compression=request.compression, n_rows=0 if request.unique else n_rows,
    )  # fmt: skip
    with shown(world.trace, world.rank, request.quiet):
        ordered = table.sort(*request.keys, descending=request.reverse, unique=request.unique, head=request.head)
        notes = ordered.write(
            request.target, force=request.force, in_place=request.in_place,
            chunks=request.chunks, compression=request.compression,
        )  # fmt: skip
    tell(
        world.fabric, world.trace, as_json=request.as_json, quiet=request.quiet, notes=notes,
        command="sort", what=request.what, input=request.table, output=request.target, elapsed_s=stopwatch.elapsed_s,
        n_rows=table.n_global, n_bytes=table.n_global * table.schema.row_bytes,
        n_rows_here=ordered.layout.counts[world.rank],
    )  # fmt: skip
    return None


def _explain(world: World, table: Table, request: Request) -> None:
    from gpumpi.algorithms.sort import plan_sort

    plan = plan_sort(table, request.keys, descending=request.reverse, unique=request.unique, head=request.head)
    if world.rank == 0:
        click.echo(json.dumps(plan.as_dict()) if request.as_json else plan.explain())
