"""Requests keep their memory alive, can be asked and waited for more than once, and end with the fabric."""

import gc
import weakref

import numpy as np
import pytest

from gpumpi.fabric import Fabric, Request, wait_all

pytestmark = pytest.mark.ranks(1, 2, 3, 4, 5)


def test_test_and_wait(fabric):
    request = fabric.iallreduce(np.arange(3))
    assert isinstance(request, Request)
    while not request.test():
        pass
    assert request.test()
    for _ in range(2):
        np.testing.assert_array_equal(request.wait(), np.arange(3) * fabric.size)
    assert "done" in repr(request)


def test_buffers_outlive_their_names(fabric):
    """Rank 0 sends late: until then only the request of each rank holds the memory of both arrays."""
    request = fabric.ibcast(np.full(100_000, fabric.rank, "i8"), 0)
    sent = np.full(100_000, fabric.rank, "i8")
    alive = weakref.ref(sent)
    gathering = fabric.iallgather(sent)
    del sent
    gc.collect()
    if not gathering.test():
        assert alive() is not None
    assert (request.wait() == 0).all()
    np.testing.assert_array_equal(gathering.wait()[:, 0], np.arange(fabric.size))
    gc.collect()
    assert alive() is None


def test_many_at_once_in_any_order_of_waiting(fabric, limit):
    requests = [fabric.iallreduce(np.arange(50) + step) for step in range(10)]
    for step, request in reversed(list(enumerate(requests))):
        np.testing.assert_array_equal(request.wait(), (np.arange(50) + step) * fabric.size)
    assert wait_all([]) == []


def test_what_nobody_waits_for_ends_with_the_fabric(fabric):
    own = Fabric(fabric.comm, watchdog_s=0, guard=False)
    target = np.zeros(4, int)
    own.irecv(target, (own.rank - 1) % own.size)
    own.isend(np.full(4, own.rank), (own.rank + 1) % own.size)
    own.close()
    own.close()
    assert (target == (own.rank - 1) % own.size).all()
    assert not own.pending
