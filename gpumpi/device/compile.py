"""Compile the CPU's loops now, so that the first sort does not: ``python -m gpumpi.device.compile``.

Knows: the cache folder. Does not know: anything else.
"""

from __future__ import annotations

from gpumpi.device.host_loops.loop import compile_all

if __name__ == "__main__":
    compile_all()
