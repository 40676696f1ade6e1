#!/usr/bin/env python3
"""Makes the TPC-H table `lineitem` as HDF5: a real table of 16 columns and 6 million rows a scale factor.

    python scripts/lineitem_to_hdf5.py data/lineitem.h5 --scale 1

The rows come from tpchgen-cli (PyPI) as Parquet and go into the group /lineitem row group by row group, so any scale
fits into memory. Keys are integers, money is float64, dates are int32 days since 1970-01-01 (the `units` attribute says
so, as CF does), strings have the fixed lengths of the TPC-H specification.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

STRING_BYTES = {"l_returnflag": 1, "l_linestatus": 1, "l_shipinstruct": 25, "l_shipmode": 10, "l_comment": 44}
MONEY = {"l_extendedprice": "dollars", "l_discount": "1", "l_tax": "1", "l_quantity": "1"}
Values = npt.NDArray[np.generic]


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    out = Path(options.out)
    if out.exists() and not options.force:
        print(f"{out}: already exists; use --force to replace it", file=sys.stderr)
        return 2
    out.parent.mkdir(parents=True, exist_ok=True)
    start_s = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix=f"{out.name}.", dir=out.parent) as folder:
        source = generate(Path(folder), options.scale)
        written = Path(folder) / out.name
        n_rows = convert(source, written)
        written.replace(out)
    elapsed_s = time.perf_counter() - start_s
    print(
        f"\r{out}:/lineitem  {n_rows:,} rows, {out.stat().st_size / 1e9:.2f} GB in {elapsed_s:.1f} s", file=sys.stderr
    )
    return 0


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Make the TPC-H table lineitem as HDF5.")
    parser.add_argument("out", help="file to write; the table is the group /lineitem in it")
    parser.add_argument("--scale", type=float, default=1.0, help="TPC-H scale factor; 1 is 6 million rows, about 1 GB")
    parser.add_argument("--force", action="store_true", help="replace a file that is there")
    return parser.parse_args(arguments)


def progress(text: str) -> None:
    """Show how far it is, on a terminal only; the line is cleared at the end."""
    if sys.stderr.isatty():
        print("\r\033[K" + (f"lineitem: {text}" if text != "done" else ""), end="", file=sys.stderr, flush=True)


def generate(folder: Path, scale: float) -> pq.ParquetFile:
    """The table as tpchgen-cli writes it."""
    beside_python = Path(sysconfig.get_path("scripts")) / "tpchgen-cli"
    program = str(beside_python) if beside_python.is_file() else shutil.which("tpchgen-cli")
    if program is None:
        raise SystemExit("tpchgen-cli is not there; pip install tpchgen-cli")
    progress("generating")
    command = [program, "parquet", f"--scale-factor={scale:g}", "--tables=lineitem", f"--output-dir={folder}"]
    subprocess.run([*command, "--compression=LZ4_RAW"], check=True, stdout=subprocess.DEVNULL)
    return pq.ParquetFile(folder / "lineitem.parquet")


def convert(source: pq.ParquetFile, path: Path) -> int:
    """Rows written to the group /lineitem of a new file."""
    n_rows = source.metadata.num_rows
    with h5py.File(path, "w") as file:
        group = file.create_group("lineitem", track_order=True)
        group.attrs["source"] = "TPC-H lineitem, made by tpchgen-cli"
        done_rows = 0
        for batch in source.iter_batches(batch_size=1 << 18):
            for name, column in zip(batch.schema.names, batch.columns, strict=True):
                values = to_numpy(name, column)
                dataset = group[name] if name in group else create(group, name, values.dtype, n_rows)
                dataset[done_rows : done_rows + len(values)] = values
            done_rows += len(batch)
            progress(f"{done_rows:,} of {n_rows:,} rows")
    return int(n_rows)


def create(group: h5py.Group, name: str, dtype: np.dtype[np.generic], n_rows: int) -> h5py.Dataset:
    """An empty column with the attributes that say what it means."""
    dataset = group.create_dataset(name, (n_rows,), dtype)
    if name in MONEY:
        dataset.attrs["units"] = MONEY[name]
    if name.endswith("date"):
        dataset.attrs["units"] = "days since 1970-01-01"
        dataset.attrs["calendar"] = "proleptic_gregorian"
    return dataset


def to_numpy(name: str, column: pa.Array) -> Values:
    """One column of a batch as the array that is stored."""
    if pa.types.is_decimal(column.type):
        return money(column)
    if pa.types.is_date32(column.type):
        return np.asarray(column.view(pa.int32()))
    if name in STRING_BYTES:
        return fixed_strings(column.cast(pa.binary()), STRING_BYTES[name])
    return np.asarray(column)


def money(column: pa.Decimal128Array) -> npt.NDArray[np.float64]:
    """The float64 nearest to each decimal; pyarrow's own cast is one bit off for one value in seven.

    The lower half of a Decimal128 is the whole number of cents, and a quotient is rounded correctly.
    """
    halves = np.frombuffer(column.buffers()[1], np.int64)[2 * column.offset : 2 * (column.offset + len(column))]
    return halves[::2] / np.float64(10**column.type.scale)


def fixed_strings(column: pa.BinaryArray, width: int) -> Values:
    """The strings, filled up with zero bytes, as ``S<width>``."""
    _, offsets_buffer, data_buffer = column.buffers()
    offsets = np.frombuffer(offsets_buffer, np.int32)[column.offset : column.offset + len(column) + 1]
    data = np.frombuffer(data_buffer, np.uint8)[offsets[0] : offsets[-1]]
    lengths = np.diff(offsets)
    if lengths.max(initial=0) > width:
        raise SystemExit(f"a string has {lengths.max()} bytes, more than the {width} that TPC-H allows")
    rows = np.zeros((len(column), width), np.uint8)
    rows[np.arange(width) < lengths[:, None]] = data
    return rows.view(f"S{width}")[:, 0]


if __name__ == "__main__":
    sys.exit(main())
