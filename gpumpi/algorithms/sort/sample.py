"""The same splitters on every rank, from keys looked at all over the input.

Knows: contents, fabric. Does not know: how splitters are used.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from gpumpi.algorithms.sort.plan import SortPlan
from gpumpi.array.content import Content, read_runs
from gpumpi.array.layout import Layout
from gpumpi.device.base import Device, Rows, Words
from gpumpi.exchange.partitioner import RangePartitioner, range_partitioner, sample_positions
from gpumpi.fabric import Fabric
from gpumpi.schema import Schema

_SEED = 20010


def splitters(
    fabric: Fabric, device: Device, content: Content, layout: Layout, schema: Schema, plan: SortPlan
) -> RangePartitioner:
    """Splitters into ``plan.n_partitions`` ranges of about equal numbers of rows; the same on every rank.

    Notes
    -----
    *Collective*. *Cost*: reads ``sample_blocks * sample_block_rows`` rows of the key columns over all ranks, and sends
    their words to each.
    """
    if plan.n_partitions == 1:
        return range_partitioner(np.empty((plan.key_plan.n_words, 0), np.uint64), np.empty(0, np.int64), 1)
    with fabric.agreed():
        words, rows = _sample(device, content, layout.offsets[fabric.rank], schema, plan)
    every_word = np.ascontiguousarray(fabric.allgatherv(np.ascontiguousarray(words.T)).T)
    every_row = fabric.allgatherv(rows)
    order = device.order(every_word)
    return range_partitioner(np.ascontiguousarray(every_word[:, order]), every_row[order], plan.n_partitions)


def _sample(
    device: Device, content: Content, first_row: int, schema: Schema, plan: SortPlan
) -> tuple[Words, npt.NDArray[np.int64]]:
    """Words and global rows of this rank's part of the sample, in row order."""
    positions = sample_positions(plan.n_rows, plan.sample_blocks, plan.sample_block_rows, _SEED)
    length = min(plan.sample_block_rows, content.n_local)
    mine = positions[(positions >= first_row) & (positions < first_row + content.n_local)] - first_row
    starts = np.minimum(mine, content.n_local - length)
    columns: dict[int, Rows] = {}
    for index in plan.key_plan.columns:
        columns[index] = device.pool.rows(starts.size * length, schema.columns[index].row_bytes)
        read_runs(content, index, starts, columns[index])
    rows = first_row + (starts[:, None] + np.arange(length)).ravel()
    return device.words(columns, plan.key_plan), rows
