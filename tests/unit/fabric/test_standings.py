"""What a person is told when a collective does not end."""

import threading

from gpumpi.fabric.standings import Rank, Standing, caller_of, missing, report


def standing(call="barrier", collectives=7, where="job.py:3 in main", phase=""):
    return Standing(call, collectives, collectives, 0, where, phase, 600.0)


def ranks(*standings):
    return [Rank(number, "node1", 100 + number, stands) for number, stands in enumerate(standings)]


def test_a_rank_outside_is_missing():
    outside = standing(None, 6, "read.py:12 in load", "read")
    assert missing(ranks(standing(), outside, standing())) == ("barrier", [1])
    lines = report(ranks(standing(), outside, standing()), 600.0).splitlines()
    assert lines[0] == "gpumpi: rank 1 has not come to barrier in 10 min 00 s; where each rank stands:"
    assert lines[1] == "  rank 0 (pid 100 on node1) in barrier, collective 7, at job.py:3 in main"
    expected = "  rank 1 (pid 101 on node1) outside any collective, after 6 of them, at read.py:12 in load, phase read"
    assert lines[2] == expected
    assert "GPUMPI_WATCHDOG_S" in lines[-1]


def test_ranks_that_do_not_answer_are_missing():
    text = report(ranks(standing(), None, None, standing()), 2.0)
    assert "ranks 1, 2 have not come to barrier in 2 s" in text
    assert "rank 1 (pid 101 on node1) does not answer (stopped or dead)" in text


def test_a_rank_that_has_ended_says_so():
    rank = Rank(1, "node1", 101, None, ended=True)
    assert str(rank).endswith("has ended, or closed its fabric")


def test_a_rank_in_another_collective_or_an_earlier_one_is_missing():
    assert missing(ranks(standing(), standing("bcast"), standing())) == ("barrier", [1])
    assert missing(ranks(standing(), standing(), standing(collectives=6))) == ("barrier", [2])


def test_nobody_is_missing():
    assert missing(ranks(standing(), standing())) == ("barrier", [])
    assert "all ranks have been in barrier for 2 s, which does not end" in report(ranks(standing(), standing()), 2.0)
    assert missing(ranks(standing(None), standing(None))) == (None, [0, 1])


def test_the_caller_is_the_innermost_frame_outside_the_package():
    assert caller_of(threading.get_ident()).endswith(
        f"{__file__}:50 in test_the_caller_is_the_innermost_frame_outside_the_package"
    )
    assert caller_of(0) == "nowhere"
