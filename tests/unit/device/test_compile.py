"""The loops are compiled by one process, once, for all the types that they are called with."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numba.core.sigutils import normalize_signature

from gpumpi.device.host import HostDevice
from gpumpi.device.host_loops import loop
from gpumpi.errors import UserError
from gpumpi.keys import plan_keys
from gpumpi.schema import Column

CHECKOUT = Path(loop.__file__).parents[3]
COMPILE = "import sys; from gpumpi.device.host_loops.loop import compile_all; sys.exit(10 + compile_all())"
COMPILED, FOUND = 11, 10


def start(cache):
    environment = {k: v for k, v in os.environ.items() if k != "NUMBA_CACHE_DIR"}
    environment |= {"GPUMPI_CACHE": str(cache), "PYTHONPATH": str(CHECKOUT)}
    return subprocess.Popen([sys.executable, "-c", COMPILE], env=environment)


def test_of_processes_that_start_together_exactly_one_compiles(tmp_path):
    cache = tmp_path / "cache"
    together = [start(cache) for _ in range(2)]
    assert sorted(process.wait(timeout=110) for process in together) == [FOUND, COMPILED]
    assert start(cache).wait(timeout=60) == FOUND, "later ones find it"
    assert len(list(cache.glob("compiled-*"))) == 1
    assert list(cache.rglob("*.nbc")), "machine code is on disk"


def test_the_cache_folder_is_the_one_asked_for(monkeypatch, tmp_path):
    monkeypatch.setenv("GPUMPI_CACHE", "~/elsewhere")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert loop.cache_folder() == tmp_path / "elsewhere"
    monkeypatch.delenv("GPUMPI_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert loop.cache_folder() == tmp_path / "xdg" / "gpumpi"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert loop.cache_folder() == tmp_path / ".cache" / "gpumpi"


def test_a_cache_folder_that_cannot_be_made_is_the_user_s_to_mend(monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("GPUMPI_CACHE", str(tmp_path / "file" / "below"))
    with pytest.raises(UserError, match=r"file/below .*set GPUMPI_CACHE"):
        loop.compile_all()


def test_the_stamp_is_left_only_when_all_is_compiled(monkeypatch, tmp_path):
    def fail(signature):
        raise RuntimeError("no")

    monkeypatch.setenv("GPUMPI_CACHE", str(tmp_path))
    broken = type("Broken", (), {"compile": staticmethod(fail)})
    monkeypatch.setattr(loop, "_every_loop", lambda: [(broken, ("void()",))])
    with pytest.raises(RuntimeError):
        loop.compile_all()
    assert not list(tmp_path.glob("compiled-*"))
    monkeypatch.setattr(loop, "_every_loop", list)
    assert loop.compile_all()
    assert not loop.compile_all()


def read_only(rows):
    rows.flags.writeable = False
    return rows


def unaligned(rows):
    memory = np.empty(rows.size + 1, np.uint8)
    moved = memory[1:].reshape(rows.shape)
    moved[:] = rows
    return moved


def test_no_caller_s_array_makes_a_loop_compile_again():
    """Whatever arrays users bring, a rank that starts only loads machine code."""
    device = HostDevice()
    for how in (read_only, unaligned):
        for dtype in ("u1", "u2", "f4", "i8", "S3", "S12"):
            column = Column("c", np.dtype(dtype))
            rows = how(np.arange(24 * column.row_bytes, dtype=np.uint8).reshape(24, column.row_bytes))
            order = device.order(device.words([rows], plan_keys(["c"], [column])))
            out = device.pool.rows(24, column.row_bytes)
            device.gather(rows, order, out)
            device.scatter(rows, np.zeros(24, np.uint16), np.array([out.ctypes.data]))
            device.fingerprint([rows])
    for function, signatures in loop._every_loop():
        declared = {normalize_signature(signature)[0] for signature in signatures}
        assert set(function.signatures) <= declared, f"{function.__name__} was called with other types than declared"


COMPARES = "-1 if words[k, i] < words[k, j] else 1"
ORDER_TWO_ROWS = """
import numpy as np
from gpumpi.device.host_loops import loop, order
mine = [entry for entry in loop._every_loop() if entry[0] is order.insertion_sort_groups]
loop._every_loop = lambda: mine
loop.compile_all()
rows = np.array([0, 1], np.uint32)
order.insertion_sort_groups(np.array([[9, 4]], np.uint64), rows, np.array([0]), np.array([2]), 24)
print(rows.tolist())
"""


def test_after_an_upgrade_no_loop_is_what_it_was(tmp_path):
    """Loops are made of parts in other files; a change there counts as a change of the loop."""
    shutil.copytree(CHECKOUT / "gpumpi", tmp_path / "gpumpi", ignore=shutil.ignore_patterns("__pycache__"))
    environment = {k: v for k, v in os.environ.items() if k != "NUMBA_CACHE_DIR"}
    environment |= {"GPUMPI_CACHE": str(tmp_path / "cache"), "PYTHONPATH": str(tmp_path)}

    def order_of_two_rows():
        command = [sys.executable, "-c", ORDER_TWO_ROWS]
        return subprocess.run(command, env=environment, cwd=tmp_path, check=True, capture_output=True, text=True).stdout

    assert order_of_two_rows() == "[1, 0]\n"
    words = tmp_path / "gpumpi" / "device" / "host_loops" / "words.py"
    assert words.read_text().count(COMPARES) == 1
    words.write_text(words.read_text().replace(COMPARES, COMPARES.replace("<", ">")))
    assert order_of_two_rows() == "[0, 1]\n"
