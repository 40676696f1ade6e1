"""Rows packed, delivered and kept: every row reaches its partition's owner, in input order."""

import numpy as np
import pytest

from gpumpi.errors import UserError
from gpumpi.exchange.exchange import Exchange
from gpumpi.memory.budget import Budget
from gpumpi.memory.pager import Pager
from gpumpi.trace import Trace

pytestmark = pytest.mark.ranks(1, 2, 3, 4, 5)


def make(world, widths, partitions_a_rank, page_rows=7, limit_bytes=1 << 30):
    pager = Pager(world.device, Budget(limit_bytes), widths, partitions_a_rank, page_rows)
    trace = Trace()
    n_partitions = partitions_a_rank * world.size
    return Exchange(world.fabric, world.device, pager, widths, n_partitions, trace), pager, trace


def blocks_of_all(rng, world, widths, n_partitions, n_blocks, most):
    """For every rank its blocks, known to all: (first row, columns, ids)."""
    found, first_row = [], 0
    for rank in range(world.size):
        mine = []
        for _ in range(n_blocks(rank)):
            n = int(rng.integers(0, most + 1))
            columns = [rng.integers(0, 256, (n, width), dtype=np.uint8) for width in widths]
            mine.append((first_row, columns, rng.integers(0, n_partitions, n).astype(np.uint16)))
            first_row += n
        found.append(mine)
    return found


@pytest.mark.parametrize("widths", [(8,), (1, 4, 3), (100, 0, 16)], ids=str)
@pytest.mark.parametrize("partitions_a_rank", [1, 4])
@pytest.mark.parametrize("most", [0, 5, 400])
@pytest.mark.parametrize("blocks", ["three each", "one has none", "only one has"])
def test_every_row_arrives_where_its_partition_is_kept(world, rng, widths, partitions_a_rank, most, blocks):
    n_blocks = {
        "three each": lambda rank: 3, "one has none": lambda rank: 0 if rank == 0 else 2 + rank % 2,
        "only one has": lambda rank: 3 if rank == world.size - 1 else 0,
    }[blocks]  # fmt: skip
    n_partitions = partitions_a_rank * world.size
    everyone = blocks_of_all(rng, world, widths, n_partitions, n_blocks, most)
    exchange, pager, trace = make(world, widths, partitions_a_rank)
    waiting = iter(everyone[world.rank])
    sent = 0
    for _ in range(max(map(len, everyone))):
        block = next(waiting, None)
        if block is None:
            packed = exchange.nothing
        else:
            first_row, columns, ids = block
            packed = exchange.pack(first_row, columns, ids, np.bincount(ids, minlength=n_partitions))
            sent += sum(width * int((ids // partitions_a_rank != world.rank).sum()) for width in widths)
        exchange.keep(exchange.deliver(packed))
    for p in range(partitions_a_rank):
        wanted = world.rank * partitions_a_rank + p
        for c, width in enumerate(widths):
            expected = [columns[c][ids == wanted] for blocks in everyone for _, columns, ids in blocks]
            expected = np.concatenate([np.empty((0, width), np.uint8), *expected])
            assert pager.rows[p] == len(expected)
            out = np.empty_like(expected)
            pager.read(p, c, out)
            assert np.array_equal(out, expected)
    counted = trace.counts.get("exchange_sent_bytes", 0)
    alignment = 64 * len(widths) * world.size * len(everyone[world.rank])
    assert sent <= counted <= sent + alignment, "its own rows are not sent"


def test_rows_may_be_delivered_before_the_ones_before_them_are_kept(world, rng):
    """Blocks are told apart by their first row, not by when they come."""
    exchange, pager, _ = make(world, (4,), 1)
    arrived = []
    for step in (2, 0, 1):
        first_row = 1000 * step + 100 * world.rank
        rows = (first_row + np.arange(world.size, dtype="u4")).view(np.uint8).reshape(-1, 4)
        ids = np.arange(world.size, dtype=np.uint16)
        arrived += exchange.deliver(exchange.pack(first_row, [rows], ids, np.ones(world.size, np.int64)))
    exchange.keep(arrived)
    out = np.empty((3 * world.size, 4), np.uint8)
    pager.read(0, 0, out)
    expected = [1000 * step + 100 * rank + world.rank for step in range(3) for rank in range(world.size)]
    assert out.view("u4").ravel().tolist() == expected


def test_a_round_of_nothing(world):
    exchange, pager, trace = make(world, (8, 3), 2)
    exchange.keep(exchange.deliver(exchange.nothing))
    exchange.keep([])
    assert pager.rows.tolist() == [0, 0]
    assert trace.counts.get("exchange_sent_bytes", 0) == 0


def test_what_arrived_without_room_is_the_receiver_s_error_and_the_fabric_goes_on(world, rng):
    exchange, _, _ = make(world, (8,), 1, limit_bytes=0 if world.rank == 0 else 1 << 20)
    ids = np.zeros(10, np.uint16)  # all to rank 0
    counts = np.bincount(ids, minlength=world.size)
    arrived = exchange.deliver(exchange.pack(10 * world.rank, [np.zeros((10, 8), np.uint8)], ids, counts))
    with pytest.raises(UserError, match=r"a page of rows needs 64 B .*(\[rank 0\]|\d)"), world.fabric.agreed():
        exchange.keep(arrived)
    assert world.fabric.collect(world.rank) == list(range(world.size))
