"""One rank of four goes astray: the job ends, soon, with a message that names the rank, and never hangs."""

import re
from pathlib import Path

import pytest

ODD_RANK = Path(__file__).with_name("odd_rank.py")
LIMIT_S = "1"


@pytest.fixture
def job(spmd):
    """job(case, ...): exit code, standard output and standard error of odd_rank.py on four ranks."""

    def run(case, **environ):
        done = spmd(4, ODD_RANK, case, **environ)
        return done.returncode, done.stdout, done.stderr

    return run


def line_of(text):
    """Number of the line of odd_rank.py that holds a text."""
    lines = ODD_RANK.read_text().splitlines()
    return next(number for number, line in enumerate(lines, 1) if line.strip() == text)


ALLREDUCE = "fabric.allreduce(np.ones(4))"


@pytest.mark.parametrize("guard", ["0", "1"])
def test_without_an_odd_rank_all_is_well(job, guard):
    code, out, err = job("fine", GPUMPI_GUARD=guard, GPUMPI_WATCHDOG_S=LIMIT_S)
    assert (code, out.strip(), err) == (0, "all done", "")


def test_the_guard_names_the_rank_in_another_collective(job):
    code, _, err = job("another", GPUMPI_GUARD="1", GPUMPI_WATCHDOG_S="0")
    assert code == 70
    expected = (
        "gpumpi sort: error: rank 2 calls bcast(buf=float64 (4,), root=0) where ranks 0, 1, 3 call "
        "allreduce(send=float64 (4,), op=sum)\n"
    )
    assert err.startswith(expected)
    assert err.count("rank 2 calls") == 1


@pytest.mark.parametrize("guard", ["0", "1"])
@pytest.mark.parametrize(
    ("case", "stands"),
    [
        ("none", "outside any collective, after 1 of them, at {program}:{sleep} in none, phase demonstrate"),
        ("stops", "does not answer (stopped or dead)"),
        ("returns", "has ended, or closed its fabric"),
        ("waits-for-a-message", "in recv, collective 1, at {program}:{recv} in waits_for_a_message, phase demonstrate"),
    ],
)
def test_the_watchdog_names_the_missing_rank(job, case, stands, guard):
    code, out, err = job(case, GPUMPI_GUARD=guard, GPUMPI_WATCHDOG_S=LIMIT_S)
    assert code == 70
    assert "all done" not in out
    assert err.count("where each rank stands:") == 1
    assert "gpumpi: rank 2 has not come to allreduce in " in err
    places = {"sleep": line_of("time.sleep(60)"), "recv": line_of("fabric.recv(np.zeros(1), 0)")}
    lines = dict(re.findall(r"  rank (\d) \(pid \d+ on \S+\) (.*)", err))
    assert lines.pop("2") == stands.format(program=ODD_RANK, **places)
    waits = f"in allreduce, collective 2, at {ODD_RANK}:{line_of(ALLREDUCE)} in main, phase demonstrate"
    assert lines == {"0": waits, "1": waits, "3": waits}


def test_the_watchdog_names_the_rank_in_another_collective(job):
    """Rank 2 broadcasts to itself what the others never asked for, and goes on to the collective after it."""
    code, _, err = job("another", GPUMPI_WATCHDOG_S=LIMIT_S)
    assert code == 70
    assert "rank 2 has not come to allreduce" in err
    assert re.search(r"rank 2 \(.*\) in bcast, collective 2, at .*odd_rank.py:\d+ in another", err)


def test_the_watchdog_waits_for_a_rank_that_gets_on(job):
    code, out, err = job("is-late", GPUMPI_WATCHDOG_S=LIMIT_S)
    assert (code, out.strip(), err) == (0, "all done", "")


@pytest.mark.parametrize("guard", ["0", "1"])
def test_a_rank_that_raises_ends_the_job_with_its_traceback(job, guard):
    code, _, err = job("raises", GPUMPI_GUARD=guard, GPUMPI_WATCHDOG_S="0")
    assert code == 70
    assert "[rank 2] IndexError: list index out of range" in err
    assert f'[rank 2]   File "{ODD_RANK}", line {line_of("[][3]")}, in raises' in err
    assert not re.search(r"\[rank [013]\]", err)


def test_an_error_that_one_rank_has_alone_ends_the_job_with_its_text(job):
    code, _, err = job("raises-alone", GPUMPI_WATCHDOG_S="0")
    assert code == 2
    assert err.startswith("[rank 2] gpumpi sort: error: in.h5: no such file\n")


def test_an_error_that_all_ranks_have_is_one_line(job):
    code, _, err = job("all-raise", GPUMPI_WATCHDOG_S="0")
    assert code == 2
    assert err.startswith("gpumpi sort: error: in.h5: no such file\n")
    assert err.count("in.h5") == 1
