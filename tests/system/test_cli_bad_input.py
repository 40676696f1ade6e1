"""Every input that cannot be right: one line from one rank, exit code 2 on all, nothing written, nobody hangs."""

import json
import os
import re
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from tests.system.processes import MPI_ENVIRONMENT, mpirun, run_process

N_RANKS = 3
UNKNOWN_FILTER = 31_999


def make_files(folder: Path) -> None:
    (folder / "text.h5").write_text("no HDF5\n" * 1000)
    (folder / "folder.h5").mkdir()
    (folder / "there.h5").write_bytes(b"precious")
    (folder / "closed").mkdir(mode=0o500)
    (folder / "elsewhere").mkdir()
    rng = np.random.default_rng(5)
    for path in (folder / "good.h5", folder / "elsewhere" / "good.h5"):
        with h5py.File(path, "w") as f:
            f["stars/id"] = rng.permutation(100)
            f["stars/mass"] = rng.random(100)
    (folder / "link.h5").symlink_to("good.h5")
    os.link(folder / "good.h5", folder / "hard.h5")
    with h5py.File(folder / "cut.h5", "w") as f:
        f["t/a"] = np.arange(100_000)
    os.truncate(folder / "cut.h5", 50_000)
    with h5py.File(folder / "two.h5", "w") as f:
        f["gas/id"], f["dust/id"] = np.arange(5), np.arange(7)
        f["dust/m"], f["gas/m"] = np.arange(7), np.arange(5)
    with h5py.File(folder / "uneven.h5", "w") as f:
        f["t/long"], f["t/short"] = np.arange(5), np.arange(4)
    with h5py.File(folder / "types.h5", "w") as f:
        f["plain/ok"] = np.arange(4)
        f["plain/z"] = np.zeros(4, "c16")
        f["plain/v"] = np.zeros(4, "V5")
        f["plain/pos"] = np.zeros((4, 3))
        f["text/s"] = np.array(["a", "bc"], h5py.string_dtype())
        f["text/n"] = np.arange(2)
        f["refs/r"] = np.array([f["plain"].ref, f["text"].ref], h5py.ref_dtype)
        f["refs/n"] = np.arange(2)
    with h5py.File(folder / "virtual.h5", "w") as f:
        layout = h5py.VirtualLayout(shape=(10,), dtype="i8")
        layout[:] = h5py.VirtualSource("gone.h5", "x", shape=(10,))
        f.create_virtual_dataset("t/a", layout)
    with h5py.File(folder / "external.h5", "w") as f:
        f.create_dataset("t/a", (10,), "i8", external=[("gone.raw", 0, 80)])
    (folder / "gone.raw").unlink(missing_ok=True)
    with h5py.File(folder / "filtered.h5", "w") as f:
        creation = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        creation.set_chunk((10,))
        creation.set_filter(UNKNOWN_FILTER, h5py.h5z.FLAG_OPTIONAL, (0,))
        space = h5py.h5s.create_simple((10,))
        made = h5py.h5d.create(f.create_group("t").id, b"a", h5py.h5t.NATIVE_INT64, space, creation)
        made.write(h5py.h5s.ALL, h5py.h5s.ALL, np.arange(10))
    with h5py.File(folder / "huge.h5", "w") as f:
        f.create_dataset("t/a", (1 << 50,), "i8", chunks=(1 << 20,))  # takes no space: never written


SORT = ("good.h5", "out.h5", "-k", "id")
CASES = [
    ("missing file", ["sort", "none.h5", "out.h5", "-k", "id"], {}, r"none\.h5: no such file"),
    ("folder", ["sort", "folder.h5", "out.h5", "-k", "id"], {}, r"folder\.h5: is a folder"),
    ("not HDF5", ["sort", "text.h5", "out.h5", "-k", "id"], {}, r"text\.h5.*not.*HDF5"),
    ("cut short", ["sort", "cut.h5", "out.h5", "-k", "a"], {}, r"cut\.h5.*(cut|truncated|short)"),
    ("missing group", ["sort", "good.h5:/star", "out.h5", "-k", "id"], {}, r"good\.h5:/star.*did you mean.*stars"),
    ("several tables", ["sort", "two.h5", "out.h5", "-k", "id"], {}, r"2 tables.*/gas \(5 rows\)|/dust \(7 rows\)"),
    ("uneven columns", ["sort", "uneven.h5:/t", "out.h5", "-k", "long"], {}, r"(long.*5.*short.*4|5.*long.*4.*short)"),
    ("missing key", ["sort", "good.h5", "out.h5", "-k", "idd"], {}, r"key 'idd' is not a column.*did you mean id"),
    ("no key", ["sort", "good.h5", "out.h5"], {}, r"no key given.*id, mass"),
    ("key twice", ["sort", "good.h5", "out.h5", "-k", "id,mass,id:desc"], {}, r"named twice"),
    ("bad direction", ["sort", "good.h5", "out.h5", "-k", "id:down"], {}, r"'down' is no direction"),
    ("complex key", ["sort", "types.h5:/plain", "out.h5", "-k", "z"], {}, r"key 'z' has type complex"),
    ("opaque key", ["sort", "types.h5:/plain", "out.h5", "-k", "v"], {}, r"key 'v' has type opaque"),
    ("key of many", ["sort", "types.h5:/plain", "out.h5", "-k", "pos"], {}, r"key 'pos'.*shape \(3,\)"),
    ("variable length", ["sort", "types.h5:/text", "out.h5", "-k", "s"], {}, r"types\.h5:/text/s.*variable-length"),
    ("references", ["sort", "types.h5:/refs", "out.h5", "-k", "r"], {}, r"types\.h5:/refs/r.*reference"),
    ("missing column", ["sort", *SORT, "--columns", "id,mas"], {}, r"mas.*did you mean.*mass"),
    ("virtual source gone", ["sort", "virtual.h5", "out.h5", "-k", "a"], {}, r"virtual\.h5:/t/a.*gone\.h5"),
    ("external file gone", ["sort", "external.h5", "out.h5", "-k", "a"], {}, r"external\.h5:/t/a.*gone\.raw"),
    ("unknown filter", ["sort", "filtered.h5", "out.h5", "-k", "a"], {}, r"filter.*31999.*(pip|HDF5_PLUGIN_PATH)"),
    ("output exists", ["sort", "good.h5", "there.h5", "-k", "id"], {}, r"there\.h5: already exists.*--force"),
    ("output is the input", ["sort", "good.h5", "good.h5", "-k", "id", "--force"], {}, r"is the input.*--in-place"),
    ("through a symbolic link", ["sort", "good.h5", "link.h5", "-k", "id", "--force"], {}, r"is the input.*--in-place"),
    ("through a hard link", ["sort", "good.h5", "hard.h5", "-k", "id", "--force"], {}, r"is the input.*--in-place"),
    ("output is a folder", ["sort", "good.h5", "folder.h5", "-k", "id", "--force"], {}, r"folder\.h5: is a folder"),
    ("no such folder", ["sort", "good.h5", "no/out.h5", "-k", "id"], {}, r"folder .*no is not there.*mkdir"),
    ("closed folder", ["sort", "good.h5", "closed/out.h5", "-k", "id"], {"powerless": True}, r"closed may not be written"),
    ("no space to sort", ["sort", "huge.h5", "out.h5", "-k", "a"], {}, r"needs 8 PiB.*is free"),
    ("no space to generate", ["generate", "out.h5", "--rows", "2^50"], {}, r"needs \d+.* PiB.*is free"),
    ("other file on one rank", ["sort", *SORT], {"folders": {"1": "elsewhere"}}, r"rank 1 sees another file"),
    ("file on one rank only", ["sort", "two.h5:/gas", "out.h5", "-k", "id"], {"folders": {"2": "elsewhere"}},
     r"two\.h5: no such file.*\[rank 2\]"),
    ("other version on one rank", ["sort", *SORT], {"version": {"2": "9.9"}}, r"rank 2 runs 9\.9"),
    ("unknown compression", ["sort", *SORT, "--compression", "zip"], {}, r"zip"),
    ("bad memory", ["sort", *SORT, "--host-memory", "lots"], {}, r"'lots' is not a size"),
    ("too little memory", ["sort", *SORT, "--host-memory", "100"], {}, r"memory|host-memory"),
    ("negative head", ["sort", *SORT, "--head", "-1"], {}, r"'-1' is not a number of rows"),
    ("other number of ranks", ["sort", *SORT, "-n", "2"], {}, r"-n 2 was asked for, and the launcher has started 3"),
    ("check of other columns", ["check", "two.h5:/gas", "-k", "id", "--against", "good.h5"], {}, r"different columns"),
    ("bad column", ["generate", "out.h5", "-c", "a:int65"], {}, r"'int65' is no type"),
    ("column twice", ["generate", "out.h5", "-c", "a:int8", "-c", "a:int16"], {}, r"'a' is there twice"),
]  # fmt: skip


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict]:
    folder = tmp_path_factory.mktemp("bad")
    make_files(folder)
    cases = [{"arguments": arguments, **how} for _, arguments, how, _ in CASES]
    (folder.parent / "cases.json").write_text(json.dumps(cases))
    program = Path(__file__).with_name("commands_on_ranks.py")
    job = run_process(
        [*mpirun(N_RANKS), sys.executable, program, "../cases.json", "../answers.json"], folder, **MPI_ENVIRONMENT
    )
    assert job.returncode == 0, job.stderr
    assert (folder / "there.h5").read_bytes() == b"precious"
    found = json.loads((folder.parent / "answers.json").read_text())
    return {name: answer for (name, *_), answer in zip(CASES, found, strict=True)}


@pytest.mark.parametrize(("name", "words"), [(name, words) for name, _, _, words in CASES])
def test_one_line_from_one_rank(answers: dict[str, dict], name: str, words: str) -> None:
    answer = answers[name]
    assert [rank["code"] for rank in answer["ranks"]] == [2] * N_RANKS, answer
    assert [rank["out"] for rank in answer["ranks"]] == [""] * N_RANKS
    (line,) = [rank["err"] for rank in answer["ranks"] if rank["err"]]
    assert line.startswith("gpumpi ") and ": error: " in line and line.count("\n") == 1
    assert re.search(words, line), line
    assert answer["new_files"] == []
