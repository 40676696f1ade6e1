"""The life of an output: checked, laid out, written, named, or nothing at all."""

import os
import pickle
import resource
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import h5py
import numpy as np
import pytest

from gpumpi.formats.hdf5 import abandon, check_output, commit, lay_out, open_sink, open_table
from gpumpi.schema import Column, Schema

SCHEMA = Schema((Column("id", np.dtype("<i8")), Column("v", np.dtype("<f4"), (3,))), 100)


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "out.h5")


def write(output):
    with open_sink(output) as sink:
        sink.write(0, 0, np.arange(100).view(np.uint8).reshape(100, 8))
        sink.write(1, 0, np.ones((100, 3), "f4").view(np.uint8))


def test_output_appears_only_when_it_is_complete(tmp_path, path):
    output = pickle.loads(pickle.dumps(lay_out(path, SCHEMA)))
    assert Path(output.temporary).stat().st_blocks * 512 >= 100 * 20
    write(output)
    assert [entry.name for entry in tmp_path.iterdir()] == [Path(output.temporary).name]
    commit(output)
    assert [entry.name for entry in tmp_path.iterdir()] == ["out.h5"]
    with h5py.File(path) as file:
        np.testing.assert_array_equal(file["table/id"][:], np.arange(100))
        assert file["table/v"].shape == (100, 3)


def test_nothing_is_left_of_an_abandoned_output(tmp_path, path):
    output = lay_out(path, SCHEMA)
    abandon(output)
    abandon(output)
    assert list(tmp_path.iterdir()) == []


def test_large_columns_are_aligned(path):
    output = lay_out(path, Schema(SCHEMA.columns, 1 << 20))
    assert all(place.offset_bytes % 4096 == 0 for place in output.places)
    abandon(output)


def test_a_single_column_may_be_a_dataset(path, error_of):
    output = lay_out(path, Schema(SCHEMA.columns[:1], 3), kind="dataset", name="a/b")
    commit(output)
    with h5py.File(path) as file:
        assert file["a/b"].shape == (3,)
    assert "do not fit into the one dataset" in error_of(lay_out, path, SCHEMA, kind="dataset")
    assert "cannot be the root" in error_of(lay_out, path, Schema(SCHEMA.columns[:1], 3), kind="dataset", name="/")


def test_rows_go_to_the_root_when_asked(path):
    commit(lay_out(path, SCHEMA, name="/"))
    with h5py.File(path) as file:
        assert sorted(file) == ["id", "v"]


def test_columns_that_are_not_the_template_s_are_made(tmp_path, path):
    with h5py.File(tmp_path / "in.h5", "w") as file:
        file["g/id"] = np.arange(5, dtype=">i4")
        file["g/id"].attrs["units"] = "none"
    with open_table(str(tmp_path / "in.h5"), "/g") as source:
        schema = Schema((*source.schema.columns, Column("rank", np.dtype("u2"))), 7)
        commit(lay_out(path, schema, template=source))
    with h5py.File(path) as file:
        assert (file["g/id"].dtype, file["g/id"].shape, file["g/rank"].dtype) == (np.dtype(">i4"), (7,), np.dtype("u2"))
        assert file["g/id"].attrs["units"] == "none"


def test_sink_refuses_what_does_not_fit(path):
    output = lay_out(path, SCHEMA)
    sink = open_sink(output)
    for bad in (np.zeros((101, 8), "u1"), np.zeros((1, 9), "u1"), np.zeros((1, 8), "i1")):
        with pytest.raises(ValueError, match=r"fit|takes"):
            sink.write(0, 0, bad)
    sink.close()
    sink.close()
    with pytest.raises(ValueError, match="open output"):
        sink.write(0, 0, np.zeros((1, 8), "u1"))
    abandon(output)


def test_existing_output_needs_force(path, error_of):
    check_output(path)
    with h5py.File(path, "w") as file:
        file["old"] = 1
    assert "already exists; use --force" in error_of(check_output, path)
    check_output(path, force=True)
    output = lay_out(path, SCHEMA)
    with h5py.File(path) as file:
        assert list(file) == ["old"]
    commit(output)
    with h5py.File(path) as file:
        assert list(file) == ["table"]


def test_output_that_appears_meanwhile_is_not_replaced(tmp_path, path, error_of):
    output = lay_out(path, SCHEMA)
    (tmp_path / "out.h5").write_text("somebody else's")
    assert "appeared while" in error_of(commit, output)
    abandon(output)
    assert (tmp_path / "out.h5").read_text() == "somebody else's"


def test_output_that_is_an_input(tmp_path, error_of):
    source = tmp_path / "in.h5"
    source.touch()
    (tmp_path / "soft.h5").symlink_to(source)
    os.link(source, tmp_path / "hard.h5")
    for name in ("in.h5", "soft.h5", "hard.h5", f"../{tmp_path.name}/in.h5"):
        text = error_of(check_output, str(tmp_path / name), force=True, source_paths=[str(source)])
        assert "is the input" in text
        assert "--in-place" in text
    check_output(str(source), source_paths=[str(source)], in_place=True)


def test_output_folder(tmp_path, error_of):
    assert "is a folder" in error_of(check_output, str(tmp_path), force=True)
    assert "mkdir -p" in error_of(check_output, str(tmp_path / "no" / "out.h5"))


def test_output_folder_that_may_not_be_written(tmp_path):
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o555)
    for above in (tmp_path, *tmp_path.parents[:2]):
        above.chmod(0o755)
    code = (
        "import os, sys; from gpumpi.errors import UserError; from gpumpi.formats.hdf5 import check_output\n"
        "if os.geteuid() == 0: os.setuid(65534)\n"
        "try: check_output(sys.argv[1])\nexcept UserError as e: print(e)"
    )
    ran = subprocess.run([sys.executable, "-c", code, f"{folder}/o.h5"], capture_output=True, text=True, check=True)
    assert "may not be written" in ran.stdout


def test_too_little_space_is_said_before_anything(path, error_of):
    text = error_of(check_output, path, need_bytes=1 << 60)
    assert "needs 1024 PiB" in text
    assert "free in" in text


def test_a_limit_on_the_size_of_files(tmp_path, path):
    code = """
        import resource, sys
        import numpy as np
        from gpumpi.errors import UserError
        from gpumpi.formats.hdf5 import lay_out
        from gpumpi.schema import Column, Schema
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
        try:
            lay_out(sys.argv[1], Schema((Column("x", np.dtype("i8")),), 1 << 20))
        except UserError as error:
            print(error)
    """
    ran = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), path], capture_output=True, text=True, check=True
    )
    assert "out.h5" in ran.stdout
    assert "needs 9 MiB" in ran.stdout
    assert "(ulimit -f)" in ran.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def small_disk(tmp_path):
    """A file system of one MiB, where this may be mounted."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("no file system can be mounted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk(small_disk, error_of):
    schema = Schema((Column("x", np.dtype("i8")),), 1 << 18)
    text = error_of(lay_out, str(small_disk / "out.h5"), schema)
    assert "needs 2 MiB" in text
    assert f"is free in {small_disk}" in text
    assert list(small_disk.iterdir()) == []


def test_mode_bits(tmp_path, path):
    before = os.umask(0o027)
    try:
        commit(lay_out(path, SCHEMA))
        assert Path(path).stat().st_mode & 0o777 == 0o640
        Path(path).chmod(0o604)
        commit(lay_out(path, SCHEMA))
        assert Path(path).stat().st_mode & 0o777 == 0o604
    finally:
        os.umask(before)


def test_output_behind_a_symbolic_link(tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "out.h5").symlink_to(tmp_path / "disk" / "real.h5")
    output = lay_out(str(tmp_path / "out.h5"), SCHEMA)
    assert Path(output.temporary).parent == tmp_path / "disk"
    commit(output)
    assert (tmp_path / "out.h5").is_symlink()
    assert (tmp_path / "disk" / "real.h5").is_file()


OTHER_RUN = """
    import sys, numpy as np
    from gpumpi.formats.hdf5 import lay_out
    from gpumpi.schema import Column, Schema
    lay_out(sys.argv[1], Schema((Column("x", np.dtype("i8")),), 5))
    print("ready", flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize("job", [None, "4711"])
def test_what_a_killed_run_left_is_removed_and_what_runs_is_not(tmp_path, path, error_of, monkeypatch, job):
    if job:
        monkeypatch.setenv("SLURM_JOB_ID", job)
    run = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(OTHER_RUN), path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert run.stdout.readline() == b"ready\n"
        (left,) = tmp_path.iterdir()
        assert "another run is writing it" in error_of(lay_out, path, SCHEMA)
        assert "another run is writing it" in error_of(check_output, path, force=True)
        run.send_signal(signal.SIGKILL)
        run.wait()
        check_output(path)
        assert left.exists()
        output = lay_out(path, SCHEMA)
        assert any(left.name in note and "killed" in note for note in output.notes)
        assert Path(output.temporary).name.startswith("out.h5.gpumpi-" + (job or ""))
        commit(output)
        assert [entry.name for entry in tmp_path.iterdir()] == ["out.h5"]
    finally:
        run.kill()
        run.communicate()


def test_names_with_pattern_characters(tmp_path):
    commit(lay_out(str(tmp_path / "out[1]*.h5"), SCHEMA))
    assert (tmp_path / "out[1]*.h5").is_file()


def test_writing_beyond_a_limit_is_a_user_error(tmp_path, path, error_of):
    output = lay_out(path, SCHEMA)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (output.places[0].offset_bytes, hard))
    try:
        with open_sink(output) as sink:
            text = error_of(sink.write, 0, 50, np.zeros((50, 8), np.uint8))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        abandon(output)
    assert "files may not grow that large" in text
