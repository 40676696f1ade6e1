import pytest

from gpumpi import World


@pytest.fixture(scope="session")
def world():
    with World() as world:
        yield world
