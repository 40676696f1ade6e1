"""A job in which rank 2 does not do as the others do, in the way that the argument names."""

import os
import signal
import sys
import time

import numpy as np

from gpumpi.errors import UserError
from gpumpi.fabric import Fabric, run_spmd
from gpumpi.trace import Trace


def main():
    with Fabric(trace=Trace()) as fabric, fabric.trace.span("demonstrate"):
        fabric.barrier()
        if fabric.rank == 2:
            done = ODD[sys.argv[1]](fabric)
            if done:
                return
        fabric.allreduce(np.ones(4))
    if fabric.rank == 0:
        print("all done")


def another(fabric):
    fabric.bcast(np.ones(4))


def none(fabric):
    time.sleep(60)


def returns(fabric):
    return True


def raises(fabric):
    [][3]


def raises_alone(fabric):
    raise UserError("in.h5: no such file")


def raises_agreed(fabric):
    with fabric.agreed():
        raise UserError("in.h5: no such file")


def stops(fabric):
    os.kill(os.getpid(), signal.SIGSTOP)


def is_late(fabric):
    """Longer than the limit, with signs of life."""
    for step in range(20):
        time.sleep(0.2)
        fabric.trace.progress(step, 20)


def waits_for_a_message(fabric):
    fabric.recv(np.zeros(1), 0)


ODD = {
    "fine": lambda fabric: None,
    "another": another,
    "none": none,
    "returns": returns,
    "raises": raises,
    "raises-alone": raises_alone,
    "stops": stops,
    "is-late": is_late,
    "waits-for-a-message": waits_for_a_message,
}

if __name__ == "__main__":
    if sys.argv[1] == "all-raise":
        sys.exit(run_spmd(lambda: raises_agreed(Fabric()), "gpumpi sort"))
    sys.exit(run_spmd(main, "gpumpi sort"))
