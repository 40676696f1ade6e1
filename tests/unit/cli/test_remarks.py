"""The launcher's remark on exit codes is left out; nothing else is, however the text arrives."""

import itertools
import os

from hypothesis import given
from hypothesis import strategies as st

from gpumpi.cli.remarks import ExitRemarks, copy_without_exit_remarks

FRAME = b"-" * 74 + b"\n"
EXIT = (
    FRAME + b"prterun detected that one or more processes exited with non-zero status,\n"
    b"thus causing the job to be terminated. The first process to do so was:\n\n"
    b"   Process name: [prterun-vm-4758@1,0]\n   Exit code:    2\n" + FRAME
)
SIGNAL = FRAME + b"prterun noticed that process rank 1 exited on signal 9 (Killed).\n" + FRAME
LINES = [
    b"gpumpi sort: error: x\n",
    b"\n",
    b"--- short rule\n",
    b"[warn] disk\n",
    b"[\n",
    b"[rank 1] Traceback\n",
    b"-\n",
    b"[1K progress",
    b"end of progress\n",
]


def cut(text: bytes, places: list[int]) -> list[bytes]:
    bounds = [0, *sorted(place % (len(text) + 1) for place in places), len(text)]
    return [text[a:b] for a, b in itertools.pairwise(bounds)]


WARNING = b"[warn] Epoll MOD(1) on fd 24 failed. Old events were 6: Bad file descriptor\n"
UNREACHED = b"[vm:07335] PMIX ERROR: PMIX_ERR_UNREACH in file /openpmix/src/server/pmix_server.c at line 3146\n"


@given(st.lists(st.sampled_from([*LINES, SIGNAL])), st.lists(st.integers(0, 10**6), max_size=8), st.booleans())
def test_other_text_goes_through_unchanged(lines: list[bytes], places: list[int], with_exit: bool) -> None:
    before = b"".join(lines)
    if before and not before.endswith(b"\n"):
        before += b"\n"
    text = before + (EXIT + WARNING + UNREACHED if with_exit else b"") + b"last\n"
    remarks = ExitRemarks()
    shown = b"".join(remarks.feed(piece) for piece in cut(text, places)) + remarks.rest()
    assert shown == before + b"last\n"


def test_progress_does_not_wait_for_the_end_of_its_line() -> None:
    remarks = ExitRemarks()
    assert remarks.feed(b"reading 10%") == b"reading 10%"
    assert remarks.feed(b"\r\x1b[2Kreading 20%") == b"\r\x1b[2Kreading 20%"


def test_a_frame_that_never_ends_is_shown_at_the_end() -> None:
    remarks = ExitRemarks()
    begun = EXIT[: -len(FRAME)]
    assert remarks.feed(begun) == b""
    assert remarks.rest() == begun


def test_a_file_descriptor_is_copied_to_its_end() -> None:
    (from_job, job), (ours, terminal) = os.pipe(), os.pipe()
    os.write(job, b"before\n" + EXIT + b"after\n")
    os.close(job)
    copy_without_exit_remarks(from_job, terminal)
    assert os.read(ours, 1000) == b"before\nafter\n"
    for descriptor in (from_job, ours, terminal):
        os.close(descriptor)
