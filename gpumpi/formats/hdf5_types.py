"""HDF5 types: which NumPy dtype orders their bytes, and which cannot be moved as bytes at all.

Knows: one datatype at a time. Does not know: datasets, files.
Rows travel as the file's own bytes, so a dtype here only says how a key is compared; nothing is converted.
"""

from __future__ import annotations

from typing import Any

import h5py
import numpy as np
from h5py import h5t

from gpumpi.errors import UserError
from gpumpi.formats.hdf5_names import decoded, encoded
from gpumpi.schema import Column

Dtype = np.dtype[np.generic]
TypeID = Any
"""An ``h5py.h5t.TypeID``; h5py carries no annotations."""


def element(type_id: TypeID) -> tuple[Dtype, tuple[int, ...]]:
    """The dtype of one element and the shape that an HDF5 array type adds to a row."""
    if type_id.get_class() == h5t.ARRAY:
        dtype, inner = element(type_id.get_super())
        return dtype, tuple(map(int, type_id.get_array_dims())) + inner
    return _atom(type_id), ()


def _atom(type_id: TypeID) -> Dtype:
    """The dtype as which the bytes compare; plain bytes (``V<n>``) where NumPy has no name for the type."""
    size = int(type_id.get_size())
    kind = type_id.get_class()
    if kind == h5t.COMPOUND:
        return _complex(type_id, size) or _compound(type_id, size)
    if kind == h5t.ENUM:
        return np.dtype(np.bool_) if _named(type_id) == np.bool_ else _atom(type_id.get_super())
    if kind == h5t.STRING:
        return np.dtype(f"S{size}")
    if kind == h5t.BITFIELD and size in (1, 2, 4, 8):
        return np.dtype(f"{'>' if type_id.get_order() == h5t.ORDER_BE else '<'}u{size}")
    named = _named(type_id)
    if named is not None and named.itemsize == size and named.kind in "iufcmM" and _is_exact(type_id, named):
        return named
    return np.dtype((np.void, size))


def _named(type_id: TypeID) -> Dtype | None:
    """What h5py calls the type, or None; an opaque type tagged by h5py is the dtype of its tag."""
    try:
        dtype: Dtype = type_id.dtype
    except (TypeError, ValueError):
        return None
    return np.dtype(dtype.str) if dtype.kind in "iufcmM" else dtype


def _is_exact(type_id: TypeID, dtype: Dtype) -> bool:
    """Whether the dtype has the bits of the type: no padding bits, no foreign float format."""
    if type_id.get_class() not in (h5t.INTEGER, h5t.FLOAT):
        return True
    return bool(h5t.py_create(dtype).equal(type_id))


def _complex(type_id: TypeID, size: int) -> Dtype | None:
    named = _named(type_id)
    return named if named is not None and named.kind == "c" and named.itemsize == size else None


def _compound(type_id: TypeID, size: int) -> Dtype:
    formats: list[Any] = []
    for index in range(type_id.get_nmembers()):
        dtype, shape = element(type_id.get_member_type(index))
        formats.append((dtype, shape) if shape else dtype)
    offsets = [int(type_id.get_member_offset(index)) for index in range(len(formats))]
    return np.dtype({"names": list(member_names(type_id)), "formats": formats, "offsets": offsets, "itemsize": size})


def member_names(type_id: TypeID) -> tuple[str, ...]:
    """Names of a compound's fields, in order."""
    return tuple(decoded(type_id.get_member_name(index)) for index in range(type_id.get_nmembers()))


def unmovable(type_id: TypeID) -> str | None:
    """What in the type points elsewhere and so cannot be moved as bytes (``"variable-length strings"``), or None."""
    kind = type_id.get_class()
    if kind == h5t.STRING:
        return "variable-length strings" if type_id.is_variable_str() else None
    if kind == h5t.VLEN:
        return "variable-length sequences"
    if kind == h5t.REFERENCE:
        return "references to other objects"
    if kind == h5t.ARRAY:
        return unmovable(type_id.get_super())
    if kind == h5t.COMPOUND:
        for index, name in enumerate(member_names(type_id)):
            found = unmovable(type_id.get_member_type(index))
            if found:
                return f"{found} in field '{name}'"
    return None


def is_compound(type_id: TypeID) -> bool:
    """Whether values have named fields; a complex number stored as a pair is one value."""
    return bool(type_id.get_class() == h5t.COMPOUND) and _complex(type_id, int(type_id.get_size())) is None


def only_fields(type_id: TypeID, names: tuple[str, ...]) -> TypeID:
    """A packed compound type of the named fields, each with its own HDF5 type."""
    index_of = {name: index for index, name in enumerate(member_names(type_id))}
    members = [(name, type_id.get_member_type(index_of[name])) for name in names]
    fields = h5t.create(h5t.COMPOUND, sum(int(member.get_size()) for _, member in members))
    offset_bytes = 0
    for name, member in members:
        fields.insert(encoded(name), offset_bytes, member)
        offset_bytes += int(member.get_size())
    return fields


def stored_type(column: Column) -> TypeID:
    """The HDF5 type for a column that comes from no HDF5 file.

    Raises
    ------
    UserError
        If HDF5 has no fixed-size type for the dtype.
    """
    dtype = h5py.opaque_dtype(column.dtype) if column.dtype.kind in "mM" else column.dtype
    try:
        type_id = h5t.py_create(dtype, logical=True)
    except TypeError:
        type_id = None
    if type_id is None or unmovable(type_id) or int(type_id.get_size()) != column.dtype.itemsize:
        raise UserError(f"column '{column.name}' has type {column.dtype}, which HDF5 does not store; convert it first")
    return type_id
