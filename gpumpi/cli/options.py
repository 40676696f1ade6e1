"""Options that several commands share, spelled once.

Knows: names, help texts and environment variables. Does not know: what the options do.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from gpumpi.cli.names import complete_column

Command = TypeVar("Command", bound=Callable[..., Any])


def ranks(command: Command) -> Command:
    """Add ``-n``: start the ranks from here."""
    return click.option(
        "-n", "--ranks", "n_ranks", type=click.IntRange(min=1), metavar="RANKS", envvar="GPUMPI_RANKS",
        show_envvar=True, help="Start mpirun with so many ranks. Not needed under mpirun or srun.",
    )(command)  # fmt: skip


def machine(command: Command) -> Command:
    """Add the options on what the job may use: device and memory."""
    for option in (
        click.option("-S", "--host-memory", metavar="SIZE", envvar="GPUMPI_HOST_MEMORY", show_envvar=True,
                     help="Memory each rank may use, such as 8GiB."),
        click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True,
                     envvar="GPUMPI_DEVICE", show_envvar=True, help="What computes."),
    ):  # fmt: skip
        command = option(command)
    return command


def answer(command: Command) -> Command:
    """Add ``--json`` and ``-q``: how the result is told."""
    for option in (
        click.option("-q", "--quiet", is_flag=True, envvar="GPUMPI_QUIET", show_envvar=True,
                     help="No progress and no summary; errors are still told."),
        json(),
    ):  # fmt: skip
        command = option(command)
    return command


def json() -> Callable[[Command], Command]:
    """Make ``--json``."""
    return click.option("--json", "as_json", is_flag=True, help="One line of JSON on standard output, for programs.")


def keys(text: str) -> Callable[[Command], Command]:
    """Make ``-k`` with a help text; the keys arrive as one flat tuple."""
    return click.option(
        "-k", "--key", "keys", multiple=True, metavar="COLUMN[:desc]", callback=_flat, help=text,
        shell_complete=complete_column,
    )  # fmt: skip


def columns(text: str) -> Callable[[Command], Command]:
    """Make ``--columns`` with a help text; the names arrive as one flat tuple."""
    return click.option(
        "--columns", multiple=True, metavar="NAME,...", callback=_flat, help=text, shell_complete=complete_column
    )


def force(command: Command) -> Command:
    """Add ``--force``."""
    return click.option("-f", "--force", is_flag=True, help="Replace the output if it exists.")(command)


def storage(command: Command) -> Command:
    """Add the options on how the output is stored."""
    for option in (
        click.option("--compression", metavar="FILTER[:LEVEL]", envvar="GPUMPI_COMPRESSION", show_envvar=True,
                     help="Compress the output: gzip:4, lzf, lz4, zstd:3 and the like. Default: not compressed."),
        click.option("--chunks", metavar="ROWS", type=rows, help="Store the output in chunks of so many rows."),
    ):  # fmt: skip
        command = option(command)
    return command


def _flat(_ctx: click.Context, _parameter: click.Parameter, texts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for text in texts for name in text.split(",") if name)


def rows(text: str) -> int:
    """Read a number of rows as people write it."""
    from gpumpi.errors import UserError
    from gpumpi.units import parse_rows

    try:
        return parse_rows(text)
    except UserError as error:
        raise click.BadParameter(str(error)) from None
