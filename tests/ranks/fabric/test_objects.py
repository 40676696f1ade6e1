"""share and collect: small Python objects, and those that cannot be sent."""

import numpy as np
import pytest

from gpumpi.errors import GpumpiError

pytestmark = pytest.mark.ranks(1, 2, 3, 4, 5)


def test_share(fabric):
    for root in {0, fabric.size - 1}:
        said = {"rank": fabric.rank, "array": np.arange(3), "none": None}
        heard = fabric.share(said, root)
        assert heard["rank"] == root
        np.testing.assert_array_equal(heard["array"], np.arange(3))


def test_collect(fabric):
    heard = fabric.collect("x" * fabric.rank * 1000)
    assert heard == ["x" * rank * 1000 for rank in range(fabric.size)]


def test_what_cannot_be_pickled_is_an_error_on_every_rank(fabric):
    with pytest.raises(GpumpiError, match="rank 0's object cannot be sent"):
        fabric.share(lambda: None)
    last = fabric.size - 1
    with pytest.raises(GpumpiError, match=f"rank {last}'s object cannot be sent"):
        fabric.collect((lambda: None) if fabric.rank == last else 1)
