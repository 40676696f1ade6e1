"""Whether a launcher started this process, and as which of how many ranks, read from the environment.

Knows: the variables that mpirun, Hydra and srun set. Does not know: MPI, which must not be loaded by a process that is
about to start `mpirun` itself.
"""

from __future__ import annotations

from collections.abc import Mapping

_SIZES = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MPI_LOCALNRANKS", "SLURM_STEP_NUM_TASKS")
_RANKS = ("OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", "SLURM_PROCID")


def launched_size(environment: Mapping[str, str]) -> int | None:
    """Ranks that the launcher started, or None if no launcher did.

    An interactive shell under ``srun --pty`` looks like a step of one task, and is none for us; so is a batch script.
    """
    for name in _SIZES:
        size = environment.get(name, "")
        if size.isdigit() and (name != "SLURM_STEP_NUM_TASKS" or int(size) > 1):
            return int(size)
    return None


def launched_rank(environment: Mapping[str, str]) -> int:
    """Rank of this process under its launcher; 0 without one."""
    if launched_size(environment) is None:
        return 0
    return next((int(environment[name]) for name in _RANKS if environment.get(name, "").isdigit()), 0)


def on_one_node(environment: Mapping[str, str]) -> bool:
    """Whether ranks started from here can only land on this machine, as far as the batch system says."""
    nodes = environment.get("SLURM_JOB_NUM_NODES") or environment.get("SLURM_NNODES") or "1"
    if nodes != "1":
        return False
    several_hosts = ("PBS_NODEFILE", "PE_HOSTFILE", "LSB_HOSTS", "LSB_MCPU_HOSTS", "OAR_NODEFILE", "COBALT_NODEFILE")
    hostfiles = ("PRTE_MCA_prte_default_hostfile", "OMPI_MCA_orte_default_hostfile", "HYDRA_HOST_FILE")
    return not any(environment.get(name) for name in several_hosts + hostfiles)
