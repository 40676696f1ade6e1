"""Leaves out the launcher's remarks that tell nobody anything: that a rank ended with an exit code.

Knows: how Open MPI frames its remarks, and what it says when a rank's end surprises it. Does not know: processes.
"""

from __future__ import annotations

import os
import re

_FRAME = re.compile(rb"-{60,}\n")
_STARTS = tuple(
    b"%s detected that one or more processes exited with non-zero" % name for name in (b"prterun", b"mpirun")
)
_TOO_LATE = re.compile(rb"\[warn\] Epoll |\[[^]\n]+:\d+\] PMIX ERROR: PMIX_ERR_UNREACH ")
"""What Open MPI says now and then when it finds that a rank which has ended is no longer there."""
_READ_BYTES = 1 << 16


class ExitRemarks:
    """Text in pieces, without framed remarks on exit codes; what cannot be part of one goes through at once.

    A remark is a line of dashes, some lines of which the first tells what it is about, and a line of dashes. A progress
    bar has no line ends, so text that does not begin with dashes must not wait for the end of its line.
    """

    def __init__(self) -> None:
        self._held = b""
        self._at_line_start = True

    def feed(self, piece: bytes) -> bytes:
        """Text that can be shown now."""
        self._held += piece
        shown = b""
        while self._held:
            ready = self._next()
            if ready is None:
                break
            shown += ready
        return shown

    def rest(self) -> bytes:
        """Text still held when the stream ends, as it is."""
        held, self._held = self._held, b""
        return held

    def _next(self) -> bytes | None:
        """Text of the next line, nothing for a whole remark, None while it cannot be told which it is."""
        if self._at_line_start and self._begins_remark():
            end = _FRAME.search(self._held, self._held.find(b"\n") + 1)
            if end is None:
                return None
            self._held = self._held[end.end() :]
            return b""
        if self._at_line_start and self._held.startswith(b"["):
            if b"\n" not in self._held:
                return None
            if _TOO_LATE.match(self._held):
                self._held = self._held.partition(b"\n")[2]
                return b""
        line, end_of_line, self._held = self._held.partition(b"\n")
        self._at_line_start = bool(end_of_line)
        return line + end_of_line

    def _begins_remark(self) -> bool:
        """Whether a remark begins here, or what is here so far may become one."""
        frame = _FRAME.match(self._held)
        if frame is None:
            return not self._held.strip(b"-")
        line = self._held[frame.end() :]
        return any(line.startswith(start) or start.startswith(line) for start in _STARTS)


def copy_without_exit_remarks(source: int, target: int) -> None:
    """Copy one file descriptor to another until it ends, without remarks on exit codes."""
    filtered = ExitRemarks()
    while piece := os.read(source, _READ_BYTES):
        _write_all(target, filtered.feed(piece))
    _write_all(target, filtered.rest())


def _write_all(target: int, text: bytes) -> None:
    while text:
        text = text[os.write(target, text) :]
