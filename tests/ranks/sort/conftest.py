import numpy as np
import pytest

import gpumpi.algorithms.check
import gpumpi.algorithms.sort.plan
import gpumpi.algorithms.sort.unique
from gpumpi import World


@pytest.fixture(scope="session")
def world():
    with World() as world:
        yield world


@pytest.fixture
def tiny(monkeypatch):
    """Partitions, pages, blocks and samples so small that little data needs many of each."""
    plan = gpumpi.algorithms.sort.plan
    for name, value in [
        ("PARTITION_BYTES", 1024), ("BLOCK_BYTES", 16_384), ("LARGEST_BLOCK_BYTES", 16_384), ("MESSAGE_BYTES", 64), ("KIB", 4), ("MIB", 1024),
        ("SAMPLE_BLOCKS", 50), ("SAMPLE_BLOCKS_A_RANK", 20), ("SAMPLE_ROWS", 150), ("LEAST_BLOCK_ROWS", 3), ("MOST_PARTITIONS", 64),
    ]:  # fmt: skip
        monkeypatch.setattr(plan, name, value)
    monkeypatch.setattr(gpumpi.algorithms.check, "BLOCK_BYTES", 500)
    monkeypatch.setattr(gpumpi.algorithms.sort.unique, "BLOCK_BYTES", 500)


@pytest.fixture
def spread(world):
    """spread(columns, borders): the table of columns that every rank knows, each rank passing its own piece."""

    def make(columns, borders=None):
        n = len(next(iter(columns.values())))
        borders = borders or [rank * n // world.size for rank in range(world.size + 1)]
        mine = slice(borders[world.rank], borders[world.rank + 1])
        return world.table({name: values[mine] for name, values in columns.items()})

    return make


@pytest.fixture
def same_rows(world):
    """same_rows(table, columns): this rank's piece of a table is its slice of the columns, bit for bit."""

    def compare(table, columns):
        n = len(next(iter(columns.values())))
        assert table.n_global == len(table) == n == sum(table.layout.counts)
        assert table.columns == list(columns)
        start, stop = table.layout.offsets[world.rank : world.rank + 2]
        for name, values in columns.items():
            piece, expected = table[name].local, values[start:stop]
            assert (piece.dtype, piece.shape) == (expected.dtype, expected.shape), name
            assert piece.tobytes() == np.ascontiguousarray(expected).tobytes(), name

    return compare
