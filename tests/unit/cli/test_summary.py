"""The summary of a run, and the bar while it runs."""

import json

import pytest

from gpumpi.cli.progress import shown
from gpumpi.cli.summary import RankReport, Summary, sum_up
from gpumpi.trace import Trace

REPORTS = [
    RankReport(30, {"read": 1.0, "sort": 2.0}, {"sent_bytes": 5}, 100 << 20),
    RankReport(10, {"read": 3.0, "write": 0.5}, {"sent_bytes": 7, "rounds": 1}, 300 << 20),
]


def make() -> Summary:
    return sum_up(
        REPORTS, elapsed_s=4.0, n_rows=50, n_bytes=8_000_000_000,
        command="sort", what="sorted by id", input="a.h5", output="b.h5",
    )  # fmt: skip


def test_ranks_are_summed_up() -> None:
    summary = make()
    assert (summary.n_ranks, summary.n_rows, summary.n_rows_out, summary.balance) == (2, 50, 40, 1.5)
    assert list(summary.phases) == ["read", "sort", "write"]
    assert (summary.phases["read"].slowest_s, summary.phases["read"].mean_s) == (3.0, 2.0)
    assert (summary.phases["sort"].slowest_s, summary.phases["sort"].mean_s) == (2.0, 1.0)
    assert summary.counts == {"sent_bytes": 12, "rounds": 1}
    assert summary.peak_memory_bytes == 300 << 20
    assert summary.bytes_per_s == 2e9


def test_people_read_rows_bytes_seconds_rate_balance_and_phases() -> None:
    lines = make().text().splitlines()
    assert lines[0] == "sorted by id: 50 rows, 7.45 GiB on 2 ranks in 4 s (2 GB/s), kept 40"
    assert [line.split() for line in lines[1:4]] == [
        ["read", "3", "s", "75%"], ["sort", "2", "s", "50%"], ["write", "500", "ms", "12%"],
    ]  # fmt: skip
    assert lines[4:] == ["  balance 1.50, peak memory 300 MiB a rank", "  in b.h5"]


def test_machines_read_the_same() -> None:
    told = json.loads(json.dumps(make().as_dict()))
    assert told["n_rows"] == 50 and told["bytes_per_s"] == 2e9 and told["phases"]["read"]["slowest_s"] == 3.0


def test_nothing_done_is_balanced() -> None:
    summary = sum_up([RankReport(0, {}, {}, 1)] * 3, elapsed_s=0.0, n_rows=0, n_bytes=0,
                     command="sort", what="sorted", input=None, output=None)  # fmt: skip
    assert summary.balance == 1.0 and summary.bytes_per_s is None
    assert summary.text().startswith("sorted: 0 rows, 0 B on 3 ranks in 0 ms (-)")


def test_a_bar_is_drawn_for_a_terminal_behind_a_launcher_only(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def work(rank: int, quiet: bool) -> str:
        trace = Trace()
        with shown(trace, rank, quiet), trace.span("reading"):
            trace.progress(10, 100)
        assert trace.on_progress is None
        said = capsys.readouterr()
        assert said.out == ""
        return said.err

    monkeypatch.delenv("GPUMPI_TERMINAL", raising=False)
    assert work(rank=0, quiet=False) == ""
    monkeypatch.setenv("GPUMPI_TERMINAL", "80")
    drawn = work(rank=0, quiet=False)
    assert "reading" in drawn and "10%" in drawn
    assert work(rank=1, quiet=False) == work(rank=0, quiet=True) == ""
