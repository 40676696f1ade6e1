"""The package installed as users install it: from a wheel, editable, or not at all."""

import os
import shutil
import subprocess
import sys
import zipfile
from configparser import ConfigParser
from pathlib import Path

import pytest

from tests.system.processes import ROOT, clean_environment

PARTS = ["gpumpi", "kernels", "setup.cfg", "pyproject.toml", "README.md", "LICENSE"]
KERNEL = "probe_of_the_packaging.cuh"


def without_package() -> dict[str, str]:
    return {name: value for name, value in clean_environment().items() if name != "PYTHONPATH"}


def run(command: list[str | Path], cwd: Path) -> str:
    environment = without_package()
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"  # mpirun is there
    libraries = [str(Path(sys.prefix, "lib")), environment.get("LD_LIBRARY_PATH", "")]  # an MPI from a wheel is there
    environment["LD_LIBRARY_PATH"] = os.pathsep.join(filter(None, libraries))
    job = subprocess.run(list(map(str, command)), cwd=cwd, env=environment, capture_output=True, text=True, timeout=120)
    assert job.returncode == 0, job.stdout + job.stderr
    return job.stdout


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a clone holds, with one kernel more."""
    made = tmp_path_factory.mktemp("checkout")
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, made / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, made / part)
    (made / "kernels" / KERNEL).write_text("// a kernel\n")
    return made


@pytest.fixture(scope="module")
def wheel(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        folder,
        checkout,
    ]
    run(command, folder)
    (made,) = folder.glob("gpumpi-*.whl")
    return made


def fresh_python(folder: Path) -> Path:
    """A Python of its own that finds what gpumpi needs in this one's packages, and not gpumpi itself."""
    run([sys.executable, "-m", "venv", "--without-pip", folder], folder.parent)
    (packages,) = folder.glob("lib/python*/site-packages")
    here = next(path for path in sys.path if path.endswith("site-packages") and Path(path, "numpy").is_dir())
    (packages / "what_gpumpi_needs.pth").write_text(here + "\n")
    return folder / "bin" / "python"


def install(python: Path, *what: str | Path) -> None:
    flags = ["--quiet", "--no-deps", "--no-build-isolation", "--disable-pip-version-check", "--root-user-action=ignore"]
    run([sys.executable, "-m", "pip", "--python", python, "install", *flags, *what], python.parent)


def test_the_list_of_packages_is_the_folders_there_are() -> None:
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg")
    listed = setup["options"]["packages"].split()
    folders = {path.parent.relative_to(ROOT) for path in (ROOT / "gpumpi").rglob("*.py")}
    assert listed == sorted({"gpumpi.kernels", *(".".join(folder.parts) for folder in folders)})


def test_a_wheel_holds_every_module_and_kernel(wheel: Path, checkout: Path) -> None:
    inside = set(zipfile.ZipFile(wheel).namelist())
    expected = {path.relative_to(checkout).as_posix() for path in checkout.glob("gpumpi/**/*.py")}
    expected |= {f"gpumpi/kernels/{path.name}" for path in checkout.glob("kernels/*.cu*")} | {"gpumpi/py.typed"}
    assert expected <= inside
    others = {name for name in inside - expected if ".dist-info/" not in name}
    assert not others
    assert any(name.endswith("LICENSE") for name in inside)


def test_an_installed_wheel_works(wheel: Path, tmp_path: Path) -> None:
    python = fresh_python(tmp_path / "venv")
    install(python, wheel)
    assert_starts(python, tmp_path, tmp_path / "venv")
    command = python.parent / "gpumpi"
    run([command, "sort", "t.h5", "s.h5", "-k", "id"], tmp_path)
    assert "in order" in run([command, "check", "s.h5", "-k", "id", "--against", "t.h5"], tmp_path)
    names = "import importlib.resources as r; print(*[path.name for path in r.files('gpumpi.kernels').iterdir()])"
    assert KERNEL in run([python, "-c", names], tmp_path).split()


def test_an_editable_install_works(checkout: Path, tmp_path: Path) -> None:
    python = fresh_python(tmp_path / "venv")
    install(python, "--editable", checkout)
    assert_starts(python, tmp_path, checkout)


def test_a_checkout_works_without_being_installed(checkout: Path, tmp_path: Path) -> None:
    python = fresh_python(tmp_path / "venv")
    assert run([python, "-m", "gpumpi", "--version"], checkout).startswith("gpumpi ")
    table = tmp_path / "t.h5"
    run([python, "-m", "gpumpi", "generate", table, "--rows", "100", "-n", "2"], checkout)
    assert "100 rows" in run([python, "-m", "gpumpi", "info", table], checkout)


def test_a_machine_without_an_mpi_is_told_what_to_do(checkout: Path, tmp_path: Path) -> None:
    python = fresh_python(tmp_path / "venv")
    nowhere = {**without_package(), "PATH": str(tmp_path), "MPI4PY_LIBMPI": str(tmp_path / "libmpi.so")}
    for how in ([], ["-n", "2"]):
        command = [python, "-m", "gpumpi", "sort", "a.h5", "b.h5", "-k", "id", *how]
        job = subprocess.run(command, cwd=checkout, env=nowhere, capture_output=True, text=True, timeout=60)
        assert job.returncode == 2 and job.stdout == ""
        assert job.stderr.startswith("gpumpi sort: error: ") and job.stderr.count("\n") == 1
        assert "pip install 'gpumpi[mpi]'" in job.stderr
    job = subprocess.run(
        [python, "-m", "gpumpi", "--version"], cwd=checkout, env=nowhere, capture_output=True, text=True
    )
    assert job.returncode == 0 and "MPI cannot be loaded" in job.stdout


def assert_starts(python: Path, folder: Path, home: Path) -> None:
    """The command runs alone and on ranks, from a folder that has nothing to do with the package."""
    command = python.parent / "gpumpi"
    assert run([command, "--version"], folder).startswith("gpumpi ")
    run([command, "generate", "t.h5", "--rows", "100", "-n", "2"], folder)
    assert "100 rows" in run([command, "info", "t.h5"], folder)
    where = run([python, "-c", "import gpumpi; print(gpumpi.__file__)"], folder)
    assert where.startswith(str(home))
