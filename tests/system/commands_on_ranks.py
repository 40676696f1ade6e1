"""Runs many commands one after another on the ranks of one job, and writes down what each rank said of each.

    mpirun -n 3 python commands_on_ranks.py CASES.json ANSWERS.json

A case is {"arguments": [...]} and may change what its ranks are like:
  "folders": {"1": "elsewhere"}   rank 1 stands in another folder
  "version": {"1": "9.9"}         rank 1 runs another version of gpumpi
  "powerless": true               ranks obey the permissions of files even if they are root's
Starting a job costs a second; a case costs milliseconds.
"""

import contextlib
import ctypes
import io
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

from mpi4py import MPI

import gpumpi.array.world
import gpumpi.cli.entry
from gpumpi.cli.entry import main

RANK = MPI.COMM_WORLD.rank
gpumpi.cli.entry.PATIENCE_S = 0  # here all ranks live on
_CAPABILITIES_3, _DAC_OVERRIDE, _DAC_READ_SEARCH = 0x20080522, 1 << 1, 1 << 2


@contextlib.contextmanager
def powerless() -> Iterator[None]:
    """Without root's right to ignore permissions."""
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(_CAPABILITIES_3, 0)
    before, during = (ctypes.c_uint32 * 6)(), (ctypes.c_uint32 * 6)()
    for data in (before, during):
        assert libc.capget(header, data) == 0
    rights = ~(_DAC_OVERRIDE | _DAC_READ_SEARCH)
    during[0] &= rights  # effective; access(2) of root asks for the permitted ones, which would be lost for good
    assert libc.capset(header, during) == 0
    real_access = os.access
    with mock.patch.object(os, "access", lambda path, mode: real_access(path, mode, effective_ids=True)):
        try:
            yield
        finally:
            assert libc.capset(header, before) == 0


@contextlib.contextmanager
def as_case_says(case: dict) -> Iterator[None]:
    here = Path.cwd()
    with contextlib.ExitStack() as stack:
        folder = case.get("folders", {}).get(str(RANK))
        if folder:
            os.chdir(folder)
            stack.callback(os.chdir, here)
        version = case.get("version", {}).get(str(RANK))
        if version:
            stack.enter_context(mock.patch.object(gpumpi.array.world, "__version__", version))
        if case.get("powerless"):
            stack.enter_context(powerless())
        yield


class Overheard(io.StringIO):
    """What a command writes to standard error; a traceback is shown at once, for the job will not live to tell."""

    def write(self, text: str) -> int:
        if "Traceback" in text:
            print(text, file=sys.__stderr__, flush=True)
        return super().write(text)


def answer(case: dict) -> dict:
    out, err = io.StringIO(), Overheard()
    with as_case_says(case), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(case["arguments"])
    return {"code": code, "out": out.getvalue(), "err": err.getvalue()}


cases = json.loads(Path(sys.argv[1]).read_text())
answers = []
for case in cases:
    before = set(Path().iterdir())
    MPI.COMM_WORLD.barrier()
    mine = answer(case)
    by_rank = MPI.COMM_WORLD.gather(mine)
    new = sorted(path.name for path in set(Path().iterdir()) - before)
    answers.append({"ranks": by_rank, "new_files": new})
    MPI.COMM_WORLD.barrier()
if RANK == 0:
    Path(sys.argv[2]).write_text(json.dumps(answers))
