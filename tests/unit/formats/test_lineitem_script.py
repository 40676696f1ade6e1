"""The script that makes the example table: same rows as the Parquet that it comes from."""

import importlib.util
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import h5py
import numpy as np
import pytest

SCRIPT = Path(__file__).parents[3] / "scripts" / "lineitem_to_hdf5.py"
GENERATOR = Path(sysconfig.get_path("scripts")) / "tpchgen-cli"

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("pyarrow") is None or not (GENERATOR.is_file() or shutil.which("tpchgen-cli")),
    reason="pyarrow and tpchgen-cli are not installed",
)


def test_lineitem(tmp_path):
    import pyarrow.parquet as pq

    out = tmp_path / "new" / "lineitem.h5"
    for expected in (0, 2):
        ran = subprocess.run(
            [sys.executable, str(SCRIPT), str(out), "--scale", "0.01"], capture_output=True, text=True, check=False
        )
        assert ran.returncode == expected, ran.stderr
    assert "already exists" in ran.stderr
    assert [entry.name for entry in out.parent.iterdir()] == ["lineitem.h5"]
    generator = str(GENERATOR) if GENERATOR.is_file() else "tpchgen-cli"
    subprocess.run(
        [generator, "parquet", "-s", "0.01", "--tables=lineitem", f"--output-dir={tmp_path}"],
        check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    expected = pq.read_table(tmp_path / "lineitem.parquet").to_pydict()
    with h5py.File(out) as file:
        group = file["lineitem"]
        assert list(group) == list(expected)
        for name, values in expected.items():
            assert len(group[name]) == len(values) == 60175
            if name.endswith("date"):
                assert group[name].attrs["units"] == "days since 1970-01-01"
                assert group[name][:].astype("<M8[D]").tolist() == values
            elif group[name].dtype.kind == "S":
                assert [value.decode() for value in group[name][:]] == values
            else:
                np.testing.assert_array_equal(group[name][:], np.array(values, group[name].dtype))
