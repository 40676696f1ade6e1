"""How a table is named: ``FILE`` or ``FILE:/name``.

Knows: text, and whether a file is there. Does not know: HDF5.
"""

from __future__ import annotations

from pathlib import Path

SEPARATOR = ":/"


def split_name(text: str) -> tuple[str, str | None]:
    """The path and the name inside the file, ``("snapshot.h5", "/PartType1")`` for ``"snapshot.h5:/PartType1"``.

    A path that holds ``:/`` itself is understood if the file is there.
    """
    if SEPARATOR not in text or Path(text).exists():
        return text, None
    starts = [at for at in range(len(text)) if text.startswith(SEPARATOR, at) and at > 0]
    if not starts:
        return text, None
    at = next((at for at in starts if Path(text[:at]).is_file()), starts[-1])
    return text[:at], absolute(text[at + 1 :])


def absolute(name: str) -> str:
    """The name with one slash in front and none behind; the root is ``/``."""
    return "/" + "/".join(part for part in name.split("/") if part not in ("", "."))


def full_name(path: str, name: str) -> str:
    """How messages call a table or column: ``snapshot.h5:/PartType1``."""
    return f"{path}:{name}"


def joined(group: str, member: str) -> str:
    """The absolute name of a member of a group."""
    return f"{group.rstrip('/')}/{member}"


def parent(name: str) -> str:
    """The group that holds the object of this absolute name."""
    return name.rpartition("/")[0] or "/"


def last_part(name: str) -> str:
    """The name of an object inside its group."""
    return name.rpartition("/")[2]


def ancestors(name: str) -> tuple[str, ...]:
    """The groups above an object, outermost first, without the root: ``("/a", "/a/b")`` for ``"/a/b/c"``."""
    parts = name.strip("/").split("/")[:-1]
    return tuple("/" + "/".join(parts[: depth + 1]) for depth in range(len(parts)))


def decoded(name: bytes) -> str:
    """The name as text; bytes that are no UTF-8 survive the way back."""
    return name.decode("utf-8", "surrogateescape")


def encoded(name: str) -> bytes:
    """The name as a file holds it."""
    return name.encode("utf-8", "surrogateescape")
