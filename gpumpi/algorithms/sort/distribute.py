"""Rows from wherever they are to the ranks that own their partitions.

Knows: contents, exchange, pager. Does not know: what is done with a partition.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gpumpi.algorithms.proof import Digest
from gpumpi.algorithms.sort.plan import SortPlan
from gpumpi.array.content import Content
from gpumpi.array.layout import Layout
from gpumpi.array.world import World
from gpumpi.exchange.exchange import Arrived, Exchange, Packed
from gpumpi.exchange.partitioner import RangePartitioner
from gpumpi.memory.pager import Pager
from gpumpi.schema import Schema


def distribute(
    world: World, content: Content, layout: Layout, schema: Schema, plan: SortPlan, partitioner: RangePartitioner
) -> tuple[Pager, Digest]:
    """Pages of this rank's partitions, and the digest of the rows this rank has read.

    Notes
    -----
    *Collective*. *Cost*: every row that changes rank is sent once; `SortPlan.block_rows` rows are under way at a time.
    """
    row_bytes = [column.row_bytes for column in schema.columns]
    pager = Pager(world.device, world.budget, row_bytes, plan.partitions_a_rank, plan.page_rows)
    exchange = Exchange(world.fabric, world.device, pager, row_bytes, plan.n_partitions, world.trace)
    read = Digest()
    packed_blocks = _packed(world, content, layout.offsets[world.rank], plan, partitioner, exchange, read)
    rounds = -(-max(layout.counts) // plan.block_rows)
    arrived: list[Arrived] = []
    try:
        for _ in range(rounds):
            arrived = _round(exchange, arrived, packed_blocks)
        with world.fabric.agreed():
            exchange.keep(arrived)
    except BaseException:
        pager.close()
        raise
    return pager, read


def _round(exchange: Exchange, arrived: list[Arrived], packed_blocks: Iterator[Packed]) -> list[Arrived]:
    """Keep what arrived, send the next block; what arrives then."""
    failed: Exception | None = None
    try:
        exchange.keep(arrived)
        packed = next(packed_blocks, exchange.nothing)
    except Exception as error:
        failed, packed = error, exchange.nothing
    return exchange.deliver(packed, failed)


def _packed(
    world: World,
    content: Content,
    first_row: int,
    plan: SortPlan,
    partitioner: RangePartitioner,
    exchange: Exchange,
    read: Digest,
) -> Iterator[Packed]:
    """This rank's blocks, read, digested and packed by destination."""
    device = world.device
    lookup = device.lookup(partitioner.words, partitioner.rows)
    missing = np.zeros(plan.n_partitions - partitioner.n_partitions, np.int64)
    for start, columns in content.blocks(plan.block_rows):
        read.add(device, columns)
        ids, counts = device.partition(columns, plan.key_plan, first_row + start, lookup)
        yield exchange.pack(first_row + start, columns, ids, np.concatenate([counts, missing]))
        world.trace.progress(start + len(columns[0]), content.n_local)
