"""No rank holds more than a tenth over its share, whatever the keys are."""

import numpy as np
import pytest
from oracles import cut

from gpumpi.algorithms.check import check

pytestmark = pytest.mark.ranks(2, 3, 4, 5)

N = 1 << 20
SHAPES = {
    "uniform": lambda rng: rng.integers(0, 2**63, N),
    "all equal": lambda rng: np.full(N, 3),
    "zipf": lambda rng: rng.zipf(1.2, N),
    "three values": lambda rng: rng.integers(0, 3, N),
    "sorted": lambda rng: np.arange(N),
}


@pytest.fixture(params=SHAPES)
def values(request, rng):
    return SHAPES[request.param](rng)


@pytest.mark.parametrize("how", ["even", "uneven", "first holds all"])
def test_arrays_are_settled_evenly(world, rng, values, how):
    borders = cut(rng, N, world.size, how)
    found = world.array(values[borders[world.rank] : borders[world.rank + 1]]).sort()
    assert found.layout.imbalance <= 1.1, found.layout.counts
    assert found.layout.counts == tuple(world.fabric.collect(len(found.local)))
    start, stop = found.layout.offsets[world.rank : world.rank + 2]
    assert np.array_equal(found.local, np.sort(values)[start:stop])


def test_tables_are_balanced_before_they_are_settled(world, values):
    mine = np.array_split(values, world.size)[world.rank]
    table = world.table({"k": mine, "s": mine.astype("S3"), "v": np.empty((len(mine), 2), "i1")})
    found = table.sort("s", "k:desc")
    assert found.layout.imbalance <= 1.1, found.layout.counts
    assert found.layout.counts == tuple(world.fabric.collect(found.n_local))


def test_argsort_is_balanced_and_stable(world, values):
    mine = np.array_split(values, world.size)[world.rank]
    found = world.array(mine).argsort()
    assert found.layout.imbalance <= 1.1, found.layout.counts
    start, stop = found.layout.offsets[world.rank : world.rank + 2]
    assert np.array_equal(found.local, np.argsort(values, kind="stable")[start:stop])


def test_a_check_of_it_all_is_content(world, values):
    array = world.array(np.array_split(values, world.size)[world.rank])
    report = check(array.sort()._table(), ["value"], against=array._table())
    assert (report.ok, report.same_rows, report.n_rows) == (True, True, N)
