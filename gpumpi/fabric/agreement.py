"""An error of one rank, raised on every rank.

Knows: which errors are the user's to mend, and how ranks tell each other. Does not know: what the ranks were doing.
"""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

import gpumpi.errors as errors
from gpumpi.errors import GpumpiError, UserError

if TYPE_CHECKING:
    from gpumpi.fabric.core import FabricCore

Told = tuple[str, str]
"""The name of an error class in `gpumpi.errors`, and the text."""


class Agreed:
    """Code of each rank on its own, after which all ranks go on or none does; see `Fabric.agreed`."""

    def __init__(self, fabric: FabricCore) -> None:
        self.fabric = fabric

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> Literal[False]:
        if error is not None and not isinstance(error, Exception):
            return False  # an interrupt: the job ends, nobody needs to agree
        raise_alike(self.fabric, error)
        return False


def raise_alike(fabric: Any, error: Exception | None) -> None:
    """Raise what any rank has, on every rank; see `Fabric.agreed`."""
    if not any_rank(fabric, error is not None):
        return
    told: list[Told | None] = fabric.collect(None if error is None else _tell(error))
    failed = [(rank, said) for rank, said in enumerate(told) if said is not None]
    rank, (name, text) = failed[0]
    if error is not None and not _expected(error):
        raise error
    everywhere = len(failed) == fabric.size and all(said == (name, text) for _, said in failed)
    raise getattr(errors, name)(text if everywhere else f"{text} [rank {rank}]") from error


def any_rank(fabric: Any, mine: bool) -> bool:
    """Whether any rank has it."""
    flag = np.array([mine], np.int32)
    return bool(fabric.allreduce(flag, flag, "max")[0])


def _expected(error: Exception) -> bool:
    return isinstance(error, GpumpiError | OSError | MemoryError)


def _tell(error: Exception) -> Told:
    if isinstance(error, GpumpiError):
        known = (kind.__name__ for kind in type(error).__mro__ if hasattr(errors, kind.__name__))
        return next(known, GpumpiError.__name__), str(error)
    if isinstance(error, MemoryError):
        return (
            UserError.__name__,
            f"out of memory: {str(error) or 'no more to be had'}; use more ranks or less memory each",
        )
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename is not None else ""
        return UserError.__name__, f"{where}{error.strerror or error}"
    return GpumpiError.__name__, f"{type(error).__name__}: {error}; the traceback is that rank's"
