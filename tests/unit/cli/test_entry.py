"""The command as a whole: it answers at once, and a wrong request gets one line and exit code 2."""

import subprocess
import sys
from pathlib import Path

import click
import pytest

from gpumpi.cli import entry

ROOT = str(Path(entry.__file__).parents[2])


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = entry.main(arguments)
    said = capsys.readouterr()
    return code, said.out, said.err


@pytest.fixture(autouse=True)
def not_launched(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "GPUMPI_RANKS"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("name", [None, *entry.COMMANDS])
def test_help_of_every_command_explains_every_option(capsys: pytest.CaptureFixture[str], name: str | None) -> None:
    code, out, err = run(capsys, *([name] if name else []), "--help")
    assert (code, err) == (0, "")
    group = entry.commands
    command = group.get_command(click.Context(group), name) if name else group
    assert command is not None and "Example" in out
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, parameter.name
            assert parameter.opts[-1] in out


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ([], "gpumpi: error: no command given; see gpumpi --help"),
        (["srot"], "gpumpi: error: 'srot' is no command; did you mean sort? see gpumpi --help"),
        (["xyz"], "gpumpi: error: 'xyz' is no command; there are sort, check, "),
        (["--vrsion"], "gpumpi: error: no such option"),
        (["sort"], "gpumpi sort: error: missing argument 'IN[:/GROUP]'; see gpumpi sort --help"),
        (["sort", "a.h5"], "gpumpi sort: error: missing argument 'OUT'; see gpumpi sort --help"),
        (["sort", "a.h5", "b.h5", "--in-place"], "gpumpi sort: error: --in-place takes no OUT; see gpumpi sort --help"),
        (["sort", "a.h5", "b.h5", "--frce"], "gpumpi sort: error: no such option"),
        (["sort", "a.h5", "b.h5", "-n", "0"], "gpumpi sort: error: invalid value for '-n'"),
        (["sort", "a.h5", "b.h5", "--head", "many"], "gpumpi sort: error: invalid value for '--head': 'many' is not a"),
        (["sort", "a.h5", "b.h5", "--device", "tpu"], "gpumpi sort: error: invalid value for '--device'"),
        (["check"], "gpumpi check: error: missing argument"),
        (["generate", "a.h5", "--seed", "x"], "gpumpi generate: error: invalid value for '--seed'"),
        (["info", "/nowhere/a.h5"], "gpumpi info: error: /nowhere/a.h5: no such file"),
        (["completion", "tcsh"], "gpumpi completion: error: invalid value for '{bash|zsh|fish}'"),
    ],
)
def test_a_wrong_request_gets_one_line(capsys: pytest.CaptureFixture[str], arguments: list[str], line: str) -> None:
    code, out, err = run(capsys, *arguments)
    assert code == 2 and out == ""
    assert err.startswith(line) and err.count("\n") == 1 and err.endswith("\n")


def test_only_rank_0_says_what_is_wrong(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMPI_COMM_WORLD_SIZE", "3")
    monkeypatch.setattr(entry, "PATIENCE_S", 0)
    for rank in range(3):
        monkeypatch.setenv("OMPI_COMM_WORLD_RANK", str(rank))
        code, out, err = run(capsys, "sort", "--frce")
        assert code == 2 and out == ""
        assert err.count("\n") == (rank == 0)
        code, out, err = run(capsys, "sort", "--help")
        assert code == 0 and err == ""
        assert bool(out) == (rank == 0)


def test_a_bug_shows_its_traceback_and_is_no_answer(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import gpumpi.formats.hdf5

    monkeypatch.setattr(gpumpi.formats.hdf5, "list_tables", lambda _: 1 / 0)
    code, out, err = run(capsys, "info", "a.h5")
    assert (code, out) == (70, "") and "ZeroDivisionError" in err


def test_help_loads_nothing_heavy() -> None:
    program = (
        "import sys; from gpumpi.cli.entry import main; code = main(sys.argv[1:]);"
        "print(sorted({name.partition('.')[0] for name in sys.modules} & "
        "{'numpy', 'numba', 'mpi4py', 'h5py', 'rich'}), file=sys.stderr); sys.exit(code)"
    )
    for arguments in (["--help"], ["sort", "--help"], ["completion", "bash"]):
        job = subprocess.run(
            [sys.executable, "-c", program, *arguments], capture_output=True, text=True, cwd=ROOT, check=True
        )
        assert job.stderr == "[]\n"


def test_the_module_is_the_command() -> None:
    job = subprocess.run(
        [sys.executable, "-m", "gpumpi", "srot"], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert job.returncode == 2 and job.stderr.startswith("gpumpi: error: 'srot' is no command")


def test_version_names_what_a_report_needs(capsys: pytest.CaptureFixture[str]) -> None:
    from gpumpi.cli.versions import version_text

    text = version_text()
    for name in ("gpumpi 0", "Python 3", "MPI", "mpi4py", "h5py", "HDF5", "numpy", "numba"):
        assert name in text


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_a_script_for_the_shell(capsys: pytest.CaptureFixture[str], shell: str) -> None:
    code, out, err = run(capsys, "completion", shell)
    assert code == 0 and err == "" and "_GPUMPI_COMPLETE" in out and shell in out
