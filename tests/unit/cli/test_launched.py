"""Whether a launcher started this process, from what launchers really set."""

import pytest

from gpumpi.cli.launched import launched_rank, launched_size, on_one_node

MPIRUN = {"OMPI_COMM_WORLD_SIZE": "4", "OMPI_COMM_WORLD_RANK": "3", "PMIX_RANK": "3"}
MPICH = {"PMI_SIZE": "8", "PMI_RANK": "2"}
SRUN = {"SLURM_JOB_ID": "7", "SLURM_STEP_ID": "0", "SLURM_STEP_NUM_TASKS": "6", "SLURM_PROCID": "5"}
SRUN_SHELL = {"SLURM_JOB_ID": "7", "SLURM_STEP_ID": "0", "SLURM_STEP_NUM_TASKS": "1", "SLURM_PROCID": "0"}
BATCH_SCRIPT = {"SLURM_JOB_ID": "7", "SLURM_NTASKS": "16", "SLURM_PROCID": "0", "SLURM_JOB_NUM_NODES": "1"}


@pytest.mark.parametrize(
    ("environment", "size", "rank"),
    [
        ({}, None, 0), (MPIRUN, 4, 3), (MPICH, 8, 2), (SRUN, 6, 5), (SRUN_SHELL, None, 0), (BATCH_SCRIPT, None, 0),
        ({**BATCH_SCRIPT, **MPIRUN}, 4, 3), ({**SRUN_SHELL, **MPIRUN}, 4, 3),
    ],
)  # fmt: skip
def test_size_and_rank(environment: dict[str, str], size: int | None, rank: int) -> None:
    assert launched_size(environment) == size
    assert launched_rank(environment) == rank


@pytest.mark.parametrize(
    ("environment", "answer"),
    [
        ({}, True), (BATCH_SCRIPT, True), ({"SLURM_JOB_NUM_NODES": "2"}, False), ({"SLURM_NNODES": "3"}, False),
        ({"PBS_NODEFILE": "/nodes"}, False), ({"PRTE_MCA_prte_default_hostfile": "/hosts"}, False),
    ],
)  # fmt: skip
def test_one_node(environment: dict[str, str], answer: bool) -> None:
    assert on_one_node(environment) is answer
