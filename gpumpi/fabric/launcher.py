"""What the launcher of this process says, and whether MPI says the same.

Knows: the environment variables of mpirun, mpiexec and srun. Does not know: how to launch.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from mpi4py import MPI

from gpumpi.errors import UserError
from gpumpi.fabric.library import mpi_name

_VARIABLES = (
    ("OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK", "Open MPI's mpirun"),
    ("MV2_COMM_WORLD_SIZE", "MV2_COMM_WORLD_RANK", "MVAPICH's mpirun"),
    ("PMI_SIZE", "PMI_RANK", "an mpiexec with PMI (MPICH, Intel MPI, srun --mpi=pmi2)"),
    ("PALS_SIZE", "PALS_RANKID", "Cray's mpiexec"),
    ("JSM_NAMESPACE_SIZE", "JSM_NAMESPACE_RANK", "jsrun"),
)
"""Size, rank, launcher, nearest to the process first: an mpirun inside a Slurm job counts, not the job around it."""
_FIRST_SPECIAL_STEP = 2**32 - 16
"""Slurm numbers its batch, interactive and container steps from here up: they are no srun."""


@dataclass(frozen=True)
class Launch:
    """The ranks that a launcher has started, this one's number, and which variable of which launcher says so."""

    size: int
    rank: int
    variable: str
    launcher: str


def find_launch(environ: Mapping[str, str]) -> Launch | None:
    """What the launcher says; None if this process was started without one."""
    for size, rank, launcher in _VARIABLES:
        if environ.get(size, "").isdigit():
            return Launch(int(environ[size]), int(environ.get(rank, "0")), size, launcher)
    step, size = environ.get("SLURM_STEP_ID", ""), environ.get("SLURM_STEP_NUM_TASKS", "")
    if step.isdigit() and int(step) < _FIRST_SPECIAL_STEP and size.isdigit():
        return Launch(int(size), int(environ.get("SLURM_PROCID", "0")), "SLURM_STEP_NUM_TASKS", "srun")
    return None


def check_world(world_size: int | None = None, environ: Mapping[str, str] = os.environ) -> None:
    """Return if MPI's world is as large as the launcher says.

    Parameters
    ----------
    world_size : int, optional
        Ranks that MPI says there are; asked of MPI if not given.
    environ : mapping of str to str
        The process's environment.

    Raises
    ------
    UserError
        If they differ: the launcher belongs to another MPI, and started separate jobs of one rank each.
    """
    launch = find_launch(environ)
    found = MPI.COMM_WORLD.size if world_size is None else world_size
    if launch is None or launch.size == found:
        return
    flag = " --mpi=pmix or --mpi=pmi2, whichever that MPI takes" if launch.launcher == "srun" else ""
    remedy = f"use srun with{flag}" if flag else "start with the mpirun that belongs to that MPI"
    raise UserError(
        f"{launch.launcher} started {launch.size} ranks ({launch.variable}), {mpi_name()} sees {found}: the launcher "
        f"and the MPI library do not belong together; {remedy}"
    )


def is_first(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether this process speaks for the job, also where the launcher and MPI do not agree on what the job is."""
    launch = find_launch(environ)
    return MPI.COMM_WORLD.rank == 0 if launch is None or MPI.COMM_WORLD.size > 1 else launch.rank == 0
