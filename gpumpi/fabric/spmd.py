"""How a program that every rank runs ends: one exit code, one message, and no rank left waiting.

Knows: exit codes, which rank prints. Does not know: what the program does.
"""

from __future__ import annotations

import sys
import time
import traceback
from collections.abc import Callable

from mpi4py import MPI

from gpumpi.errors import DONE, OUR_BUG, GpumpiError
from gpumpi.fabric.launcher import is_first

INTERRUPTED = 130
MEET_S = 5.0
"""How long a rank with an error waits for the others to come with theirs."""
_POLL_S = 0.005


def run_spmd(main: Callable[[], int | None], name: str = "gpumpi") -> int:
    """The exit code of a program that every rank runs.

    Parameters
    ----------
    main : callable
        The program, without arguments. Its result is the exit code; None is 0.
    name : str
        What messages begin with, such as ``"gpumpi sort"``.

    Returns
    -------
    int
        The same on all ranks.

    Notes
    -----
    *Collective*. An error of the library that all ranks have is one line from one rank, and its exit code is
    returned. If one rank has it alone, or with any other exception, that rank prints what it has, each line with its
    number, and the job is aborted: with the error's exit code, 70, or 130 for an interrupt.
    """
    meeting = MPI.COMM_WORLD.Dup()
    try:
        code = main()
        return DONE if code is None else code
    except GpumpiError as error:
        if not _all_come(meeting):
            _print_all(f"{name}: error: {error}")
            MPI.COMM_WORLD.Abort(error.exit_code)
        if is_first():
            print(f"{name}: error: {error}", file=sys.stderr, flush=True)  # noqa: T201
        return error.exit_code
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else DONE
    except KeyboardInterrupt:
        MPI.COMM_WORLD.Abort(INTERRUPTED)
    except BaseException:
        _print_all(traceback.format_exc())
        MPI.COMM_WORLD.Abort(OUR_BUG)


def _all_come(meeting: MPI.Intracomm) -> bool:
    """Whether every rank comes here in time."""
    request = meeting.Ibarrier()
    until_s = time.monotonic() + MEET_S
    while not request.Test():
        if time.monotonic() > until_s:
            return False
        time.sleep(_POLL_S)
    return True


def _print_all(text: str) -> None:
    rank = f"[rank {MPI.COMM_WORLD.rank}] "
    sys.stderr.write("".join(f"{rank}{line}\n" for line in text.splitlines()))
    sys.stderr.flush()
