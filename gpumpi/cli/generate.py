"""`gpumpi generate`: make a table to try things on.

Knows: what people may ask of a made-up table. Does not know: how values are made (`gpumpi.algorithms.generate`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from gpumpi.cli import job, options

if TYPE_CHECKING:
    from gpumpi.array.world import World

DEFAULT_COLUMNS = ("id:int64:uniform", "x:float64:normal", "y:float64:uniform")

DEFAULT_NAME = "/table"


@dataclass(frozen=True)
class Request:
    """A table as it was asked for."""

    output: str
    n_rows: int
    columns: tuple[str, ...]
    seed: int
    compound: bool
    force: bool
    chunks: int | None
    compression: str | None
    as_json: bool
    quiet: bool


@click.command(
    "generate",
    short_help="Make a table to try things on.",
    epilog="Distributions:\n\n\b\n"
    "  uniform          every value of an integer type; [0, 1) for floats\n"
    "  normal           mean 0 and deviation 1 for floats, around the middle of other types\n"
    "  zipf=1           value k as often as k to the minus s\n"
    "  sorted, reverse  ascending, descending\n"
    "  nearly-sorted=0.01  ascending but for a share of the rows\n"
    "  few-distinct=16  so many different values\n"
    "  all-equal        one value\n"
    "  staggered=16     so many parts that all have to move\n\n"
    "Examples:\n\n\b\n"
    "  gpumpi generate try.h5 --rows 10M -n 4\n"
    "  gpumpi generate try.h5:/stars --rows 1e6 --column id:int64:reverse --column 'pos:float32[3]:normal'\n"
    "  gpumpi generate try.h5 --rows 2^20 --column key:S10:zipf=1.2 --column 'n:>u4:few-distinct=100' --compound",
)
@click.argument("output", metavar="OUT[:/NAME]")
@click.option(
    "--rows",
    "n_rows",
    type=options.rows,
    default="1e6",
    show_default=True,
    metavar="ROWS",
    help="Such as 1000, 10M or 2^26.",
)
@click.option(
    "-c",
    "--column",
    "columns",
    multiple=True,
    default=DEFAULT_COLUMNS,
    show_default=True,
    metavar="NAME:TYPE[:DISTRIBUTION]",
    help="A column; repeat it for more. Types are NumPy's, with [n] for n values a row.",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    metavar="NUMBER",
    help="The same number makes the same table.",
)
@click.option("--compound", is_flag=True, help="One dataset of records instead of a dataset a column.")
@options.force
@options.storage
@options.ranks
@options.answer
@click.pass_context
def command(ctx: click.Context, /, n_ranks: int | None, **asked: object) -> int:
    """Make a table of random rows, the same one for any number of ranks."""
    request = Request(**asked)  # type: ignore[arg-type]
    return job.run(ctx, job.Machine(n_ranks), lambda world: _generate(world, request))


def _generate(world: World, request: Request) -> None:
    from gpumpi.algorithms.column_spec import parse_column
    from gpumpi.algorithms.generate import generate
    from gpumpi.cli.progress import shown
    from gpumpi.cli.summary import Stopwatch, tell
    from gpumpi.formats.hdf5 import split_name

    stopwatch = Stopwatch()
    specs = [parse_column(text) for text in request.columns]
    path, name = split_name(request.output)
    compound = None
    if request.compound:
        # A dataset is a column of the group that it stands in.
        name, _, compound = (name or DEFAULT_NAME).rpartition("/")
        name = name or "/"
    table = generate(world, specs, request.n_rows, request.seed, compound=compound)
    with shown(world.trace, world.rank, request.quiet):
        notes = table.write(path, name, force=request.force, chunks=request.chunks, compression=request.compression)
    tell(
        world.fabric, world.trace, as_json=request.as_json, quiet=request.quiet, notes=notes,
        command="generate", what="generated", input=None, output=request.output, elapsed_s=stopwatch.elapsed_s,
        n_rows=table.n_global, n_bytes=table.n_global * table.schema.row_bytes,
        n_rows_here=table.layout.counts[world.rank],
    )  # fmt: skip
