"""Where a rank stands: which call it is in, and how many it has come to.

Knows: names and numbers, written by the rank and read by its watchdog. Does not know: MPI, other ranks.
"""

from __future__ import annotations


class Place:
    """Plain attributes, because they are written at every call; the watchdog reads them from its own thread.

    Attributes
    ----------
    name : str or None
        The call in which this rank may wait for others; None outside any.
    collectives : int
        Collectives entered so far. Ranks that agree have the same number in the same collective.
    calls : int
        Calls entered so far, those that are no collectives included: it moves if the rank does.
    """

    __slots__ = ("calls", "collectives", "name")

    def __init__(self) -> None:
        self.name: str | None = None
        self.collectives = 0
        self.calls = 0
