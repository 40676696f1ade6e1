"""The fabric as an object: whose communicator it uses, where its ranks are, what it counts, where results live."""

import inspect

import numpy as np
import pytest
from mpi4py import MPI

from gpumpi.device.pool import BufferPool
from gpumpi.fabric import Fabric
from gpumpi.trace import Trace

pytestmark = pytest.mark.ranks(1, 2, 3, 4, 5)


def test_the_users_communicator_stays_the_users():
    comm = MPI.COMM_WORLD.Dup()
    with Fabric(comm, watchdog_s=0) as fabric:
        assert MPI.Comm.Compare(fabric.comm, comm) == MPI.CONGRUENT
    assert fabric.comm == MPI.COMM_NULL
    assert comm.allreduce(1) == comm.size
    comm.Free()


def test_an_error_in_the_block_does_not_wait_for_the_others():
    with pytest.raises(KeyError), Fabric(watchdog_s=0) as fabric:
        raise KeyError(fabric.rank)


def test_a_part_of_the_ranks(fabric):
    half = MPI.Intracomm(fabric.comm.Split(fabric.rank % 2))
    with Fabric(half, watchdog_s=60) as part:
        assert part.allreduce(1) == len(range(fabric.rank % 2, fabric.size, 2))
    half.Free()
    with pytest.raises(TypeError, match="intracommunicator"):
        Fabric(MPI.COMM_NULL)


def test_topology(fabric):
    place = fabric.topology
    assert (fabric.local.rank, fabric.local.size) == (place.local_rank, place.local_size)
    assert place.nodes[fabric.rank] == place.node
    assert place.nodes.count(place.node) == place.local_size
    assert len(set(place.nodes)) == place.n_nodes
    assert fabric.local.allreduce(1) == place.local_size
    assert fabric.local.local is fabric.local
    assert set(fabric.local.collect(place.host)) == {MPI.Get_processor_name()}


def test_bytes_sent_are_counted():
    trace = Trace()
    with Fabric(trace=trace, watchdog_s=0) as fabric:
        fabric.allreduce(np.zeros(5))
        fabric.iallreduce(np.zeros(5)).wait()
        fabric.bcast(np.zeros(3), 0)
        fabric.alltoallv(np.zeros((2 * fabric.size, 3)), [2] * fabric.size)
        assert trace.counts["allreduce_sent_bytes"] == 80
        assert trace.counts["bcast_sent_bytes"] == (24 if fabric.rank == 0 else 0)
        assert trace.counts["alltoallv_sent_bytes"] == 48 * fabric.size


def test_large_results_are_warm_memory(fabric):
    pool = BufferPool()
    with Fabric(fabric.comm, pool=pool, watchdog_s=0) as own:
        found = own.allreduce(np.ones(1 << 17))
        address, held_bytes = found.__array_interface__["data"][0], pool.held_bytes
        assert held_bytes >= found.nbytes
        assert (found == own.size).all()
        del found
        again = own.allreduce(np.ones(1 << 17))
        assert again.__array_interface__["data"][0] == address
        assert pool.held_bytes == held_bytes
        assert own.allreduce(np.ones(10)).sum() == 10 * own.size
        assert pool.held_bytes == held_bytes


def test_every_collective_is_marked_and_says_so():
    others = {"send", "recv", "isend", "irecv", "abort", "empty", "run", "start", "agreed", "close"}
    for name, method in inspect.getmembers(Fabric, inspect.isfunction):
        if name.startswith("_"):
            continue
        assert hasattr(method, "__collective__") == (name not in others), name
        assert method.__doc__
        assert "*Collective*" in method.__doc__ or name in others or name.startswith("i"), name


def test_the_environment_decides_unless_told(fabric, monkeypatch):
    """Rank 0's environment counts: launchers do not always hand it on."""
    if fabric.rank == 0:
        monkeypatch.setenv("GPUMPI_GUARD", "1")
        monkeypatch.setenv("GPUMPI_WATCHDOG_S", "0")
    with Fabric(fabric.comm) as own:
        assert own.guard is not None
    with Fabric(fabric.comm, guard=False) as own:
        assert own.guard is None
