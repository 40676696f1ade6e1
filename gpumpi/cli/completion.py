"""`gpumpi completion SHELL`: the lines that teach a shell to complete gpumpi's words.

Knows: click's shell completion. Does not know: where a shell keeps its settings.
"""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

SHELLS = ("bash", "zsh", "fish")


@click.command("completion", epilog='Example, for bash: put  eval "$(gpumpi completion bash)"  into ~/.bashrc')
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print the lines that switch completion on."""
    known = get_completion_class(shell)
    if known is None:
        raise click.ClickException(f"this click cannot complete for {shell}; upgrade it: pip install -U click")
    click.echo(known(ctx.find_root().command, {}, "gpumpi", "_GPUMPI_COMPLETE").source())
