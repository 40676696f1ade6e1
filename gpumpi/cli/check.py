"""`gpumpi check`: whether a table is in order, and holds the rows of another.

Knows: what people may ask. Does not know: how rows are compared.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from gpumpi.cli import job, options
from gpumpi.errors import CHECK_SAYS_NO, DONE

if TYPE_CHECKING:
    from gpumpi.array.world import World


@click.command(
    "check",
    short_help="Find out whether a table is in order.",
    epilog="Examples:\n\n\b\n"
    "  gpumpi check sorted.h5 -k time,energy:desc\n"
    "  gpumpi check sorted.h5 -k id --against input.h5 -n 4 && rm input.h5",
)
@click.argument("table", metavar="FILE[:/GROUP]")
@options.keys("Column that the rows should be in order of; repeat it, or write a,b, for further keys.")
@click.option("-u", "--unique", is_flag=True, help="No two rows may have the same key.")
@click.option("--against", metavar="IN[:/GROUP]", help="Also find out whether both tables hold the same rows.")
@options.ranks
@options.machine
@options.answer
@click.pass_context
def command(
    ctx: click.Context, table: str, keys: tuple[str, ...], unique: bool, against: str | None, n_ranks: int | None,
    device: str, host_memory: str | None, as_json: bool, quiet: bool,
) -> int:  # fmt: skip
    """Check that FILE is in order, and, with --against, that it holds the rows of IN in some order.

    One line on standard output says what was found.

    \b
    Exit codes: 0 it is so, 1 it is not, 2 the check could not be made.
    """  # noqa: D301 - click's mark for a paragraph that keeps its lines
    machine = job.Machine(n_ranks, device, host_memory)
    return job.run(ctx, machine, lambda world: _check(world, table, keys, unique, against, as_json, quiet))


def _check(
    world: World, name: str, keys: tuple[str, ...], unique: bool, against: str | None, as_json: bool, quiet: bool
) -> int:
    from dataclasses import asdict

    from gpumpi.algorithms.check import check
    from gpumpi.cli.progress import shown

    table = world.read(name)
    other = world.read(against) if against else None
    with shown(world.trace, world.rank, quiet):
        report = check(table, keys, against=other, unique=unique)
    if world.rank == 0:
        if as_json:
            click.echo(json.dumps({"command": "check", "input": name, "against": against, **asdict(report)}))
        elif not quiet:
            click.echo(f"{name}: {report.text}")
    return DONE if report.ok else CHECK_SAYS_NO
