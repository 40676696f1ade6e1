"""The house's rules, read from the source: imports go down only, each library has one door, no word says nothing."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "gpumpi"
MODULES = sorted(PACKAGE.rglob("*.py"))

FLOORS = [
    {"errors", "units", "schema", "keys", "trace", "version"},
    {"device"},
    {"fabric", "store", "formats"},
    {"memory"},
    {"array"},
    {"exchange"},
    {"algorithms"},
    {"cli"},
]
FLOOR_OF = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
DOORS = {
    "cupy": r"device/cuda\w*\.py",
    "numba": r"device/(host\w*|cuda\w*)(/\w+)?\.py",
    "mpi4py": r"fabric/\w+\.py",
    "h5py": r"(formats/hdf5\w*|store/hdf5)\.py",
    "hdf5plugin": r"(formats/hdf5\w*|store/hdf5)\.py",
    "click": r"cli/\w+\.py",
    "rich": r"cli/\w+\.py",
}
EMPTY_WORDS = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "engine", "context"}
NAMES_OF_OTHERS = {"device/host_loops/raw.py": {"context", "typing_context"}}  # Numba calls them so
MOST_LINES = 300


def inside(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def is_for_types_only(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)


def imports(tree: ast.AST, in_function: bool = False) -> Iterator[tuple[str, bool]]:
    """(module, whether it is imported when a function is called), without those that only type checkers see."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, in_function) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide which floor they lead to"
            yield node.module or "", in_function
            yield from ((f"{node.module}.{alias.name}", in_function) for alias in node.names)
        elif not is_for_types_only(node):
            later = in_function or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            yield from imports(node, later)


def defined_names(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id


def words(name: str) -> set[str]:
    return {word.lower() for part in name.split("_") for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", part)}


def test_every_room_has_a_floor() -> None:
    rooms = {room_of(path) for path in MODULES} - {"__init__", "__main__"}
    assert rooms <= set(FLOOR_OF)


@pytest.mark.parametrize("path", MODULES, ids=inside)
def test_imports_go_down_only(path: Path) -> None:
    """A noun's method may open the door to what is done with it when it is called; nothing else looks up."""
    here = room_of(path)
    if here in ("__init__", "__main__"):
        return
    for module, when_called in imports(ast.parse(path.read_text())):
        parts = module.split(".")
        if parts[0] != "gpumpi" or len(parts) < 2 or parts[1] not in FLOOR_OF or parts[1] == here:
            continue
        opens_a_door = here == "array" and parts[1] == "algorithms" and when_called
        goes_down = FLOOR_OF[parts[1]] < FLOOR_OF[here] or FLOOR_OF[parts[1]] == FLOOR_OF[here] == 0
        assert goes_down or opens_a_door, f"{inside(path)} imports {module}"


@pytest.mark.parametrize("path", MODULES, ids=inside)
def test_each_library_has_one_door(path: Path) -> None:
    for module, _ in imports(ast.parse(path.read_text())):
        door = DOORS.get(module.split(".")[0])
        assert door is None or re.fullmatch(door, inside(path)), f"{inside(path)} imports {module}"


@pytest.mark.parametrize("path", MODULES, ids=inside)
def test_names_say_something(path: Path) -> None:
    names = {*defined_names(ast.parse(path.read_text())), *Path(inside(path)).with_suffix("").parts}
    assert not {name for name in names if words(name) & EMPTY_WORDS} - NAMES_OF_OTHERS.get(inside(path), set())


@pytest.mark.parametrize("path", MODULES, ids=inside)
def test_a_module_is_short_and_says_what_it_knows(path: Path) -> None:
    text = path.read_text()
    assert text.count("\n") <= MOST_LINES
    if path.name not in ("__init__.py", "__main__.py", "version.py"):
        docstring = " ".join((ast.get_docstring(ast.parse(text)) or "").split())
        is_twin = "Twin of" in docstring  # a file of loops says which kernel does the same on the GPU
        assert is_twin or ("Knows:" in docstring and "Does not know:" in docstring)


def test_a_word_is_found_in_any_spelling() -> None:
    assert words("MemoryManager") == {"memory", "manager"}
    assert words("_string_utils") == {"string", "utils"}
    assert words("HDF5Engine") >= {"engine"}
