"""Who talks: collectives on arrays of any kind and size, agreed errors, a guard and a watchdog.

Knows: MPI. Does not know: tables, files, devices.
"""

from gpumpi.fabric.fabric import Fabric
from gpumpi.fabric.marking import collective
from gpumpi.fabric.request import Request, wait_all
from gpumpi.fabric.spmd import run_spmd

__all__ = ["Fabric", "Request", "wait_all", "collective", "run_spmd"]
