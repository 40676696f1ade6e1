"""How rows of several columns lie in one buffer: column after column, each aligned. Pure.

Knows: widths and counts. Does not know: what lies in the buffer. Pages in memory and messages between ranks look alike.
"""

from __future__ import annotations

from collections.abc import Sequence

COLUMN_ALIGNMENT_BYTES = 64


def column_starts(row_bytes: Sequence[int], n_rows: int) -> tuple[list[int], int]:
    """Where each column begins in a buffer that holds `n_rows` of all, and the bytes it takes in all."""
    starts, at = [], 0
    for width in row_bytes:
        starts.append(at)
        at += -(-width * n_rows // COLUMN_ALIGNMENT_BYTES) * COLUMN_ALIGNMENT_BYTES
    return starts, at
