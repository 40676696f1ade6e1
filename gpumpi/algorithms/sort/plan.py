"""What a sort will do and what it will cost, made before any row moves. Pure.

Knows: rows, bytes, ranks, keys. Does not know: data, files, devices.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from gpumpi.errors import UserError
from gpumpi.keys import Key, KeyPlan, parse_key, plan_keys, reverse
from gpumpi.schema import Schema
from gpumpi.units import KIB, MIB, format_bytes, format_count, format_rows

PARTITION_BYTES = 4 * MIB
"""A partition and its sorted copy stay in the caches of a core."""
MOST_PARTITIONS = 4096
BLOCK_BYTES, LARGEST_BLOCK_BYTES = 2 * MIB - 64 * KIB, 8 * MIB - 64 * KIB
"""A block is scattered inside the cache, several times faster than outside; packed, it fits whole huge pages."""
BLOCK_ROWS = 1 << 16
"""Tables of many columns take larger blocks: enough rows to hide the calls, each column of them still in cache."""
MESSAGE_BYTES = 64 * KIB
"""What a block should have for each rank: less, and messages cost more than their bytes."""
SAMPLE_BLOCKS, SAMPLE_BLOCKS_A_RANK = 4096, 1024
"""Neighbours may be alike, so that places count for balance, and more of them on more ranks."""
SAMPLE_ROWS, LEAST_BLOCK_ROWS = 65536, 4
_HEADROOM = 1.15
"""What the most loaded rank may hold over the mean, and half-filled pages."""


@dataclass(frozen=True)
class SortPlan:
    """A sort, decided.

    Attributes
    ----------
    key_plan : KeyPlan
        Keys and how they become words.
    n_rows, row_bytes, n_ranks : int
        The table and who sorts it.
    partitions_a_rank : int
        Ranges of the key that are finished one at a time.
    block_rows, page_rows : int
        Rows read and sent at a time, and rows a page has room for.
    sample_blocks, sample_block_rows : int
        Places looked at for splitters, and rows at each.
    unique : bool
        Only the first row of each key stays.
    head : int or None
        Only so many rows stay, the first in order.
    """

    key_plan: KeyPlan
    n_rows: int
    row_bytes: int
    n_ranks: int
    partitions_a_rank: int
    block_rows: int
    page_rows: int
    sample_blocks: int
    sample_block_rows: int
    unique: bool
    head: int | None

    @property
    def n_partitions(self) -> int:
        """Partitions over all ranks."""
        return self.partitions_a_rank * self.n_ranks

    @property
    def rank_bytes(self) -> int:
        """Bytes of a rank's share of the rows."""
        return -(-self.n_rows // self.n_ranks) * self.row_bytes

    @property
    def memory_bytes(self) -> int:
        """Host memory a rank will hold while it sorts a file: pages, and the blocks that are under way."""
        working = 6 * self.block_rows * self.row_bytes + 3 * self.rank_bytes // max(1, self.partitions_a_rank)
        return int(self.rank_bytes * _HEADROOM) + working

    @property
    def network_bytes(self) -> int:
        """Bytes a rank sends if keys are spread evenly: all but its own share."""
        return self.rank_bytes * (self.n_ranks - 1) // self.n_ranks

    def as_dict(self) -> dict[str, Any]:
        """The plan for machines."""
        found = asdict(self)
        del found["key_plan"]
        return {
            "keys": [str(key) for key in self.key_plan.keys],
            "key_bits": self.key_plan.n_bits,
            **found,
            "n_partitions": self.n_partitions,
            "memory_bytes_a_rank": self.memory_bytes,
            "sent_bytes_a_rank": self.network_bytes,
        }

    def explain(self) -> str:
        """The plan for people, a step a line."""
        sampled = self.sample_blocks * self.sample_block_rows
        partition_bytes = self.rank_bytes // max(1, self.partitions_a_rank)
        lines = [
            f"sort {format_rows(self.n_rows)} rows of {self.row_bytes} bytes "
            f"({format_bytes(self.n_rows * self.row_bytes)}) by {', '.join(map(str, self.key_plan.keys))} "
            f"on {format_count(self.n_ranks, 'rank')}",
            f"  keys        {self.key_plan.n_bits} bits in {format_count(self.key_plan.n_words, 'word')} of 64",
            f"  sample      {format_rows(min(sampled, self.n_rows))} rows at {format_rows(self.sample_blocks)} places",
            f"  distribute  blocks of {format_rows(self.block_rows)} rows to "
            f"{format_count(self.n_partitions, 'partition')} "
            f"({self.partitions_a_rank} a rank, {format_bytes(partition_bytes)} each); "
            f"a rank sends {format_bytes(self.network_bytes)}",
            f"  finish      a partition at a time: input order, stable sort, check{self._keeps()}",
            f"  memory      {format_bytes(self.memory_bytes)} a rank",
        ]
        return "\n".join(lines)

    def _keeps(self) -> str:
        kept = []
        if self.unique:
            kept.append("the first row of each key stays")
        if self.head is not None:
            kept.append(f"the first {format_rows(self.head)} rows stay")
        return "; " + ", ".join(kept) if kept else ""


def make_plan(
    schema: Schema,
    keys: Sequence[str | Key],
    n_ranks: int,
    *,
    descending: bool = False,
    unique: bool = False,
    head: int | None = None,
) -> SortPlan:
    """The plan of a sort.

    Parameters
    ----------
    schema : Schema
        The whole table.
    keys : sequence of str or Key
        Most significant first; may be empty if the table is a single plain column.
    n_ranks : int
    descending : bool
        Turn the direction of every key around.
    unique, head
        See `SortPlan`.

    Raises
    ------
    UserError
        If a key cannot be sorted by, or `head` is negative.
    """
    if head is not None and head < 0:
        raise UserError(f"head {head}: a number of rows is not negative")
    parsed = [parse_key(key) for key in keys]
    key_plan = plan_keys(reverse(parsed) if descending and parsed else parsed, schema.columns)
    if descending and not parsed:
        key_plan = plan_keys(reverse(key_plan.keys), schema.columns)
    rank_bytes = -(-schema.n_rows // n_ranks) * schema.row_bytes
    partitions = _partitions_a_rank(rank_bytes, n_ranks)
    places = max(SAMPLE_BLOCKS, SAMPLE_BLOCKS_A_RANK * n_ranks)
    sample_block_rows = max(LEAST_BLOCK_ROWS, SAMPLE_ROWS // places)
    return SortPlan(
        key_plan=key_plan,
        n_rows=schema.n_rows,
        row_bytes=schema.row_bytes,
        n_ranks=n_ranks,
        partitions_a_rank=partitions,
        block_rows=_block_rows(schema.row_bytes, n_ranks),
        page_rows=_page_rows(rank_bytes // partitions, schema.row_bytes),
        sample_blocks=max(1, min(places, schema.n_rows // sample_block_rows)),
        sample_block_rows=sample_block_rows,
        unique=unique,
        head=head,
    )


def _partitions_a_rank(rank_bytes: int, n_ranks: int) -> int:
    """A power of two, so that each rank owns as many."""
    wanted = max(1, rank_bytes // PARTITION_BYTES)
    most = max(1, MOST_PARTITIONS // n_ranks)
    return min(1 << (wanted - 1).bit_length(), 1 << (most.bit_length() - 1))


def _block_rows(row_bytes: int, n_ranks: int) -> int:
    wanted = max(BLOCK_BYTES, min(BLOCK_ROWS * row_bytes, LARGEST_BLOCK_BYTES), MESSAGE_BYTES * n_ranks)
    return max(1, wanted // max(1, row_bytes))


def _page_rows(partition_bytes: int, row_bytes: int) -> int:
    """Rows of a page: an eighth of a partition, so that little room is left over, within 64 KiB and 1 MiB."""
    page_bytes = min(max(partition_bytes // 8, 64 * KIB), MIB)
    return max(1, page_bytes // max(1, row_bytes))
