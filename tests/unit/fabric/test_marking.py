"""The mark on collectives: what it records of a call, and that parts of a call count as one."""

import inspect

import pytest

from gpumpi.fabric.marking import collective, standing
from gpumpi.fabric.place import Place


class Ring:
    """The least that the mark needs of a fabric."""

    guard = None

    def __init__(self):
        self.place = Place()

    @property
    def fabric(self):
        return self

    @collective
    def outer(self):
        """Two of them."""
        return self.inner(1), self.inner(value=2), self.place.name

    @collective(value=str)
    def inner(self, value=0):
        return value

    @standing
    def wait(self):
        return self.place.name

    @collective
    def fail(self):
        raise KeyError


def test_parts_of_a_collective_are_not_counted():
    ring = Ring()
    assert ring.outer() == (1, 2, "outer")
    assert (ring.place.name, ring.place.collectives, ring.place.calls) == (None, 1, 1)


def test_waiting_is_a_call_and_no_collective():
    ring = Ring()
    assert ring.wait() == "wait"
    assert (ring.place.name, ring.place.collectives, ring.place.calls) == (None, 0, 1)


def test_an_error_ends_the_call():
    ring = Ring()
    with pytest.raises(KeyError):
        ring.fail()
    assert ring.place.name is None


def test_names_signatures_and_docstrings_stay():
    assert Ring.outer.__name__ == "outer"
    assert Ring.outer.__doc__ == "Two of them."
    assert str(inspect.signature(Ring.inner)) == "(self, value=0)"
    assert Ring.outer.__collective__
    assert not hasattr(Ring.wait, "__collective__")
