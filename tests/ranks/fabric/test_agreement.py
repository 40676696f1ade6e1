"""agreed(): what one rank raises, every rank raises, with one text and one exit code."""

import pytest

from gpumpi.errors import CheckFailed, GpumpiError, LostRows, UserError

pytestmark = pytest.mark.ranks(1, 2, 3, 4, 5)


class OwnUserError(UserError):
    """A class that other ranks need not know."""


def on(fabric, rank, error):
    with fabric.agreed():
        if rank in (fabric.rank, "all"):
            raise error


def test_without_an_error_everyone_goes_on(fabric):
    with fabric.agreed():
        done = True
    assert done


@pytest.mark.parametrize("kind", [UserError, CheckFailed, LostRows, GpumpiError])
def test_one_rank_fails(fabric, kind):
    last = fabric.size - 1
    where = f" [rank {last}]" if fabric.size > 1 else ""
    with pytest.raises(kind) as raised:
        on(fabric, last, kind("scratch: disk full"))
    assert type(raised.value) is kind
    assert str(raised.value) == f"scratch: disk full{where}"


def test_all_ranks_fail_alike(fabric):
    with pytest.raises(UserError) as raised:
        on(fabric, "all", UserError("in.h5: no such file"))
    assert str(raised.value) == "in.h5: no such file"


def test_ranks_fail_in_different_ways(fabric):
    with pytest.raises(UserError) as raised:
        on(fabric, "all", UserError("only 0") if fabric.rank == 0 else CheckFailed(f"not {fabric.rank}"))
    assert str(raised.value) == ("only 0" if fabric.size == 1 else "only 0 [rank 0]")


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (FileNotFoundError(2, "No such file or directory", "in.h5"), "in.h5: No such file or directory"),
        (OSError("broken"), "broken"),
        (MemoryError(), "out of memory: no more to be had; use more ranks or less memory each"),
        (OwnUserError("own"), "own"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_errors_of_the_system_are_for_the_user(fabric, error, text):
    with pytest.raises(UserError, match=text) as raised:
        on(fabric, 0, error)
    assert raised.value.exit_code == 2


def test_a_bug_is_raised_where_it_is_and_told_elsewhere(fabric):
    last = fabric.size - 1
    expected = KeyError if fabric.rank == last else GpumpiError
    with pytest.raises(expected) as raised:
        on(fabric, last, KeyError("x"))
    if fabric.rank != last:
        assert str(raised.value) == f"KeyError: 'x'; the traceback is that rank's [rank {last}]"
        assert raised.value.exit_code == 70
    assert fabric.allreduce(1) == fabric.size


def test_an_interrupt_passes_through(fabric):
    with pytest.raises(KeyboardInterrupt):
        on(fabric, "all", KeyboardInterrupt())
