"""Sorting, checking and generating from the command line: what comes out, what is said, and where."""

import contextlib
import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

import h5py
import numpy as np
import pytest

from tests.system.conftest import Run
from tests.system.processes import MPI_ENVIRONMENT, clean_environment, mpirun, run_process

N_RANKS = 3
SEED = 20_261
ROWS = 5_000

BATCH = {
    "by mass, then id": ["sort", "in.h5", "two_keys.h5", "-k", "mass:desc", "-k", "id"],
    "comma list": ["sort", "in.h5", "comma.h5", "-k", "mass:desc,id"],
    "reversed": ["sort", "in.h5", "reversed.h5", "-k", "few", "-r"],
    "unique": ["sort", "in.h5", "unique.h5", "-k", "few", "--unique"],
    "head": ["sort", "in.h5", "head.h5", "-k", "mass", "--head", "10"],
    "columns": ["sort", "in.h5", "columns.h5", "-k", "id", "--columns", "pos,id"],
    "named": ["sort", "in.h5", "named.h5:/deep/sorted", "-k", "id"],
    "compressed": ["sort", "in.h5", "compressed.h5", "-k", "id", "--chunks", "1000", "--compression", "gzip:1"],
    "forced": ["sort", "in.h5", "old.h5", "-k", "id", "--force"],
    "in place": ["sort", "here.h5:/stars", "--in-place", "-k", "id"],
    "no rows": ["sort", "none.h5", "none_sorted.h5", "-k", "id"],
    "one row": ["sort", "one.h5", "one_sorted.h5", "-k", "id"],
    "fewer rows than ranks": ["sort", "two.h5", "two_sorted.h5", "-k", "id"],
    "single column": ["sort", "in.h5:/stars/id", "single.h5"],
    "explain": ["sort", "in.h5", "explained.h5", "-k", "id", "--explain"],
    "explain json": ["sort", "in.h5", "explained.h5", "-k", "id", "--explain", "--json"],
    "json": ["sort", "in.h5", "json.h5", "-k", "id", "--json"],
    "quiet": ["sort", "in.h5", "quiet.h5", "-k", "id", "--quiet"],
    "checked": ["check", "two_keys.h5", "-k", "mass:desc,id", "--against", "in.h5"],
    "out of order": ["check", "in.h5", "-k", "id"],
    "not unique": ["check", "reversed.h5", "-k", "few:desc", "--unique"],
    "other rows": ["check", "head.h5", "-k", "mass", "--against", "in.h5"],
    "check json": ["check", "in.h5", "-k", "id", "--json"],
    "generated": ["generate", "made.h5:/t", "--rows", "200k", "-c", "a:>i4:zipf", "-c", "s:S7", "-c", "t:datetime64[ns]"],
    "generated compound": ["generate", "compound.h5:/t", "--rows", "1000", "--compound", "-c", "a:int8", "-c", "b:f8[2]"],
    "generated again": ["generate", "again.h5:/t", "--rows", "1000", "-c", "a:int8", "-c", "b:f8[2]"],
}  # fmt: skip


def write_table(path: Path, columns: dict[str, np.ndarray]) -> None:
    with h5py.File(path, "w") as f:
        for name, values in columns.items():
            f[f"stars/{name}"] = values
        f["stars"].attrs["epoch"] = 2016.5
        f["stars/id"].attrs["unit"] = "1"


@pytest.fixture(scope="module")
def columns() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(SEED)
    return {
        "id": rng.permutation(ROWS), "mass": rng.integers(0, 50, ROWS).astype("f4"),
        "few": rng.integers(0, 7, ROWS).astype(">i2"), "pos": rng.random((ROWS, 3)),
    }  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, columns: dict[str, np.ndarray]) -> Path:
    made = tmp_path_factory.mktemp("sort")
    write_table(made / "in.h5", columns)
    write_table(made / "here.h5", columns)
    with h5py.File(made / "here.h5", "a") as f:
        f["notes/page"] = np.arange(3)
    for name, n_rows in (("none", 0), ("one", 1), ("two", 2)):
        write_table(made / f"{name}.h5", {key: values[:n_rows] for key, values in columns.items()})
    (made / "old.h5").write_bytes(b"old")
    return made


@pytest.fixture(scope="module")
def said(folder: Path) -> dict[str, dict]:
    """What rank 0 answered to each command of the batch, after the other ranks have been found silent."""
    cases = [{"arguments": arguments} for arguments in BATCH.values()]
    (folder.parent / "batch.json").write_text(json.dumps(cases))
    program = Path(__file__).with_name("commands_on_ranks.py")
    job = run_process(
        [*mpirun(N_RANKS), sys.executable, program, "../batch.json", "../said.json"], folder, **MPI_ENVIRONMENT
    )
    assert job.returncode == 0, job.stderr
    found = json.loads((folder.parent / "said.json").read_text())
    for answer in found:
        first, *others = answer["ranks"]
        assert all(other == {"code": first["code"], "out": "", "err": ""} for other in others), answer
    return {name: answer["ranks"][0] for name, answer in zip(BATCH, found, strict=True)}


def read(folder: Path, name: str, group: str = "stars") -> dict[str, np.ndarray]:
    with h5py.File(folder / name) as f:
        return {key: values[:] for key, values in f[group].items()}


def assert_equal(found: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        assert found[name].dtype == values.dtype and found[name].shape == values.shape
        assert found[name].tobytes() == values.tobytes(), name


def rows(columns: dict[str, np.ndarray], order: np.ndarray) -> dict[str, np.ndarray]:
    return {name: values[order] for name, values in columns.items()}


@pytest.mark.parametrize(
    "name", [n for n in BATCH if n not in ("out of order", "not unique", "other rows", "check json")]
)
def test_what_can_be_done_exits_0(said: dict[str, dict], name: str) -> None:
    assert said[name]["code"] == 0, said[name]


def test_keys_are_sorted_by_in_turn(said: dict, folder: Path, columns: dict[str, np.ndarray]) -> None:
    expected = rows(columns, np.lexsort((columns["id"], -columns["mass"])))
    assert_equal(read(folder, "two_keys.h5"), expected)
    assert (folder / "comma.h5").read_bytes() == (folder / "two_keys.h5").read_bytes()


def test_reversed_keeps_ties_in_input_order(said: dict, folder: Path, columns: dict[str, np.ndarray]) -> None:
    expected = rows(columns, np.argsort(-columns["few"].astype(int), kind="stable"))
    assert_equal(read(folder, "reversed.h5"), expected)


def test_unique_keeps_the_first_row_of_each_key(said: dict, folder: Path, columns: dict[str, np.ndarray]) -> None:
    _, first = np.unique(columns["few"], return_index=True)
    assert_equal(read(folder, "unique.h5"), rows(columns, first))


def test_head_keeps_the_first_rows(said: dict, folder: Path, columns: dict[str, np.ndarray]) -> None:
    expected = rows(columns, np.argsort(columns["mass"], kind="stable")[:10])
    assert_equal(read(folder, "head.h5"), expected)


def test_columns_are_chosen(said: dict, folder: Path, columns: dict[str, np.ndarray]) -> None:
    in_order = rows(columns, np.argsort(columns["id"]))
    assert_equal(read(folder, "columns.h5"), {"id": in_order["id"], "pos": in_order["pos"]})


@pytest.mark.parametrize(
    ("name", "group"), [("named.h5", "deep/sorted"), ("compressed.h5", "stars"), ("old.h5", "stars"),
                        ("here.h5", "stars"), ("json.h5", "stars"), ("quiet.h5", "stars")],
)  # fmt: skip
def test_the_rows_are_the_same_however_they_are_stored(
    said: dict, folder: Path, columns: dict[str, np.ndarray], name: str, group: str
) -> None:
    assert_equal(read(folder, name, group), rows(columns, np.argsort(columns["id"])))
    with h5py.File(folder / name) as f:
        assert f[group].attrs["epoch"] == 2016.5 and f[group]["id"].attrs["unit"] == "1"
        if name == "compressed.h5":
            assert f["stars/pos"].chunks == (1000, 3) and f["stars/pos"].compression == "gzip"
        if name == "here.h5":
            assert f["notes/page"][:].tolist() == [0, 1, 2]


@pytest.mark.parametrize(("name", "n_rows"), [("none", 0), ("one", 1), ("two", 2)])
def test_few_rows_keep_their_types(
    said: dict, folder: Path, columns: dict[str, np.ndarray], name: str, n_rows: int
) -> None:
    expected = rows(columns, np.argsort(columns["id"][:n_rows]))
    assert_equal(read(folder, f"{name}_sorted.h5"), expected)


def test_a_single_column_needs_no_key(said: dict, folder: Path) -> None:
    with h5py.File(folder / "single.h5") as f:
        assert f["stars/id"][:].tolist() == list(range(ROWS))


def test_explain_says_and_does_nothing(said: dict, folder: Path) -> None:
    assert re.match(r"sort 5,000 rows .* by id on 3 ranks\n", said["explain"]["out"])
    assert json.loads(said["explain json"]["out"])["n_rows"] == ROWS
    assert said["explain"]["err"] == said["explain json"]["err"] == ""
    assert not (folder / "explained.h5").exists()


def test_the_summary_goes_to_standard_error(said: dict) -> None:
    assert said["by mass, then id"]["out"] == ""
    first, *phases = said["by mass, then id"]["err"].splitlines()
    assert re.match(r"sorted by mass:desc, id: 5,000 rows, \d+ KiB on 3 ranks in .* \(.* GB/s\)", first)
    assert any("balance 1." in line for line in phases) and phases[-1] == "  in two_keys.h5"
    assert said["quiet"] == {"code": 0, "out": "", "err": ""}


def test_json_is_one_line_for_machines(said: dict) -> None:
    assert said["json"]["err"] == "" and said["json"]["out"].count("\n") == 1
    told = json.loads(said["json"]["out"])
    assert told["n_rows"] == told["n_rows_out"] == ROWS and told["n_ranks"] == N_RANKS
    assert told["n_bytes"] == ROWS * (8 + 4 + 2 + 24) and told["phases"] and told["elapsed_s"] > 0


def test_check_says_yes_or_no_in_one_line(said: dict, columns: dict[str, np.ndarray]) -> None:
    ids = columns["id"].tolist()
    first = next(row for row in range(1, ROWS) if ids[row] < ids[row - 1])
    assert re.search(r"5,000 rows are in order by mass:desc, id.*same", said["checked"]["out"])
    for name in ("out of order", "not unique", "other rows", "check json"):
        assert said[name]["code"] == 1 and said[name]["err"] == "" and said[name]["out"].count("\n") == 1
    line = said["out of order"]["out"]
    assert f"row {first} " in line and str(ids[first]) in line and str(ids[first - 1]) in line
    told = json.loads(said["check json"]["out"])
    assert told["ok"] is False and told["first_unordered"] == first


def test_generated_tables_have_the_types_asked_for(said: dict, folder: Path) -> None:
    made = read(folder, "made.h5", "t")
    assert made["a"].dtype == ">i4" and made["s"].dtype == "S7" and made["t"].dtype.itemsize == 8
    assert all(len(values) == 200_000 for values in made.values())
    with h5py.File(folder / "compound.h5") as f:
        compound = f["t"][:]
    apart = read(folder, "again.h5", "t")
    assert compound["a"].tobytes() == apart["a"].tobytes() and (compound["b"] == apart["b"]).all()


def test_any_way_of_starting_gives_the_same_bytes(said: dict, folder: Path, gpumpi: Run, tmp_path: Path) -> None:
    """Alone, with ``-n`` and under the user's own launcher; the file that was sorted on three ranks is the oracle."""
    outputs = {"alone.h5": [], "started.h5": ["-n", "4"]}
    for name, how in outputs.items():
        job = gpumpi("sort", folder / "in.h5", name, "-k", "mass:desc,id", "--quiet", *how)
        assert (job.returncode, job.stdout, job.stderr) == (0, "", "")
        assert (tmp_path / name).read_bytes() == (folder / "two_keys.h5").read_bytes()
    made = {"1": "made1.h5", "4": "made4.h5"}
    for n_ranks, name in made.items():
        generate = [name if word == "made.h5:/t" else word for word in BATCH["generated"]]
        generate[1] = f"{name}:/t"
        assert gpumpi(*generate, GPUMPI_RANKS=n_ranks).returncode == 0
        assert (tmp_path / name).read_bytes() == (folder / "made.h5").read_bytes()


def test_a_started_job_says_one_line_and_hands_its_code_back(gpumpi: Run, folder: Path) -> None:
    wrong = gpumpi("sort", folder / "in.h5", "out.h5", "-k", "idd", "-n", "3")
    assert wrong.returncode == 2
    assert re.fullmatch(r"gpumpi sort: error: key 'idd' .*\n", wrong.stderr), wrong.stderr
    unordered = gpumpi("check", folder / "in.h5", "-k", "id", "-n", "2")
    assert unordered.returncode == 1 and unordered.stderr == ""


@pytest.mark.parametrize("width", [0, 100])
def test_a_terminal_gets_a_bar_and_then_the_summary(folder: Path, tmp_path: Path, width: int) -> None:
    """Through the launcher, which stands between the ranks and the terminal."""
    ours, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, width, 0, 0))
    command = [sys.executable, "-m", "gpumpi", "sort", str(folder / "in.h5"), "out.h5", "-k", "id", "-n", "2"]
    with subprocess.Popen(command, cwd=tmp_path, env=clean_environment(), stderr=terminal) as job:
        os.close(terminal)
        seen = b""
        with contextlib.suppress(OSError):  # how a terminal ends
            while piece := os.read(ours, 1 << 16):
                seen += piece
    os.close(ours)
    assert job.returncode == 0
    bar, _, summary = seen.decode().partition("sorted by id: ")
    assert "━" in bar and "100%" in bar
    assert summary.startswith("5,000 rows") and summary.endswith("in out.h5\r\n\x1b[?25h")


def test_a_wrong_option_is_told_once_under_the_users_launcher(spmd: Run) -> None:
    """No rank has started MPI yet, and the launcher ends the job with the first rank that fails."""
    job = spmd(3, "-m", "gpumpi", "sort", "--frce")
    assert job.returncode == 2
    assert job.stderr.count("gpumpi sort: error: no such option") == 1


def test_a_launcher_that_does_not_belong_to_the_mpi_is_found(gpumpi: Run, folder: Path) -> None:
    foreign = {"SLURM_STEP_ID": "0", "SLURM_STEP_NUM_TASKS": "4"}
    jobs = [gpumpi("sort", folder / "in.h5", "out.h5", "-k", "id", **foreign, SLURM_PROCID=rank) for rank in ("0", "3")]
    assert [job.returncode for job in jobs] == [2, 2]
    assert re.fullmatch(r"gpumpi sort: error: srun started 4 ranks .* sees 1: .*\n", jobs[0].stderr)
    assert jobs[1].stderr == ""


def test_a_killed_rank_ends_the_job_and_the_next_run_clears_up(
    spmd: Run, gpumpi: Run, folder: Path, tmp_path: Path
) -> None:
    program = Path(__file__).with_name("killed_rank.py")
    killed = spmd(3, program, "sort", folder / "in.h5", "out.h5", "-k", "id")
    assert killed.returncode != 0
    (left,) = tmp_path.iterdir()
    assert left.name.startswith("out.h5.gpumpi-") and left.suffix == ".tmp"
    again = gpumpi("sort", folder / "in.h5", "out.h5", "-k", "id")
    assert again.returncode == 0 and left.name in again.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["out.h5"]
