"""Runs ``gpumpi ARGUMENTS``; rank 1 is killed, as by the system's memory killer, when it writes its first rows."""

import os
import signal
import sys
from unittest import mock

from mpi4py import MPI

from gpumpi.cli.entry import main
from gpumpi.formats.hdf5 import Hdf5Sink


def die(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


if MPI.COMM_WORLD.rank == 1:
    with mock.patch.object(Hdf5Sink, "write", die):
        sys.exit(main())
sys.exit(main())
