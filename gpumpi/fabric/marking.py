"""The mark on everything that all ranks have to call together.

Knows: where a rank stands, and what has to agree between ranks before it goes on. Does not know: MPI.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar, overload

F = TypeVar("F", bound=Callable[..., Any])
Describe = Callable[[Any], str]


@overload
def collective(method: F, /) -> F: ...


@overload
def collective(**agree: Describe) -> Callable[[F], F]: ...


def collective(method: Any = None, /, **agree: Describe) -> Any:
    """Mark a method that all ranks call together: ``@collective`` or ``@collective(keys=str)``.

    With the guard on, all ranks compare the method's name and the arguments named here before it runs, each put into
    words by the function given for it; every rank raises `CollectiveMismatch` if they differ. Without the guard a
    call costs well under a microsecond.

    Parameters
    ----------
    method : callable
        A method of a `Fabric`, or of any object that has one as ``.fabric``.
    **agree : callable
        For each argument that has to be the same on all ranks: what to compare, as text.

    Notes
    -----
    A method of the fabric is one meeting point, which the watchdog watches. One above the fabric is made of several,
    so it is compared by the guard, and only its parts are watched.
    """
    return _mark(method, {}) if method is not None else functools.partial(_mark, agree=agree)


def _mark(method: Callable[..., Any], agree: dict[str, Describe]) -> Callable[..., Any]:
    in_words = _Words(method, agree)
    name = method.__name__

    @functools.wraps(method)
    def meeting(self: Any, *args: Any, **kwargs: Any) -> Any:
        fabric = self.fabric
        if fabric is not self:
            if fabric.guard is not None:
                fabric.compare(in_words(self, args, kwargs))
            return method(self, *args, **kwargs)
        place = fabric.place
        if place.name is not None:  # a part of the collective that this rank is in
            return method(self, *args, **kwargs)
        place.name = name
        place.collectives += 1
        place.calls += 1
        try:
            if fabric.guard is not None:
                fabric.guard.compare(in_words(self, args, kwargs))
            return method(self, *args, **kwargs)
        finally:
            place.name = None

    meeting.__collective__ = True  # type: ignore[attr-defined]
    return meeting


def standing(method: F) -> F:
    """Mark a method in which a rank may wait for another one, without all ranks calling it."""
    name = method.__name__

    @functools.wraps(method)
    def waiting(self: Any, *args: Any, **kwargs: Any) -> Any:
        place = self.fabric.place
        if place.name is not None:
            return method(self, *args, **kwargs)
        place.name = name
        place.calls += 1
        try:
            return method(self, *args, **kwargs)
        finally:
            place.name = None

    return waiting  # type: ignore[return-value]


class _Words:
    """A call as text, such as ``allreduce(send=float64 (4,), op=sum)``."""

    def __init__(self, method: Callable[..., Any], agree: dict[str, Describe]) -> None:
        self._method, self._agree = method, agree

    def __call__(self, owner: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
        bound = inspect.signature(self._method).bind(owner, *args, **kwargs)
        bound.apply_defaults()
        told = ", ".join(f"{name}={describe(bound.arguments[name])}" for name, describe in self._agree.items())
        is_fabric = owner is owner.fabric
        return f"{self._method.__name__ if is_fabric else self._method.__qualname__}({told})"
