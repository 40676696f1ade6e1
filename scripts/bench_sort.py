#!/usr/bin/env python
"""Sort, side by side with its peers on one machine: ours on 2 ranks, theirs with 2 threads, runs interleaved, medians.

    .venv/bin/python scripts/bench_sort.py                  # everything, a few minutes, 8 GB of memory
    .venv/bin/python scripts/bench_sort.py --rows 2^24 --only memory

Parts: memory (array to array, warm), records (100-byte rows, one core), file (HDF5 to HDF5 against cat), start
(commands from nothing), peak (memory of a rank). Workers that are not being timed sleep in a socket and cost nothing.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Client, Connection, Listener
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve()
BIN = Path(sys.executable).parent
RANKS = 2
ENVIRONMENT = {
    **os.environ,
    "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "OMPI_MCA_pml": "ob1", "OMPI_MCA_btl": "self,sm",
    "POLARS_MAX_THREADS": "2",
}  # fmt: skip
KEYS = ("uniform", "zipf", "few-distinct", "nearly-sorted", "float64")
_KEY = b"bench"


def make_keys(kind: str, n_rows: int, part: int, n_parts: int) -> np.ndarray:
    """One part of the keys of a distribution; parts are made from their own seeds."""
    rng = np.random.default_rng([part, n_parts])
    if kind == "zipf":
        return rng.zipf(1.3, n_rows)
    if kind == "few-distinct":
        return rng.integers(0, 100, n_rows)
    if kind == "nearly-sorted":
        keys = np.arange(part * n_rows, (part + 1) * n_rows)
        moved = rng.integers(0, n_rows, n_rows // 100)
        keys[moved] = keys[moved[::-1]]
        return keys
    if kind == "float64":
        return rng.normal(size=n_rows)
    return rng.integers(-(2**63), 2**63 - 1, n_rows)


# --- workers -------------------------------------------------------------------------------------------------------


def ours(address: str) -> None:
    """A rank that waits for a case, sorts it, and tells how long that took."""
    import gpumpi

    with gpumpi.World() as world, Client(address, authkey=_KEY) as driver:
        driver.send(("ours", world.rank))
        data = None
        while (order := driver.recv()) is not None:
            kind, payload, n_rows = order
            if n_rows:
                keys = make_keys(kind, n_rows // world.size, world.rank, world.size)
                data = world.table({"k": keys, "v": keys}) if payload else world.array(keys)
                driver.send(0.0)
                continue
            world.fabric.barrier()
            start = time.perf_counter()
            result = data.sort("k").settle() if payload else data.sort()
            world.fabric.barrier()
            driver.send(time.perf_counter() - start)
            del result


def peers(address: str) -> None:
    """The peers, in one process with two threads."""
    import duckdb
    import polars

    connection = duckdb.connect()
    connection.execute("PRAGMA threads=2")
    frame = keys = table = room = None
    with Client(address, authkey=_KEY) as driver:
        driver.send(("peers", 0))
        while (order := driver.recv()) is not None:
            name, kind, payload, n_rows = order
            if n_rows:
                keys = np.concatenate([make_keys(kind, n_rows // RANKS, part, RANKS) for part in range(RANKS)])
                frame = polars.DataFrame({"k": keys, "v": keys} if payload else {"k": keys})
                table, room = frame.to_arrow(), np.empty_like(keys)
                connection.register("t", table)
                driver.send(0.0)
                continue
            start = time.perf_counter()
            if name == "polars":
                result = frame.sort("k", maintain_order=payload)
            elif name == "duckdb":
                result = connection.execute("SELECT * FROM t ORDER BY k").to_arrow_table()
            elif payload:
                order_ = np.argsort(keys, kind="stable")
                result = keys[order_], keys[order_]
            else:
                np.copyto(room, keys)
                result = room.sort()
            driver.send(time.perf_counter() - start)
            del result


# --- the driver ----------------------------------------------------------------------------------------------------


class Field:
    """Our ranks and the peers, each waiting for its turn."""

    def __init__(self, folder: str) -> None:
        self._listener = Listener(f"{folder}/bench", authkey=_KEY)
        address = self._listener.address
        mpirun = [str(BIN / "mpirun"), "-n", str(RANKS), "--bind-to", "core"]
        commands = [
            [*mpirun, sys.executable, str(HERE), "--ours", address],
            [sys.executable, str(HERE), "--peers", address],
        ]
        self._processes = [subprocess.Popen(command, env=ENVIRONMENT) for command in commands]
        self._ranks: list[Connection] = []
        for _ in range(RANKS + 1):
            connection = self._listener.accept()
            who, _ = connection.recv()
            if who == "ours":
                self._ranks.append(connection)
            else:
                self._peers = connection

    def prepare(self, kind: str, payload: bool, n_rows: int) -> None:
        """Make the data everywhere."""
        self._ask(self._ranks, (kind, payload, n_rows))
        self._ask([self._peers], ("", kind, payload, n_rows))

    def time(self, name: str, payload: bool) -> float:
        """Seconds of one run of one contestant."""
        if name == "gpumpi":
            return max(self._ask(self._ranks, ("", payload, 0)))
        return self._ask([self._peers], (name, "", payload, 0))[0]

    @staticmethod
    def _ask(whom: list[Connection], order: tuple) -> list[float]:
        for connection in whom:
            connection.send(order)
        return [connection.recv() for connection in whom]

    def close(self) -> None:
        """Send everybody home."""
        for connection in [*self._ranks, self._peers]:
            connection.send(None)
        for process in self._processes:
            process.wait()
        self._listener.close()


def bench_memory(n_rows: int, repeats: int, folder: str) -> Iterator[str]:
    """Array to array, warm."""
    contestants = ("gpumpi", "numpy", "polars", "duckdb")
    yield (
        f"| {n_rows:,} rows | "
        + " | ".join(f"{name}, s" for name in contestants)
        + " | numpy / ours | polars / ours | duckdb / ours | uniform / this |"
    )
    yield "|---" * 9 + "|"
    field = Field(folder)
    uniform: dict[bool, float] = {}
    for kind, payload in [(kind, False) for kind in KEYS] + [("uniform", True), ("zipf", True), ("few-distinct", True)]:
        field.prepare(kind, payload, n_rows)
        times: dict[str, list[float]] = {name: [] for name in contestants}
        for repeat in range(repeats + 1):
            for name in contestants:
                seconds = field.time(name, payload)
                if repeat:  # the first run warms
                    times[name].append(seconds)
        medians = {name: statistics.median(values) for name, values in times.items()}
        mine = medians["gpumpi"]
        uniform.setdefault(payload, mine)
        ratios = [medians[name] / mine for name in contestants[1:]] + [uniform[payload] / mine]
        label = f"{kind}, 8-byte payload" if payload else kind
        yield (
            f"| {label} | "
            + " | ".join(f"{medians[n]:.3f}" for n in contestants)
            + " | "
            + " | ".join(f"{r:.2f}" for r in ratios)
            + " |"
        )
    field.close()


def bench_records(n_rows: int, repeats: int) -> Iterator[str]:
    """100-byte rows with a 10-byte key in one process: the local sort, without exchange."""
    from gpumpi.device.host import HostDevice
    from gpumpi.keys import plan_keys
    from gpumpi.schema import Column

    device = HostDevice()
    record = np.dtype([("key", "S10"), ("payload", "V90")])
    plan = plan_keys(["key"], [Column("rows", record)])
    rows = np.random.default_rng(0).integers(0, 256, (n_rows, 100), dtype=np.uint8)
    out = np.empty_like(rows)

    def mine() -> None:
        device.gather(rows, device.order(device.words([rows], plan)), out)

    def numpy() -> None:
        leading = np.ascontiguousarray(rows[:, :8]).view(">u8").ravel().astype("u8")
        np.take(rows, np.argsort(leading, kind="stable"), axis=0, out=out)

    times = interleaved({"gpumpi": mine, "numpy": numpy}, repeats)
    rate = n_rows * 100 / times["gpumpi"] / 1e9
    yield f"{n_rows:,} rows of 100 bytes, 10-byte key, one core: {times['gpumpi']:.3f} s = {rate:.2f} GB/s; "
    ratio = times["numpy"] / times["gpumpi"]
    yield f"numpy argsort of the first 8 bytes and take {times['numpy']:.3f} s, ratio {ratio:.2f}."


def bench_file(n_rows: int, repeats: int, folder: str) -> Iterator[str]:
    """HDF5 to HDF5 by the command, page cache warm, against cat of the same bytes."""
    yield "| file | bytes | sort, s | inside, s | cat, s | cat and sync, s | cat / sort | cat and sync / inside |"
    yield "|---" * 8 + "|"
    for name, columns in (("int64", "k:int64:uniform"), ("int64 + 24 bytes", "k:int64:uniform,v:int64[3]:uniform")):
        source, target, copy = (f"{folder}/{file}.h5" for file in ("in", "out", "copy"))
        rows = n_rows if name == "int64" else n_rows // 4
        options = [part for column in columns.split(",") for part in ("--column", column)]
        gpumpi("generate", source, "--rows", str(rows), *options, "--force", "-n", str(RANKS))
        inside: list[float] = []
        contestants = {
            "sort": functools.partial(_sort_file, source, target, inside),
            "cat": functools.partial(_shell, f"cat {source} > {copy}; rm {copy}"),
            "sync": functools.partial(_shell, f"cat {source} > {copy}; sync {copy}; rm {copy}"),
        }
        times, within = interleaved(contestants, repeats), statistics.median(inside)
        yield (
            f"| {name} | {Path(source).stat().st_size:,} | {times['sort']:.2f} | {within:.2f} | {times['cat']:.2f} "
            f"| {times['sync']:.2f} | {times['cat'] / times['sort']:.2f} | {times['sync'] / within:.2f} |"
        )


def _sort_file(source: str, target: str, inside: list[float]) -> None:
    said = gpumpi("sort", source, target, "-k", "k", "-n", str(RANKS), "--force", "--json")
    inside.append(json.loads(said)["elapsed_s"])


def _shell(command: str) -> None:
    subprocess.run(["sh", "-c", command], check=True)


def bench_start(repeats: int, folder: str) -> Iterator[str]:
    """Commands from nothing, the second time."""
    source = f"{folder}/small.h5"
    gpumpi("generate", source, "--rows", "10000", "--force")
    commands = {
        "gpumpi --help": lambda: gpumpi("--help"),
        "sort of 10,000 rows, alone": lambda: gpumpi("sort", source, f"{folder}/s.h5", "-k", "id", "--force"),
        "sort of 10,000 rows, 4 ranks": lambda: gpumpi(
            "sort", source, f"{folder}/s.h5", "-k", "id", "--force", "-n", "4"
        ),
    }
    for name, seconds in interleaved(commands, repeats).items():
        yield f"- {name}: {seconds:.2f} s"


def bench_peak(n_rows: int, folder: str) -> Iterator[str]:
    """Largest resident memory of a rank that sorts a file."""
    source = f"{folder}/peak.h5"
    gpumpi("generate", source, "--rows", str(n_rows), "--column", "k:int64:uniform", "--force", "-n", str(RANKS))
    said = json.loads(gpumpi("sort", source, f"{folder}/p.h5", "-k", "k", "-n", str(RANKS), "--force", "--json"))
    share, peak = n_rows * 8 // RANKS, said["peak_memory_bytes"]
    yield f"{n_rows:,} int64 rows on {RANKS} ranks: peak of a rank {peak / 1e6:.0f} MB, share {share / 1e6:.0f} MB; "
    yield f"(peak - 300 MB) / share = {(peak - 300e6) / share:.2f}."


def gpumpi(*arguments: str) -> str:
    """What a gpumpi command prints."""
    done = subprocess.run([str(BIN / "gpumpi"), *arguments], env=ENVIRONMENT, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    return done.stdout


def interleaved(contestants: dict[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Median seconds of each, after a first round that does not count."""
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for repeat in range(repeats + 1):
        for name, run in contestants.items():
            start = time.perf_counter()
            run()
            if repeat:
                times[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in times.items()}


def main() -> None:
    """Run what was asked for and print it as Markdown."""
    from gpumpi.units import parse_rows

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", default="2^26", help="rows in memory and in files")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--only", nargs="*", default=["memory", "records", "file", "start", "peak"])
    parser.add_argument("--ours", help=argparse.SUPPRESS)
    parser.add_argument("--peers", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.ours or asked.peers:
        return ours(asked.ours) if asked.ours else peers(asked.peers)
    n_rows = parse_rows(asked.rows)
    with tempfile.TemporaryDirectory() as folder, contextlib.suppress(KeyboardInterrupt):
        parts = {
            "memory": lambda: bench_memory(n_rows, asked.repeats, folder),
            "records": lambda: bench_records(n_rows // 16, asked.repeats),
            "file": lambda: bench_file(n_rows, asked.repeats, folder),
            "start": lambda: bench_start(asked.repeats, folder),
            "peak": lambda: bench_peak(n_rows, folder),
        }
        for name in asked.only:
            print(f"\n## {name}\n")
            for line in parts[name]():
                print(line, flush=True)
    return None


if __name__ == "__main__":
    main()
