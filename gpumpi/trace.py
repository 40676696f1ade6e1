"""Where the time and the bytes of a run went: spans by phase, counters by name.

Knows: a clock. Does not know: ranks, printing. One trace a rank; the command line sums them up.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class Trace:
    """Seconds by phase and amounts by counter name, of one rank.

    Attributes
    ----------
    seconds : dict of str to float
        Wall time spent in each phase, in order of first entry.
    counts : dict of str to int
        Bytes, rows or calls by name; the name says the unit (``exchange_sent_bytes``).
    phase : str
        The phase that is running, for messages about a rank that hangs or dies.
    on_progress : callable or None
        Called with (phase, rows done, rows in all) at every step of long work.
    """

    seconds: dict[str, float] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    phase: str = "start"
    beats: int = 0
    on_progress: Callable[[str, int, int], None] | None = None

    @contextmanager
    def span(self, phase: str) -> Iterator[None]:
        """Time what runs inside as `phase`; spans of different phases may nest, each counts its own wall time."""
        outer, self.phase = self.phase, phase
        self.seconds.setdefault(phase, 0.0)
        self.beats += 1
        start_s = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[phase] += time.perf_counter() - start_s
            self.phase = outer

    def count(self, name: str, amount: int = 1) -> None:
        """Add `amount` to the counter `name`."""
        self.counts[name] = self.counts.get(name, 0) + amount

    def progress(self, done_rows: int, all_rows: int) -> None:
        """Tell whoever watches how far the running phase is; also the sign of life the watchdog looks for."""
        self.beats += 1
        if self.on_progress is not None:
            self.on_progress(self.phase, done_rows, all_rows)
