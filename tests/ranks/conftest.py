"""SPMD tests under an outer mpirun: mpirun -n N python -m pytest tests/ranks

Every rank runs the same tests in the same order, and a test fails on all ranks when it fails on one. Rank 0 prints as
pytest does; the others print only their own failures. Random data comes from `rng`, which is the same on all ranks;
GPUMPI_SEED replays a run.
"""

import os
import secrets
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from mpi4py import MPI

from gpumpi.fabric import Fabric

COMM = MPI.COMM_WORLD.Dup()
HERE = Path(__file__).parent
HANG_S = 60.0
SEED = COMM.bcast(int(os.environ.get("GPUMPI_SEED", secrets.randbits(32))))
ELSEWHERE = "failed on another rank: "


@pytest.hookimpl(trylast=True)
def pytest_configure(config):
    if COMM.rank:
        config.pluginmanager.unregister(name="terminalreporter")
        config.pluginmanager.register(OwnFailures())


class OwnFailures:
    """What ranks other than 0 print."""

    def pytest_runtest_logreport(self, report):
        if report.failed and ELSEWHERE not in report.longreprtext:
            lines = [f"{report.nodeid} ({report.when})", *report.longreprtext.splitlines()]
            sys.stderr.write("".join(f"[rank {COMM.rank}] {line}\n" for line in lines))
            sys.stderr.flush()


def pytest_report_header():
    name = MPI.Get_library_version().splitlines()[0].strip()
    return f"MPI: {name}; {COMM.size} rank(s); GPUMPI_SEED={SEED}"


def pytest_collection_modifyitems(items):
    for item in items:
        if HERE not in item.path.parents:
            continue
        marker = item.get_closest_marker("ranks")
        if COMM.size not in (marker.args if marker else (1,)):
            item.add_marker(pytest.mark.skip(reason=f"not written for {COMM.size} rank(s)"))


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem):
    if HERE not in pyfuncitem.path.parents:
        return (yield)
    error = None
    try:
        result = yield
    except (Exception, pytest.fail.Exception) as raised:
        error, result = raised, True
    said = COMM.allgather(None if error is None else f"{type(error).__name__}: {str(error).partition(chr(10))[0]}")
    if error is not None:
        raise error
    if any(said):
        failed = "; ".join(f"rank {rank}: {text}" for rank, text in enumerate(said) if text)
        pytest.fail(ELSEWHERE + failed, pytrace=False)
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item):
    report = yield
    if report.failed and "rng" in getattr(item, "fixturenames", ()):
        report.sections.append(("seed", f"replay with GPUMPI_SEED={SEED}"))
    return report


@pytest.fixture(scope="session")
def fabric():
    with Fabric(COMM, guard=False, watchdog_s=HANG_S) as fabric:
        yield fabric


@pytest.fixture
def rng(request):
    """The same numbers on every rank, other ones in every test."""
    return np.random.default_rng([SEED, zlib.crc32(request.node.nodeid.encode())])
