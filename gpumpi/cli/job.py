"""Running a command's work on all ranks: start them if asked to, open the world, hand a code back.

Knows: the order of these steps. Does not know: any one command.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from gpumpi.cli import launch
from gpumpi.errors import UserError

if TYPE_CHECKING:
    from gpumpi.array.world import World

Body = Callable[["World"], int | None]


@dataclass(frozen=True)
class Machine:
    """What a job may use; None or auto where nobody said."""

    n_ranks: int | None = None
    device: str = "auto"
    host_memory: str | None = None


def run(ctx: click.Context, machine: Machine, body: Body) -> int:
    """Exit code of a command whose work is `body`, which every rank runs in an open world."""
    asked_here = ctx.get_parameter_source("n_ranks") == ParameterSource.COMMANDLINE
    if launch.must_start(machine.n_ranks, os.environ, asked_here=asked_here):
        return launch.run(launch.plan_launch(machine.n_ranks or 1, ctx.find_root().obj, os.environ))

    return _run_spmd()(lambda: _in_world(machine, body), name=ctx.command_path)


def _run_spmd() -> Callable[..., int]:
    """Load MPI: this is where a machine that has none finds out."""
    try:
        from gpumpi.fabric import run_spmd
    except (ImportError, RuntimeError) as error:
        raise UserError(f"MPI cannot be loaded ({str(error).splitlines()[0]}); pip install 'gpumpi[mpi]', or load the "
                        "cluster's MPI (module load openmpi)") from error  # fmt: skip
    return run_spmd


def _in_world(machine: Machine, body: Body) -> int:
    from gpumpi.array.world import World
    from gpumpi.fabric.launcher import check_world

    check_world()
    with World(device=machine.device, host_memory=machine.host_memory) as world:
        return body(world) or 0
