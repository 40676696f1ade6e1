"""Candidates for the first rows of a sort, without sorting the rest.

Knows: contents, words. Does not know: other ranks.
Source: repeated selection with a falling bound, as in top-k of external merge sorts: G. Graefe, "Implementing sorting
in database systems" (ACM Computing Surveys 2006).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from gpumpi.algorithms.proof import key_words
from gpumpi.array.content import ArrayContent, Content, take
from gpumpi.device.base import Device, Rows
from gpumpi.keys import KeyPlan
from gpumpi.schema import Schema
from gpumpi.trace import Trace


def first_rows(
    device: Device, content: Content, schema: Schema, key_plan: KeyPlan, n: int, block_rows: int, trace: Trace
) -> ArrayContent:
    """This rank's `n` first rows in key order (all, if it has fewer), in input order.

    Notes
    -----
    *Cost*: each row's words are made once; rows above the n-th smallest key so far are dropped at once. Holds at most
    2 n rows and a block.
    """
    kept: list[Rows] = [np.empty((0, column.row_bytes), np.uint8) for column in schema.columns]
    bound: npt.NDArray[np.uint64] | None = None
    for start, columns in content.blocks(block_rows):
        words = device.words(columns, key_plan)
        chosen = np.arange(words.shape[1]) if bound is None else device.rows_up_to(words, bound)
        kept = [np.concatenate([old, take(device, new, chosen)]) for old, new in zip(kept, columns, strict=True)]
        if n and len(kept[0]) >= 2 * n:
            kept, bound = _smallest(device, kept, key_plan, n)
        trace.progress(start + words.shape[1], content.n_local)
    if len(kept[0]) > n:
        kept, _ = _smallest(device, kept, key_plan, n)
    return ArrayContent(kept)


def _smallest(
    device: Device, columns: Sequence[Rows], key_plan: KeyPlan, n: int
) -> tuple[list[Rows], npt.NDArray[np.uint64] | None]:
    """The `n` first rows in key order, in input order, and the words of the last of them."""
    words = key_words(device, columns, key_plan)
    order = device.order(words)[:n]
    bound = words[:, order[-1]].copy() if n else None
    return [take(device, rows, np.sort(order)) for rows in columns], bound
