"""A progress bar for people who watch a terminal; nothing for everybody else.

Knows: rich, terminals, and the terminal that a launcher stands in front of. Does not know: what makes progress.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from gpumpi.trace import Trace

if TYPE_CHECKING:
    from rich.console import Console


@contextmanager
def shown(trace: Trace, rank: int, quiet: bool) -> Iterator[None]:
    """Show the trace's progress while the work inside runs, from rank 0, if somebody watches."""
    console = None if quiet or rank else _terminal()
    if console is None:
        yield
        return
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    look = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*look, console=console, transient=True) as bar:
        phases = {}

        def step(phase: str, done_rows: int, all_rows: int) -> None:
            if phase not in phases:
                phases[phase] = bar.add_task(phase, total=all_rows)
            bar.update(phases[phase], completed=done_rows, total=all_rows)

        trace.on_progress = step
        try:
            yield
        finally:
            trace.on_progress = None


def _terminal() -> Console | None:
    """Terminal to draw on: standard error, or the one in front of the launcher, whose width it has told us."""
    columns = os.environ.get("GPUMPI_TERMINAL", "")
    if not columns.isdigit() and not sys.stderr.isatty():
        return None
    from rich.console import Console

    return Console(stderr=True, force_terminal=True, width=int(columns) if columns.isdigit() else None)
