"""Devices by name."""

import pytest

from gpumpi.device import open_device
from gpumpi.errors import UserError


@pytest.mark.parametrize("name", ["auto", "cpu"])
def test_the_cpu_is_there(name):
    assert open_device(name).name == "cpu"


@pytest.mark.parametrize("name", ["gpu", "CPU", "", "cuda:0"])
def test_an_unknown_device_is_refused_with_the_known_ones(name):
    with pytest.raises(UserError, match=f"device '{name}' is not one of auto, cpu, cuda"):
        open_device(name)
