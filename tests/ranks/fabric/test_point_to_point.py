"""send, recv, isend, irecv: messages of any dtype arrive, in order, under their tag."""

import numpy as np
import pytest

from gpumpi.fabric import wait_all

pytestmark = pytest.mark.ranks(1, 2, 3, 4, 5)


@pytest.mark.parametrize("dtype", ["u1", "f2", ">f8", "V7", np.dtype([("id", "u8"), ("name", "S3")])], ids=str)
@pytest.mark.parametrize("n", [0, 1, 1000])
def test_everyone_to_everyone(fabric, limit, everyone, dtype, n):
    arrays = everyone((n,), dtype)
    peers = range(fabric.size)
    targets = [np.zeros(n, dtype) for _ in peers]
    receiving = [fabric.irecv(targets[peer], peer, tag=3) for peer in peers]
    sending = [fabric.isend(arrays[fabric.rank], peer, tag=3) for peer in peers]
    assert wait_all(sending) == [None] * fabric.size
    results = wait_all(receiving)
    for peer in peers:
        assert results[peer] is targets[peer]
        assert targets[peer].tobytes() == arrays[peer].tobytes()


def test_ring_of_blocking_messages(fabric, limit):
    if fabric.size == 1:
        pytest.skip("a blocking message to oneself waits for ever")
    token, (rank, size) = np.zeros(20, "i4"), (fabric.rank, fabric.size)
    if rank == 0:
        fabric.send(token + 1, 1)
        fabric.recv(token, size - 1)
        assert (token == size).all()
    else:
        assert fabric.recv(token, rank - 1) is token
        fabric.send(token + 1, (rank + 1) % size)


def test_any_peer_and_tags(fabric):
    if fabric.rank:
        fabric.send(np.array([fabric.rank]), 0, tag=fabric.rank)
        return
    by_tag = [fabric.recv(np.zeros(1, int), tag=tag)[0] for tag in reversed(range(1, fabric.size))]
    assert by_tag == list(reversed(range(1, fabric.size)))


def test_a_shorter_message_leaves_the_rest(fabric):
    target = np.full(5, -1)
    receiving = fabric.irecv(target, fabric.rank)
    fabric.isend(np.array([1, 2]), fabric.rank).wait()
    assert receiving.wait().tolist() == [1, 2, -1, -1, -1]
