"""What `gpumpi info` shows of files that h5py made."""

import json
from pathlib import Path

import h5py
import numpy as np
import pytest

from gpumpi.cli.entry import main


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "snap.h5"
    with h5py.File(path, "w") as f:
        stars = f.create_group("PartType4")
        stars["id"] = np.arange(10, dtype=">u8")
        stars["pos"] = np.zeros((10, 3), "f4")
        stars.create_dataset("mass", data=np.ones(10), chunks=(5,), compression="gzip")
        stars["spin"] = np.zeros(10, "c16")
        f["events"] = np.zeros(4, [("time", "i8"), ("hits", "f4", (2,))])
    return str(path)


def test_people_see_rows_types_storage_and_keys(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", file]) == 0
    said = capsys.readouterr()
    lines = [" ".join(line.split()) for line in said.out.splitlines()]
    assert said.err == ""
    assert f"{file}:/PartType4 group of 10 rows, 440 B" in lines
    assert f"{file}:/events compound of 4 rows, 64 B" in lines
    assert "id >u8 contiguous" in lines and "pos float32[3] contiguous no key" in lines
    assert "events {time: int64, hits: float32[2]} contiguous" in lines
    assert any(line.startswith("mass float64 gzip") and "5 rows" in line for line in lines)


def test_machines_get_one_line_of_json(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", file + ":/PartType4", "--json"]) == 0
    out = capsys.readouterr().out
    (table,) = json.loads(out)["tables"]
    assert out.count("\n") == 1
    assert (table["name"], table["kind"], table["n_rows"], table["n_bytes"]) == ("/PartType4", "group", 10, 440)
    assert {column["name"]: column["keys"] for column in table["columns"]} == {
        "id": ["id"], "pos": [], "mass": ["mass"], "spin": [],
    }  # fmt: skip


def test_a_near_name_is_offered(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", file + ":/PartType5"]) == 2
    assert (
        capsys.readouterr().err == f"gpumpi info: error: {file}:/PartType5: no such table; did you mean /PartType4?\n"
    )


def test_a_shell_completes_columns(file: str) -> None:
    import click

    from gpumpi.cli import sort
    from gpumpi.cli.names import complete_column

    given = click.Context(sort.command)
    given.params["table"] = file + ":/PartType4"
    parameter = sort.command.params[0]
    assert complete_column(given, parameter, "ma") == ["mass"]
    assert complete_column(given, parameter, "id,s") == ["id,spin"]
    given.params["table"] = file + ":/nowhere"
    assert complete_column(given, parameter, "") == []
