"""The errors that leave the library, each with the exit code that the command line gives it.

Knows: what went wrong in the user's words. Does not know: ranks, files, how errors are agreed between ranks
(`gpumpi.fabric.agreement`).
"""

from __future__ import annotations

DONE = 0
CHECK_SAYS_NO = 1
USER_CAN_MEND = 2
OUR_BUG = 70
RESTARTABLE = 75


class GpumpiError(Exception):
    """Any error that gpumpi raises on purpose; without a closer class it is a bug of ours."""

    exit_code = OUR_BUG


class UserError(GpumpiError):
    """The request, the input or the machine has to change: one line with what was asked, found, and the remedy."""

    exit_code = USER_CAN_MEND


class CheckFailed(GpumpiError):
    """Data is not what it was said to be: rows out of order, or rows that differ from the input's."""

    exit_code = CHECK_SAYS_NO


class CollectiveMismatch(GpumpiError):
    """Ranks met in different collectives, or in the same one with other arguments."""


class LostRows(GpumpiError):
    """Rows written differ from rows read. The output was not given its name."""
