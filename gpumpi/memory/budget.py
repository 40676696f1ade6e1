"""How many bytes a tier may hold, and who holds them.

Knows: amounts, and what the node says it has. Does not know: pages.
"""

from __future__ import annotations

import os
from pathlib import Path

from gpumpi.errors import UserError
from gpumpi.units import MIB, format_bytes

_SHARE_OF_AVAILABLE = 0.8


class Budget:
    """A hard limit on bytes held; whoever allocates reserves first.

    Parameters
    ----------
    limit_bytes : int
        The most that may be held at any time.
    tier : str
        What messages call it, such as ``host memory``.

    Attributes
    ----------
    held_bytes, peak_bytes : int
        Bytes reserved now, and the most there ever were.
    """

    def __init__(self, limit_bytes: int, tier: str = "host memory") -> None:
        self.limit_bytes = limit_bytes
        self.tier = tier
        self.held_bytes = 0
        self.peak_bytes = 0

    def reserve(self, n_bytes: int, what: str) -> None:
        """Set `n_bytes` aside for `what`.

        Raises
        ------
        UserError
            If they would go over the limit.
        """
        if self.held_bytes + n_bytes > self.limit_bytes:
            raise UserError(
                f"{what} needs {format_bytes(n_bytes)} of {self.tier}; {format_bytes(self.held_bytes)} of "
                f"{format_bytes(self.limit_bytes)} are held by this rank; raise --host-memory or use more ranks"
            )
        self.held_bytes += n_bytes
        self.peak_bytes = max(self.peak_bytes, self.held_bytes)

    def release(self, n_bytes: int) -> None:
        """Give `n_bytes` back."""
        self.held_bytes -= n_bytes


def fair_share_bytes(local_size: int) -> int:
    """Bytes of host memory that one of `local_size` ranks of this node may take: 0.8 of what is available, in parts.

    Available is the least of what the kernel has, what the control group allows, and what Slurm granted.
    """
    limits = [_kernel_available(), _control_group_available(), _slurm_granted()]
    available = min(limit for limit in limits if limit is not None)
    return int(available * _SHARE_OF_AVAILABLE) // local_size


def _kernel_available() -> int:
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _control_group_available() -> int | None:
    """What is left of the control group's limit, its own or any above it, if there is one."""
    try:
        entry = next(line for line in Path("/proc/self/cgroup").read_text().splitlines() if line.startswith("0::"))
    except (OSError, StopIteration):
        return None
    root = Path("/sys/fs/cgroup")
    here = root / entry[3:].lstrip("/")
    left = []
    for folder in (here, *here.parents):
        if not folder.is_relative_to(root):
            break
        try:
            limit = (folder / "memory.max").read_text().strip()
            if limit != "max":
                left.append(int(limit) - int((folder / "memory.current").read_text()))
        except (OSError, ValueError):
            continue
    return max(0, min(left)) if left else None


def _slurm_granted() -> int | None:
    """Bytes a node that Slurm granted this job, if it says."""
    megabytes = os.environ.get("SLURM_MEM_PER_NODE")
    if megabytes and megabytes.isdigit() and int(megabytes):
        return int(megabytes) * MIB
    per_cpu, cpus = os.environ.get("SLURM_MEM_PER_CPU", ""), os.environ.get("SLURM_CPUS_ON_NODE", "")
    if per_cpu.isdigit() and cpus.isdigit() and int(per_cpu):
        return int(per_cpu) * int(cpus) * MIB
    return None
