"""Does MPI's world have the size that the launcher says?"""

import pytest

from gpumpi.errors import UserError
from gpumpi.fabric.launcher import check_world, find_launch

SRUN = {"SLURM_STEP_ID": "0", "SLURM_STEP_NUM_TASKS": "4", "SLURM_PROCID": "2", "SLURM_NTASKS": "4"}
BATCH = {"SLURM_NTASKS": "4", "SLURM_PROCID": "0", "SLURM_JOB_ID": "7"}
MPIRUN = {"OMPI_COMM_WORLD_SIZE": "4", "OMPI_COMM_WORLD_RANK": "3"}
HYDRA = {"PMI_SIZE": "4", "PMI_RANK": "1"}


@pytest.mark.parametrize(("environ", "rank"), [(SRUN, 2), (MPIRUN, 3), (HYDRA, 1), ({"MV2_COMM_WORLD_SIZE": "4"}, 0)])
def test_a_world_of_the_right_size_passes(environ, rank):
    launch = find_launch(environ)
    assert (launch.size, launch.rank) == (4, rank)
    check_world(4, environ)


@pytest.mark.parametrize(
    "environ",
    [{}, BATCH, {**BATCH, "SLURM_STEP_ID": "4294967290", "SLURM_STEP_NUM_TASKS": "1"}, {"OMPI_COMM_WORLD_SIZE": ""}],
    ids=["nothing", "batch script", "interactive step", "empty"],
)
def test_without_a_launcher_any_size_passes(environ):
    assert find_launch(environ) is None
    check_world(1, environ)
    check_world(8, environ)


def test_an_mpirun_inside_a_slurm_job_counts_not_the_job():
    daemon_step = {"SLURM_STEP_ID": "0", "SLURM_STEP_NUM_TASKS": "2", "SLURM_PROCID": "1"}
    check_world(4, {**BATCH, **daemon_step, **MPIRUN})


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        (SRUN, ["srun started 4 ranks (SLURM_STEP_NUM_TASKS)", "sees 1", "srun with --mpi=pmix or --mpi=pmi2"]),
        (MPIRUN, ["Open MPI's mpirun started 4 ranks (OMPI_COMM_WORLD_SIZE)", "sees 1", "the mpirun that belongs"]),
        (HYDRA, ["started 4 ranks (PMI_SIZE)", "sees 1"]),
    ],
    ids=["srun", "mpirun", "hydra"],
)
def test_separate_jobs_of_one_rank_are_found(environ, words):
    with pytest.raises(UserError) as raised:
        check_world(1, environ)
    text = str(raised.value)
    assert all(word in text for word in words), text
    assert "\n" not in text
