"""Members of a group and the links that lead to them, whatever their names are made of.

Knows: links. Does not know: tables, what stands behind a link.
h5py's own access by name stops at names that are no UTF-8, which old Fortran and C programs have written.
"""

from __future__ import annotations

from typing import Any

import h5py
from h5py import h5l, h5o

from gpumpi.errors import UserError
from gpumpi.formats.hdf5_names import decoded, encoded, full_name

HARD, SOFT, EXTERNAL = h5l.TYPE_HARD, h5l.TYPE_SOFT, h5l.TYPE_EXTERNAL


def members(group: h5py.Group) -> list[str]:
    """Names in a group, in the file's order; h5py gives bytes for those that are no UTF-8."""
    return [name if isinstance(name, str) else decoded(name) for name in group]


def link_kind(group: h5py.Group, name: str) -> int | None:
    """`HARD`, `SOFT`, `EXTERNAL` or another number for a link of a group; None if there is none of this name."""
    links = group.id.links
    return int(links.get_info(encoded(name)).type) if links.exists(encoded(name)) else None


def member(group: h5py.Group, name: str) -> Any:
    """The object behind a link, or None if the link leads nowhere."""
    try:
        return group[encoded(name)]
    except (KeyError, OSError):
        return None


def follow(group: h5py.Group, name: str, where: str) -> Any:
    """The object behind a link; None if there is no such link.

    Raises
    ------
    UserError
        If the link leads nowhere.
    """
    kind = link_kind(group, name)
    if kind is None:
        return None
    try:
        return group[encoded(name)]
    except (KeyError, OSError) as error:
        target = _target(group, name, kind)
        raise UserError(
            f"{where} is a link to {target}, which is not there; bring it, or choose others with --columns"
        ) from error


def _target(group: h5py.Group, name: str, kind: int) -> str:
    if kind == SOFT:
        return decoded(group.id.links.get_val(encoded(name)))
    if kind == EXTERNAL:
        return full_name(*map(decoded, group.id.links.get_val(encoded(name))))
    return "something HDF5 cannot open"


def copy_link(group: h5py.Group, name: str, target: h5py.File, path: str, options: Any) -> None:
    """Make the same soft or external link in another file.

    Raises
    ------
    UserError
        If it is a link of another kind.
    """
    kind = link_kind(group, name)
    if kind == SOFT:
        target.id.links.create_soft(encoded(path), group.id.links.get_val(encoded(name)), lcpl=options)
    elif kind == EXTERNAL:
        target.id.links.create_external(encoded(path), *group.id.links.get_val(encoded(name)), lcpl=options)
    else:
        raise UserError(f"{path} is a link of a kind that a copy cannot keep; write to another file")


def hard_link(target: h5py.File, existing: str, path: str, options: Any) -> None:
    """Give an object a second name."""
    h5o.link(h5o.open(target.id, encoded(existing)), target.id, encoded(path), lcpl=options)
