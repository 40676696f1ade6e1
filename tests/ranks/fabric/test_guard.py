"""With the guard on, every rank hears who calls something else; without it, nothing is compared."""

import numpy as np
import pytest

from gpumpi.errors import CollectiveMismatch
from gpumpi.fabric import Fabric, collective

pytestmark = pytest.mark.ranks(2, 3, 4, 5)


@pytest.fixture(scope="module")
def guarded(fabric):
    with Fabric(fabric.comm, guard=True, watchdog_s=60) as guarded:
        yield guarded


def odd_and_many(fabric, odd, many):
    """The last rank makes another call; what every rank is told."""
    with pytest.raises(CollectiveMismatch) as raised:
        odd(fabric) if fabric.rank == fabric.size - 1 else many(fabric)
    assert len(set(fabric.collect(str(raised.value)))) == 1
    return str(raised.value)


def callers(size):
    """Who is odd and who is many: of two ranks neither is, and the lower one's call is taken as the many's."""
    many = {2: "rank 0 calls", 3: "ranks 0, 1 call"}.get(size, f"ranks 0-{size - 2} call")
    return f"rank {size - 1} calls", many


ONES = np.ones(4)
CASES = {
    "another collective": (
        lambda f: f.barrier(), lambda f: f.bcast(ONES.copy()),
        "barrier()", "bcast(buf=float64 (4,), root=0)",
    ),
    "another root": (
        lambda f: f.reduce(ONES, root=1), lambda f: f.reduce(ONES),
        "reduce(send=float64 (4,), op=sum, root=1)", "reduce(send=float64 (4,), op=sum, root=0)",
    ),
    "another operation": (
        lambda f: f.allreduce(ONES, op="max"), lambda f: f.allreduce(ONES),
        "allreduce(send=float64 (4,), op=max)", "allreduce(send=float64 (4,), op=sum)",
    ),
    "another dtype": (
        lambda f: f.scan(ONES.astype("f4")), lambda f: f.scan(ONES),
        "scan(send=float32 (4,), op=sum)", "scan(send=float64 (4,), op=sum)",
    ),
    "another shape": (
        lambda f: f.iallgather(ONES[:3]), lambda f: f.iallgather(ONES),
        "iallgather(send=float64 (3,), recv=no)", "iallgather(send=float64 (4,), recv=no)",
    ),
    "another row shape": (
        lambda f: f.allgatherv(np.ones((3, 2))), lambda f: f.allgatherv(np.ones((4, 3))),
        "allgatherv(send=float64 (*, 2), counts=no)", "allgatherv(send=float64 (*, 3), counts=no)",
    ),
    "counts given by one": (
        lambda f: f.allgatherv(ONES, counts=[4] * f.size), lambda f: f.allgatherv(ONES),
        "counts=[4", "counts=no",
    ),
    "another object": (
        lambda f: f.collect(1), lambda f: f.share(1), "collect()", "share(root=0)",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("odd", "many", "odd_text", "many_text"), CASES.values(), ids=CASES)
def test_the_odd_one_is_named(guarded, odd, many, odd_text, many_text):
    text = odd_and_many(guarded, odd, many)
    odd_ranks, many_ranks = callers(guarded.size)
    assert text.startswith(f"{odd_ranks} {odd_text}" if "(" in odd_text else odd_ranks)
    assert f"where {many_ranks}" in text
    assert many_text in text


def test_what_may_differ_is_not_compared(guarded):
    rank, size = guarded.rank, guarded.size
    assert len(guarded.allgatherv(np.ones((rank, 2)))) == sum(range(size))
    assert len(guarded.alltoallv(np.ones((rank * size, 2)), [rank] * size)) == sum(range(size))
    guarded.gather(np.ones(2), np.ones((size, 2)) if rank == 0 else None)
    assert guarded.local.allreduce(1) == guarded.topology.local_size
    with guarded.agreed():
        pass


class Collection:
    """Something above the fabric, with collectives of its own."""

    def __init__(self, fabric):
        self.fabric = fabric

    @collective(keys=str)
    def sort(self, keys, hint=None):
        self.fabric.barrier()
        return keys

    @collective
    def write(self):
        self.fabric.barrier()


def test_collectives_above_the_fabric(guarded, fabric):
    table = Collection(guarded)
    assert table.sort("id", hint=guarded.rank) == "id"
    text = odd_and_many(guarded, lambda _: table.sort("mass"), lambda _: table.sort("id"))
    assert "Collection.sort(keys=mass)" in text
    text = odd_and_many(guarded, lambda _: table.write(), lambda _: table.sort("id"))
    assert "Collection.write()" in text
    assert Collection.sort.__collective__
    assert Collection(fabric).sort("id") == "id"


def test_without_the_guard_nothing_is_compared(fabric):
    assert fabric.guard is None
    fabric.compare(f"rank {fabric.rank}")
