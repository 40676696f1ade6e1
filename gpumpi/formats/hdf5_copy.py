"""Everything of an HDF5 file but bulk rows, carried into another file: groups, attributes, links, dimension scales.

Knows: objects and where each of them stands in the new file. Does not know: rows, ranks, which objects are columns.

References are addresses, so they cannot be copied as bytes: attributes that hold them are written anew for objects that
are in the new file, and dropped with a note for others. Dimension scales are attached anew.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from h5py import h5, h5a, h5d, h5ds, h5g, h5o, h5p, h5r, h5s, h5t

from gpumpi.errors import UserError
from gpumpi.formats.hdf5_find import address, is_placeholder, scales
from gpumpi.formats.hdf5_links import HARD, copy_link, hard_link, link_kind, members
from gpumpi.formats.hdf5_names import decoded, encoded, joined, last_part, parent
from gpumpi.formats.hdf5_types import unmovable

Makers = dict[tuple[int, int], Callable[[str], None]]
"""By the address of a column in the source: what makes its dataset, called with the name at which it is met."""
_MADE_BY_SCALES = {b"DIMENSION_LIST", b"REFERENCE_LIST"}


class Carrier:
    """Objects of a source file and their places in a target file.

    Rows of datasets made by `dataset` get another order than in the source; what `whole` copies stays as it is.

    Parameters
    ----------
    target : h5py.File
        Being written.

    Attributes
    ----------
    notes : list of str
        What could not be carried, in the user's words.
    """

    def __init__(self, target: h5py.File) -> None:
        self.target = target
        self.notes: list[str] = []
        self._places: dict[tuple[int, int], str] = {}
        self._moved: set[tuple[int, int]] = set()
        self._made = {"/"}
        self._pairs: list[tuple[Any, str]] = []

    def place_of(self, source_id: Any) -> str | None:
        """Where an object of the source stands in the target; None if it does not."""
        return self._places.get(address(source_id))

    def group(self, source_id: Any | None, name: str) -> None:
        """Make a group that keeps the order of its source's links; its attributes follow in `finish`."""
        if name not in self._made:
            creation = h5p.create(h5p.GROUP_CREATE)
            creation.set_obj_track_times(False)
            if source_id is not None:
                keep_order(source_id.get_create_plist(), creation)
            self._ensure_parents(name)
            h5g.create(self.target.id, encoded(name), lcpl=_link(name), gcpl=creation)
        self._remember(source_id, name)

    def dataset(self, source_id: Any | None, name: str, type_id: Any, shape: tuple[int, ...], creation: Any) -> Any:
        """Make a dataset without data; its attributes follow in `finish`."""
        self._ensure_parents(name)
        limits = (h5s.UNLIMITED, *shape[1:]) if creation.get_layout() == h5d.CHUNKED else shape
        space = h5s.create_simple(shape, limits)
        made = h5d.create(self.target.id, encoded(name), type_id, space, creation, lcpl=_link(name))
        self._remember(source_id, name)
        if source_id is not None:
            self._moved.add(address(source_id))
        return made

    def whole(self, source_id: Any, name: str) -> None:
        """Copy a dataset or a named datatype as it is, data and all."""
        options = h5p.create(h5p.OBJECT_COPY)
        if isinstance(source_id, h5d.DatasetID):
            if _holds_references(source_id.get_type()):
                raise UserError(f"{name} holds references, which a copy of the file cannot keep; write to another file")
            options.set_copy_object(h5o.COPY_WITHOUT_ATTR_FLAG)
        self._ensure_parents(name)
        h5o.copy(source_id, b".", self.target["/"].id, encoded(name), options, _link(name))
        self._remember(source_id, name)

    def finish(self) -> None:
        """Write the attributes of all objects and attach the dimension scales; all objects have to be there."""
        for source_id, name in self._pairs:
            target_id = h5o.open(self.target.id, encoded(name))
            self._attributes(source_id, target_id, name)
        for source_id, name in self._pairs:
            if isinstance(source_id, h5d.DatasetID):
                self._scales(source_id, h5o.open(self.target.id, encoded(name)), name)

    def is_made(self, name: str) -> bool:
        """Whether an object stands at this name in the target."""
        return name in self._made

    def _remember(self, source_id: Any | None, name: str) -> None:
        self._made.add(name)
        if source_id is not None:
            self._places.setdefault(address(source_id), name)
            self._pairs.append((source_id, name))

    def _ensure_parents(self, name: str) -> None:
        if parent(name) not in self._made:
            self.group(None, parent(name))

    def _attributes(self, source_id: Any, target_id: Any, name: str) -> None:
        if isinstance(source_id, h5t.TypeID):
            return
        for key in _attribute_names(source_id):
            if key in _MADE_BY_SCALES:
                continue
            try:
                self._attribute(h5a.open(source_id, key), target_id, key, name)
            except (OSError, RuntimeError, TypeError, ValueError) as error:
                self.notes.append(f"attribute '{decoded(key)}' of {name} is not kept: {error}")

    def _attribute(self, source: Any, target_id: Any, key: bytes, name: str) -> None:
        type_id, space = source.get_type(), source.get_space()
        problem = unmovable(type_id)
        if problem is None:
            made = h5a.create(target_id, key, type_id, space)
            if space.get_simple_extent_type() != h5s.NULL:
                _copy_bytes(source, made, type_id, space)
        elif not _holds_references(type_id):
            made = h5a.create(target_id, key, type_id, space)
            if space.get_simple_extent_type() != h5s.NULL:
                values = np.empty(source.shape, source.dtype)
                source.read(values)
                made.write(values)
        elif type_id.get_class() == h5t.REFERENCE:
            self._references(source, target_id, key, name)
        else:
            self.notes.append(f"attribute '{decoded(key)}' of {name} is not kept: it holds {problem}")

    def _references(self, source: Any, target_id: Any, key: bytes, name: str) -> None:
        """An attribute of references to objects that are all in the target, written anew."""
        values = np.empty(source.shape, source.dtype)
        source.read(values)
        there = [self._reference(value, source) for value in values.flat]
        if None in there or not source.get_type().equal(h5t.STD_REF_OBJ):
            self.notes.append(
                f"attribute '{decoded(key)}' of {name} is not kept: it refers to what is not in the output"
            )
            return
        anew = np.empty(source.shape, source.dtype)
        for index, value in enumerate(there):
            anew.flat[index] = value
        h5a.create(target_id, key, h5t.STD_REF_OBJ, source.get_space()).write(anew)

    def _reference(self, value: Any, source: Any) -> Any:
        try:
            place = self.place_of(h5r.dereference(value, source))
        except (OSError, RuntimeError, ValueError):
            place = None
        return None if place is None else h5r.create(self.target.id, encoded(place), h5r.OBJECT)

    def _scales(self, source_id: Any, target_id: Any, name: str) -> None:
        for axis in range(min(len(source_id.shape), len(target_id.shape))):
            for scale in scales(source_id, axis):
                place = self.place_of(scale)
                problem = "it is not in the output" if place is None else self._misfit(source_id, axis, scale)
                if place is None or problem:
                    self.notes.append(f"a dimension scale of axis {axis} of {name} is not kept: {problem}")
                else:
                    _attach(self.target, target_id, axis, place)

    def _misfit(self, source_id: Any, axis: int, scale: Any) -> str | None:
        """Why a scale no longer says what stands where along an axis, or None."""
        axis_has_moved = axis == 0 and address(source_id) in self._moved
        if is_placeholder(scale) or axis_has_moved == (address(scale) in self._moved):
            return None
        return "its rows have another order now"


def _attach(target: h5py.File, dataset_id: Any, axis: int, place: str) -> None:
    scale_id = h5o.open(target.id, encoded(place))
    if not h5ds.is_scale(scale_id):
        h5ds.set_scale(scale_id, b"")
    h5ds.attach_scale(dataset_id, scale_id, axis)


def carry_rest(carrier: Carrier, source: h5py.File, columns: Makers) -> None:
    """Carry everything of a file into another of the same structure.

    Parameters
    ----------
    carrier : Carrier
    source : h5py.File
    columns : Makers

    Raises
    ------
    UserError
        If something holds references or links that a copy cannot keep.
    """
    carrier.group(source["/"].id, "/")
    _carry_members(carrier, source["/"], "/", columns)


def _carry_members(carrier: Carrier, group: h5py.Group, at: str, columns: Makers) -> None:
    for key in members(group):
        name = joined(at, key)
        if link_kind(group, key) == HARD:
            _carry_object(carrier, h5o.open(group.id, encoded(key)), name, columns)
        else:
            copy_link(group, key, carrier.target, name, _link(name))


def _carry_object(carrier: Carrier, source_id: Any, name: str, columns: Makers) -> None:
    known = carrier.place_of(source_id)
    if known is not None:
        hard_link(carrier.target, known, name, _link(name))
    elif address(source_id) in columns:
        columns[address(source_id)](name)
    elif isinstance(source_id, h5g.GroupID) and last_part(name).startswith("_i_"):
        carrier.notes.append(f"{name} is not kept: an index of PyTables is wrong once rows have moved")
    elif isinstance(source_id, h5g.GroupID):
        carrier.group(source_id, name)
        _carry_members(carrier, h5py.Group(source_id), name, columns)
    else:
        carrier.whole(source_id, name)


def keep_order(source: Any, target: Any) -> None:
    """Take over whether links and attributes are kept in the order in which they were made."""
    target.set_link_creation_order(source.get_link_creation_order())
    target.set_attr_creation_order(source.get_attr_creation_order())


def _attribute_names(source_id: Any) -> list[bytes]:
    in_order = isinstance(source_id, h5d.DatasetID | h5g.GroupID) and (
        source_id.get_create_plist().get_attr_creation_order() & h5p.CRT_ORDER_TRACKED
    )
    index_type = h5.INDEX_CRT_ORDER if in_order else h5.INDEX_NAME
    names: list[bytes] = []
    h5a.iterate(source_id, lambda name, *_: names.append(name), index_type=index_type)
    return names


def _copy_bytes(source: Any, made: Any, type_id: Any, space: Any) -> None:
    """The value as the bytes it is stored as."""
    value = np.empty(int(space.get_simple_extent_npoints()) * int(type_id.get_size()), np.uint8)
    if value.size:
        source.read(value, type_id)
        made.write(value, type_id)


def _holds_references(type_id: Any) -> bool:
    kind = type_id.get_class()
    if kind in (h5t.ARRAY, h5t.VLEN):
        return _holds_references(type_id.get_super())
    if kind == h5t.COMPOUND:
        return any(_holds_references(type_id.get_member_type(index)) for index in range(type_id.get_nmembers()))
    return bool(kind == h5t.REFERENCE)


def _link(name: str) -> Any:
    """How a link is made: a name beyond ASCII is marked as UTF-8."""
    options = h5p.create(h5p.LINK_CREATE)
    options.set_char_encoding(h5t.CSET_ASCII if name.isascii() else h5t.CSET_UTF8)
    return options


def copy_user_block(source_path: str, target_path: str, size_bytes: int) -> None:
    """Copy what stands before the HDF5 part of a file (MATLAB's header, for one)."""
    if size_bytes:
        with Path(source_path).open("rb") as source, Path(target_path).open("r+b") as target:
            target.write(source.read(size_bytes))
