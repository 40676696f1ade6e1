"""Where all ranks stand, and what a person is told about it.

Knows: the stack of a thread, and which ranks a collective waits for. Does not know: how ranks ask each other.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gpumpi.fabric.guard import name_ranks
from gpumpi.units import format_seconds

_OURS = str(Path(__file__).parent)


@dataclass(frozen=True)
class Standing:
    """Where one rank stands.

    Attributes
    ----------
    call : str or None
        The call it waits in; None outside any.
    collectives, calls, beats : int
        How far it has come: collectives and calls entered, signs of life of its trace.
    where : str
        File, line and function of the caller.
    phase : str
        The phase of its trace; empty without one.
    waited_s : float
        Seconds in this call.
    """

    call: str | None
    collectives: int
    calls: int
    beats: int
    where: str
    phase: str
    waited_s: float

    @property
    def progress(self) -> tuple[int, int]:
        """What changes as long as the rank gets anywhere."""
        return self.calls, self.beats

    @property
    def meeting(self) -> tuple[str | None, int]:
        """What ranks that wait for each other have in common."""
        return self.call, self.collectives

    def __str__(self) -> str:
        waits = f"in {self.call}, collective {self.collectives}" if self.call else self._outside()
        phase = f", phase {self.phase}" if self.phase else ""
        return f"{waits}, at {self.where}{phase}"

    def _outside(self) -> str:
        return f"outside any collective, after {self.collectives} of them"


@dataclass(frozen=True)
class Rank:
    """One rank as the others know it: its process, and its answer if there is one."""

    number: int
    host: str
    pid: int
    standing: Standing | None
    ended: bool = False

    def __str__(self) -> str:
        silent = "has ended, or closed its fabric" if self.ended else "does not answer (stopped or dead)"
        return f"  rank {self.number} (pid {self.pid} on {self.host}) {self.standing or silent}"


def caller_of(thread: int) -> str:
    """``file:line in function`` of the innermost frame of a thread outside this package."""
    frame = sys._current_frames().get(thread)
    while frame is not None and frame.f_code.co_filename.startswith(_OURS):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno} in {frame.f_code.co_name}" if frame else "nowhere"


def missing(ranks: Sequence[Rank]) -> tuple[str | None, list[int]]:
    """The call that most ranks wait in, and the numbers of the ranks that are not in it."""
    waiting = Counter(rank.standing.meeting for rank in ranks if rank.standing and rank.standing.call)
    if not waiting:
        return None, [rank.number for rank in ranks]
    meeting = waiting.most_common(1)[0][0]
    return meeting[0], [rank.number for rank in ranks if not rank.standing or rank.standing.meeting != meeting]


def report(ranks: Sequence[Rank], waited_s: float) -> str:
    """Who is missing, and a line on each rank."""
    call, absent = missing(ranks)
    if absent:
        has = "has" if len(absent) == 1 else "have"
        head = f"{name_ranks(absent)} {has} not come to {call} in {format_seconds(waited_s)}"
    else:
        head = f"all ranks have been in {call} for {format_seconds(waited_s)}, which does not end"
    remedy = "the job is ended; if it only needed more time, set GPUMPI_WATCHDOG_S to more seconds, or 0 for no limit"
    return "\n".join([f"gpumpi: {head}; where each rank stands:", *map(str, ranks), f"gpumpi: {remedy}"])
