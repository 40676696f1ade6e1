"""The first row of each key of a sorted table.

Knows: sorted blocks, words, fabric. Does not know: how they were sorted.
"""

from __future__ import annotations

import numpy as np

from gpumpi.algorithms.proof import key_words
from gpumpi.algorithms.sort.finish import SortedContent
from gpumpi.algorithms.sort.plan import SortPlan
from gpumpi.array.content import BLOCK_BYTES, ArrayContent, take
from gpumpi.device.base import Device, Rows
from gpumpi.fabric import Fabric
from gpumpi.schema import Schema


def first_of_each_key(
    fabric: Fabric, device: Device, content: SortedContent, schema: Schema, plan: SortPlan
) -> ArrayContent:
    """This rank's rows that are the first of their key over all ranks.

    Notes
    -----
    *Collective*. *Cost*: one small exchange: the last key of each rank.
    """
    pieces: list[list[Rows]] = []
    last = None
    for _, columns in content.blocks(max(1, BLOCK_BYTES // max(1, schema.row_bytes))):
        words = key_words(device, columns, plan.key_plan)
        chosen = device.first_of_runs(words)
        if last is not None and (words[:, 0] == last).all():
            chosen = chosen[1:]
        last = words[:, -1].copy()
        pieces.append([take(device, rows, chosen) for rows in columns])
    columns = [
        np.concatenate([np.empty((0, column.row_bytes), np.uint8), *(piece[index] for piece in pieces)])
        for index, column in enumerate(schema.columns)
    ]
    if _begins_with_key_before(fabric, content, plan):
        columns = [rows[1:] for rows in columns]
    return ArrayContent(columns)


def _begins_with_key_before(fabric: Fabric, content: SortedContent, plan: SortPlan) -> bool:
    """Whether this rank's first key is the last key of the nearest rank before it that has rows."""
    lasts = fabric.collect(content.watch.last)[: fabric.rank]
    before = next((last for last in reversed(lasts) if last is not None), None)
    first = content.watch.first
    return first is not None and before is not None and bool((first == before).all())
