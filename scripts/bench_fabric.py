"""Fabric against plain mpi4py, on the same buffers, call by call in turn.

    mpirun -n 2 python scripts/bench_fabric.py [--json FILE]

A round is many calls of one, then as many of the other, all ranks together; the time is the median over the rounds, on
the slowest rank. Plain mpi4py gets its buffers as its manual says (Allreduce(a, b)), the fabric gets recv as well, so
neither makes an array. Targets: 5 microseconds more a call; 3% more from 1 MB on.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from mpi4py import MPI

from gpumpi.fabric import Fabric
from gpumpi.fabric.library import mpi_name

SIZES_BYTES = (8, 4096, 1 << 20, 16 << 20)
TARGET_US, TARGET_RATIO, LARGE_BYTES = 5.0, 1.03, 1 << 20
ROUNDS = 21
ROUND_S = 0.02
Pair = tuple[Callable[[], object], Callable[[], object]]


def pairs(fabric: Fabric, n_bytes: int) -> dict[str, Pair]:
    """By collective: the plain call and the fabric's; `n_bytes` is what one rank has for another, or for all."""
    comm, size, rank = fabric.comm, fabric.size, fabric.rank
    n = n_bytes // 8
    a, b = np.ones(n), np.zeros(n)
    all_a, all_b = np.ones((size, n)), np.zeros((size, n))
    counts, starts = [n] * size, [n * peer for peer in range(size)]
    rows = [1] * size
    root, is_root = 0, rank == 0
    right, left = (rank + 1) % size, (rank - 1) % size
    vector = [all_a, counts, starts, MPI.DOUBLE], [all_b, counts, starts, MPI.DOUBLE]
    row = a.reshape(1, n)
    from_root, at_root = (all_a, all_b) if is_root else (None, None)
    return {
        "barrier": (comm.Barrier, fabric.barrier),
        "bcast": (lambda: comm.Bcast(a, root), lambda: fabric.bcast(a, root)),
        "reduce": (lambda: comm.Reduce(a, b, MPI.SUM, root), lambda: fabric.reduce(a, b, "sum", root)),
        "allreduce": (lambda: comm.Allreduce(a, b), lambda: fabric.allreduce(a, b)),
        "scan": (lambda: comm.Scan(a, b), lambda: fabric.scan(a, b)),
        "exscan": (lambda: comm.Exscan(a, b), lambda: fabric.exscan(a, b)),
        "reduce_scatter": (
            lambda: comm.Reduce_scatter(all_a, b, counts), lambda: fabric.reduce_scatter(all_a, b, rows),
        ),
        "gather": (lambda: comm.Gather(a, at_root, root), lambda: fabric.gather(a, at_root, root)),
        "gatherv": (
            lambda: comm.Gatherv(a, vector[1] if is_root else None, root),
            lambda: fabric.gatherv(row, at_root, rows, root),
        ),
        "scatter": (lambda: comm.Scatter(from_root, b, root), lambda: fabric.scatter(from_root, b, root)),
        "scatterv": (
            lambda: comm.Scatterv(vector[0] if is_root else None, b, root),
            lambda: fabric.scatterv(from_root, rows, b.reshape(1, n), root),
        ),
        "allgather": (lambda: comm.Allgather(a, all_b), lambda: fabric.allgather(a, all_b)),
        "allgatherv": (lambda: comm.Allgatherv(a, vector[1]), lambda: fabric.allgatherv(row, all_b, rows)),
        "alltoall": (lambda: comm.Alltoall(all_a, all_b), lambda: fabric.alltoall(all_a, all_b)),
        "alltoallv": (lambda: comm.Alltoallv(*vector), lambda: fabric.alltoallv(all_a, rows, all_b, rows)),
        "isend + irecv": (
            lambda: MPI.Request.Waitall([comm.Irecv(b, left), comm.Isend(a, right)]),
            lambda: [request.wait() for request in (fabric.irecv(b, left), fabric.isend(a, right))],
        ),
        "iallreduce": (lambda: comm.Iallreduce(a, b).Wait(), lambda: fabric.iallreduce(a, b).wait()),
        "ialltoallv": (
            lambda: comm.Ialltoallv(*vector).Wait(), lambda: fabric.ialltoallv(all_a, rows, all_b, rows).wait(),
        ),
    }  # fmt: skip


def seconds_a_call(comm: MPI.Intracomm, call: Callable[[], object], n_calls: int) -> float:
    comm.Barrier()
    start_s = time.perf_counter()
    for _ in range(n_calls):
        call()
    return (time.perf_counter() - start_s) / n_calls


def measure(comm: MPI.Intracomm, pair: Pair) -> tuple[float, float, float]:
    """Median seconds a call of both, and the median of the differences of neighbouring rounds."""
    n_calls = comm.bcast(max(1, min(1000, int(ROUND_S / seconds_a_call(comm, pair[0], 3)))))
    rounds = []
    for number in range(ROUNDS):
        order = (0, 1) if number % 2 else (1, 0)
        taken = {which: seconds_a_call(comm, pair[which], n_calls) for which in order}
        rounds.append([comm.allreduce(taken[which], MPI.MAX) for which in (0, 1)])
    plain, ours = (statistics.median(column) for column in zip(*rounds, strict=True))
    return plain, ours, statistics.median(mine - theirs for theirs, mine in rounds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--only")
    parser.add_argument("--guard", action="store_true")
    options = parser.parse_args()
    rows = []
    with Fabric(guard=options.guard) as fabric:
        if fabric.rank == 0:
            print(f"{mpi_name()}, {fabric.size} ranks, times in microseconds a call, median of {ROUNDS} rounds")
            print(f"{'collective':15s} {'bytes':>10s} {'mpi4py':>10s} {'fabric':>10s} {'more':>7s} {'ratio':>6s}")
        for n_bytes in SIZES_BYTES:
            for name, pair in pairs(fabric, n_bytes).items():
                if (options.only and name != options.only) or (name == "barrier" and n_bytes > 8):
                    continue
                plain, ours, more = (1e6 * amount_s for amount_s in measure(fabric.comm, pair))
                met = more <= TARGET_US if n_bytes < LARGE_BYTES else 1 + more / plain <= TARGET_RATIO
                rows.append({"name": name, "bytes": n_bytes, "plain_us": plain, "fabric_us": ours, "met": met})
                if fabric.rank == 0:
                    shown = f"{plain:10.2f} {ours:10.2f} {more:7.2f} {1 + more / plain:6.3f}"
                    print(f"{name:15s} {n_bytes:10d} {shown}{'' if met else '  over'}", flush=True)
        if fabric.rank == 0 and options.json:
            options.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
