"""What a run did, at its end: rows, bytes, seconds, GB/s, balance, and where the time went.

Knows: traces of all ranks. Does not know: what the phases mean. People read it on standard error; ``--json`` puts it on
standard output in one line.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from gpumpi.trace import Trace
from gpumpi.units import KIB, format_bytes, format_count, format_rate, format_rows, format_seconds

if TYPE_CHECKING:
    from gpumpi.fabric import Fabric


@dataclass(frozen=True)
class RankReport:
    """What one rank did."""

    n_rows: int
    seconds: dict[str, float]
    counts: dict[str, int]
    peak_memory_bytes: int


@dataclass(frozen=True)
class Phase:
    """Seconds of a phase: of the slowest rank, and the mean of all."""

    slowest_s: float
    mean_s: float


@dataclass(frozen=True)
class Summary:
    """What all ranks did.

    Attributes
    ----------
    command, what, input, output : str
        The command, what it did in words (``"sorted by id"``), and the tables' names.
    n_rows, n_bytes, n_rows_out : int
        Rows and bytes that went in, and rows that came out.
    n_ranks : int
    elapsed_s : float
        Wall time from the first step to the last.
    balance : float
        Rows of the rank with the most over the mean; 1 is perfect.
    peak_memory_bytes : int
        Of the rank that held the most.
    phases : dict of str to Phase
        In the order they began.
    counts : dict of str to int
        Summed over ranks.
    notes : list of str
        What the user should know besides.
    """

    command: str
    what: str
    input: str | None
    output: str | None
    n_rows: int
    n_bytes: int
    n_rows_out: int
    n_ranks: int
    elapsed_s: float
    balance: float
    peak_memory_bytes: int
    phases: dict[str, Phase] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def bytes_per_s(self) -> float | None:
        """Input bytes a second; None for a run too short to time."""
        return self.n_bytes / self.elapsed_s if self.elapsed_s > 0 else None

    def as_dict(self) -> dict[str, Any]:
        """All of it, for machines."""
        return {**asdict(self), "bytes_per_s": self.bytes_per_s}

    def text(self) -> str:
        """Lines for people."""
        ranks = format_count(self.n_ranks, "rank")
        kept = "" if self.n_rows_out == self.n_rows else f", kept {format_rows(self.n_rows_out)}"
        lines = [
            f"{self.what}: {format_rows(self.n_rows)} rows, {format_bytes(self.n_bytes)} on {ranks} "
            f"in {format_seconds(self.elapsed_s)} ({format_rate(self.n_bytes, self.elapsed_s)}){kept}"
        ]
        for name, phase in self.phases.items():
            share = phase.slowest_s / self.elapsed_s if self.elapsed_s > 0 else 0.0
            lines.append(f"  {name:<12} {format_seconds(phase.slowest_s):>9} {share:>5.0%}")
        lines.append(f"  balance {self.balance:.2f}, peak memory {format_bytes(self.peak_memory_bytes)} a rank")
        if self.output:
            lines.append(f"  in {self.output}")
        lines += [f"  note: {note}" for note in self.notes]
        return "\n".join(lines)


class Stopwatch:
    """Seconds since it was made."""

    def __init__(self) -> None:
        self._start_s = time.perf_counter()

    @property
    def elapsed_s(self) -> float:
        """Seconds so far."""
        return time.perf_counter() - self._start_s


def report_of_rank(trace: Trace, n_rows: int) -> RankReport:
    """Collect what this rank did, for `sum_up` on all ranks."""
    peak_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KIB
    return RankReport(n_rows, dict(trace.seconds), dict(trace.counts), peak_bytes)


def sum_up(reports: Sequence[RankReport], *, elapsed_s: float, n_rows: int, n_bytes: int, **words: Any) -> Summary:
    """Summary of all ranks' reports; `words` are its texts: command, what, input, output, notes."""
    rows = [report.n_rows for report in reports]
    phases = {name: None for report in reports for name in report.seconds}
    counts = {name: None for report in reports for name in report.counts}
    spent = {name: [report.seconds.get(name, 0.0) for report in reports] for name in phases}
    return Summary(
        n_rows=n_rows,
        n_bytes=n_bytes,
        n_rows_out=sum(rows),
        n_ranks=len(reports),
        elapsed_s=elapsed_s,
        balance=max(rows) * len(rows) / sum(rows) if sum(rows) else 1.0,
        peak_memory_bytes=max(report.peak_memory_bytes for report in reports),
        phases={name: Phase(max(seconds), sum(seconds) / len(seconds)) for name, seconds in spent.items()},
        counts={name: sum(report.counts.get(name, 0) for report in reports) for name in counts},
        **words,
    )


def tell(fabric: Fabric, trace: Trace, *, n_rows_here: int, as_json: bool, quiet: bool, **words: Any) -> None:
    """Sum up and tell, from rank 0. *Collective*."""
    reports = fabric.collect(report_of_rank(trace, n_rows_here))
    if fabric.rank:
        return
    summary = sum_up(reports, **words)
    if as_json:
        print(json.dumps(summary.as_dict()), flush=True)
    elif not quiet:
        print(summary.text(), file=sys.stderr, flush=True)
