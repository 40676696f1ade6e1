"""What the README says a reader can type, typed."""

import os
import re
import sys
from pathlib import Path

import pytest

from tests.system.processes import MPI_ENVIRONMENT, ROOT, mpirun, run_process

BLOCK = re.compile(r"<!-- run(?: on (?P<ranks>\d+) ranks)? -->\n```(?P<language>\w+)\n(?P<text>.*?)```", re.DOTALL)
BLOCKS = list(BLOCK.finditer((ROOT / "README.md").read_text()))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all blocks: a later one may read what an earlier one wrote."""
    made = tmp_path_factory.mktemp("readme")
    command = made / "bin" / "gpumpi"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m gpumpi "$@"\n')
    command.chmod(0o755)
    return made


def test_there_are_blocks_to_run() -> None:
    assert [block["language"] for block in BLOCKS] == ["sh", "python", "python"]


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: f"{block['language']}-{block.start()}")
def test_a_block_runs(block: re.Match[str], folder: Path) -> None:
    if block["language"] == "sh":
        command = ["sh", "-e", "-c", block["text"].replace("1e6", "20k")]
        path = {"PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"}
        job = run_process(command, folder, **path)
    else:
        program = folder / "program.py"
        program.write_text(block["text"])
        job = run_process([*mpirun(int(block["ranks"])), sys.executable, program], folder, **MPI_ENVIRONMENT)
    assert job.returncode == 0, job.stderr
    assert "rror" not in job.stderr


def test_the_first_screen_names_the_two_commands() -> None:
    first_screen = (ROOT / "README.md").read_text().splitlines()[:20]
    for script in ("scripts/quickstart.sh", "scripts/test.sh"):
        assert any(script in line for line in first_screen)
        assert os.access(ROOT / script, os.X_OK)
