"""The command `gpumpi`: finds the command asked for, and says in one line what was wrong with the request.

Knows: the names of the commands and where they are. Does not know: their options. Importing this file loads click and
nothing heavier: ``gpumpi --help`` has to answer at once.
"""

from __future__ import annotations

import contextlib
import difflib
import importlib
import os
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from typing import Any

import click

from gpumpi.cli.launched import launched_rank
from gpumpi.errors import OUR_BUG, USER_CAN_MEND, GpumpiError

COMMANDS = {
    "sort": "gpumpi.cli.sort",
    "check": "gpumpi.cli.check",
    "generate": "gpumpi.cli.generate",
    "info": "gpumpi.cli.info",
    "completion": "gpumpi.cli.completion",
}
INTERRUPTED = 130
PATIENCE_S = 3.0


class Commands(click.Group):
    """Commands by name; the file of one is imported when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Command of that name, None if there is none."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(COMMANDS[cmd_name]).command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Command of the first argument; an unknown one is answered with the nearest."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            close = difflib.get_close_matches(args[0], COMMANDS, n=1)
            remedy = f"did you mean {close[0]}?" if close else f"there are {', '.join(COMMANDS)}"
            ctx.fail(f"'{args[0]}' is no command; {remedy}")
        return super().resolve_command(ctx, args)


def _print_version(ctx: click.Context, _parameter: click.Parameter, asked: bool) -> None:
    if asked and not ctx.resilient_parsing:
        from gpumpi.cli.versions import version_text

        click.echo(version_text())
        ctx.exit()


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Examples:\n\n\b\n"
    "  gpumpi sort snapshot.h5:/PartType1 sorted.h5 -k ParticleIDs -n 4\n"
    "  mpirun -n 64 gpumpi sort events.h5 sorted.h5 -k time -k energy:desc\n"
    "  gpumpi check sorted.h5 -k ParticleIDs --against snapshot.h5:/PartType1",
)
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version,
              help="Show the version of gpumpi and of what it stands on, and exit.")  # fmt: skip
def commands() -> None:
    """Sort HDF5 tables on every rank that mpirun gives you.

    Each command runs alone, under mpirun or srun, or with -n RANKS, where it starts mpirun itself. A table is named
    FILE, or FILE:/group where a file holds several.
    """


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments : sequence of str, optional
        What follows the program's name; ``sys.argv`` if not given.

    Returns
    -------
    int
        0 done, 1 the check says no, 2 the user can mend it, 70 a bug, 130 interrupted.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        with _one_voice():
            code: Any = commands.main(args=given, obj=given, prog_name="gpumpi", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        return complain("gpumpi", f"no command given; see {_help_of(error)}", USER_CAN_MEND)
    except click.UsageError as error:
        name = error.ctx.command_path if error.ctx else "gpumpi"
        return complain(name, f"{_one_line(error.format_message())} see {_help_of(error)}", USER_CAN_MEND)
    except click.ClickException as error:
        return complain("gpumpi", _one_line(error.format_message()).rstrip(";"), USER_CAN_MEND)
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except GpumpiError as error:
        return complain(_name_of_command(given), str(error), error.exit_code)
    except Exception:
        # Python's own exit code for this, 1, would read as the answer of a check.
        traceback.print_exc()
        return OUR_BUG
    return code if isinstance(code, int) else 0


def complain(name: str, text: str, code: int) -> int:
    """Say what is wrong in one line, on rank 0 alone, and hand the exit code back."""
    if launched_rank(os.environ) == 0:
        print(f"{name}: error: {text}", file=sys.stderr, flush=True)
    else:
        # The launcher ends the job when the first rank fails: that must not be before rank 0 has spoken.
        time.sleep(PATIENCE_S)
    return code


def _name_of_command(arguments: Sequence[str]) -> str:
    return " ".join(["gpumpi", *[word for word in arguments[:1] if word in COMMANDS]])


def _one_line(text: str) -> str:
    """Click's message as part of a sentence of ours."""
    line = " ".join(text.split()).rstrip(".")
    return line[:1].lower() + line[1:] + ("" if line.endswith("?") else ";")


def _help_of(error: click.UsageError) -> str:
    return f"{error.ctx.command_path if error.ctx else 'gpumpi'} --help"


@contextlib.contextmanager
def _one_voice() -> Iterator[None]:
    """Only rank 0 writes to standard output: help and answers are asked of every rank and wanted once."""
    if launched_rank(os.environ) == 0:
        yield
        return
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):  # noqa: PTH123
        yield
