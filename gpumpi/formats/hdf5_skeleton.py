"""A new HDF5 file but for its rows: groups, datasets with their space, attributes, dimension scales.

Knows: what is kept of the file that the rows come from, and under which name. Does not know: when the file is complete.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from h5py import h5d, h5f, h5i, h5p

from gpumpi.errors import UserError
from gpumpi.formats.hdf5_copy import Carrier, carry_rest, copy_user_block, keep_order
from gpumpi.formats.hdf5_find import GROUP, address, is_placeholder, scales
from gpumpi.formats.hdf5_names import absolute, ancestors, decoded, encoded, joined, last_part, parent
from gpumpi.formats.hdf5_read import Hdf5Source, OpenColumn
from gpumpi.formats.hdf5_sink import Place
from gpumpi.formats.hdf5_types import stored_type
from gpumpi.schema import Column, Schema

_ALIGNMENT_BYTES = 4096
_ALIGN_FROM_BYTES = 65536
_ALL_FILTERS = 0


class Skeleton:
    """One new file: which objects stand where.

    Parameters
    ----------
    temporary : str
        The file to make; it is there, empty and locked.
    template : Hdf5Source or None
        Whose types, attributes and scales are kept.
    name, kind : str
        The table in the new file.
    n_rows : int

    Attributes
    ----------
    places : tuple of Place
        Where the rows of each column go, once `write` is done.
    """

    def __init__(self, temporary: str, template: Hdf5Source | None, name: str, kind: str, n_rows: int) -> None:
        self.temporary, self.template, self.name, self.kind, self.n_rows = temporary, template, name, kind, n_rows
        self.places: tuple[Place, ...] = ()

    def write(self, schema: Schema, in_place: bool) -> tuple[str, ...]:
        """Make the file; what could not be kept."""
        source = None if self.template is None else self.template.file
        with new_file(self.temporary, source) as target:
            carrier = Carrier(target)
            made = self._carry_all(carrier, schema) if in_place else self._carry_table(carrier, schema)
            carrier.finish()
            # Early allocation: the place is known as soon as the dataset is there. No bytes have no place.
            self.places = tuple(
                Place(column.name, int(dataset.get_offset() or 0), column.row_bytes)
                for column, dataset in zip(schema.columns, made, strict=True)
            )
        if source is not None and self.template is not None:
            copy_user_block(self.template.path, self.temporary, source.userblock_size)
        return tuple(dict.fromkeys(carrier.notes))

    def _carry_table(self, carrier: Carrier, schema: Schema) -> list[Any]:
        self._carry_groups(carrier)
        names = [joined(self.name, column.name) if self.kind == GROUP else self.name for column in schema.columns]
        made = [self._make(carrier, column, name) for column, name in zip(schema.columns, names, strict=True)]
        self._carry_scales(carrier, schema)
        return made

    def _carry_groups(self, carrier: Carrier) -> None:
        """The root, the groups above the table where its name is kept, and the table's own group."""
        if self.template is not None:
            file = self.template.file
            carrier.group(file["/"].id, "/")
            for above in ancestors(self.name) if self.name == self.template.table else ():
                carrier.group(file[encoded(above)].id, above)
            if self.kind == self.template.kind == GROUP and (self.name, self.template.table) != ("/", "/"):
                carrier.group(file[encoded(self.template.table)].id, self.name)
        if self.kind == GROUP:
            carrier.group(None, self.name)

    def _make(self, carrier: Carrier, column: Column, name: str) -> Any:
        """The dataset of one column, as the template has it if it has it."""
        source = self._like(column)
        if source is None:
            shape = (self.n_rows, *column.row_shape)
            return carrier.dataset(None, name, stored_type(column), shape, contiguous(None))
        shape = (self.n_rows, *source.shape[1:])
        return carrier.dataset(source.dataset, name, source.type.copy(), shape, contiguous(source.dataset))

    def _like(self, column: Column) -> OpenColumn | None:
        sources = () if self.template is None else self.template.columns
        return next((source for source in sources if source.column == column), None)

    def _carry_scales(self, carrier: Carrier, schema: Schema) -> None:
        """Scales that are no columns and stay right when rows move: of inner axes, and placeholders without data."""
        for source in filter(None, map(self._like, schema.columns)):
            for axis in range(len(source.shape)):
                for scale in scales(source.dataset, axis):
                    stays = axis > 0 or (is_placeholder(scale) and scale.shape[0] == self.n_rows)
                    if stays and carrier.place_of(scale) is None:
                        self._carry_scale(carrier, scale)

    def _carry_scale(self, carrier: Carrier, scale: Any) -> None:
        name = absolute(decoded(h5i.get_name(scale) or b"scale"))
        if self.kind == GROUP and self.template is not None and parent(name) == self.template.table:
            name = joined(self.name, last_part(name))
        if not carrier.is_made(name):
            carrier.whole(scale, name)

    def _carry_all(self, carrier: Carrier, schema: Schema) -> list[Any]:
        """The template's file again, with new datasets for its table."""
        template = self.template
        if template is None or (self.name, self.kind) != (template.table, template.kind):
            raise UserError(f"{self.name}: in place, a table keeps its name; leave the name out")
        if not template.is_whole or schema.columns != template.schema.columns:
            raise UserError(f"{template.name}: in place, all columns have to move together; leave --columns out")
        made: dict[str, Any] = {}

        def make(column: Column, name: str) -> None:
            made[column.name] = self._make(carrier, column, name)

        columns: dict[tuple[int, int], Callable[[str], None]] = {}
        for source in template.columns:
            if not Path(source.storage.path).samefile(template.path):
                raise UserError(f"{source.where} is in another file, {source.storage.path}; write to another file")
            if address(source.dataset) in columns:
                raise UserError(f"{source.where} is a second name of another column; write to another file")
            columns[address(source.dataset)] = partial(make, source.column)
        carry_rest(carrier, template.file, columns)
        if len(made) < len(columns):
            raise UserError(f"{template.name}: is part of an index of PyTables, which goes; write to another file")
        return [made[column.name] for column in schema.columns]


def contiguous(source: Any | None) -> Any:
    """How a dataset is made whose rows are written at byte offsets; fill value and attribute order are the source's.

    Parameters
    ----------
    source : h5py.h5d.DatasetID or None
    """
    creation = h5p.create(h5p.DATASET_CREATE)
    if source is not None:
        found = source.get_create_plist()
        if found.get_layout() == h5d.VIRTUAL or found.get_external_count():
            _keep_fill_value(found, creation, source)
            creation.set_attr_creation_order(found.get_attr_creation_order())
        else:
            creation = found
            if found.get_nfilters():
                creation.remove_filter(_ALL_FILTERS)
    creation.set_layout(h5d.CONTIGUOUS)
    creation.set_alloc_time(h5d.ALLOC_TIME_EARLY)
    creation.set_fill_time(h5d.FILL_TIME_NEVER)
    creation.set_obj_track_times(False)
    return creation


def _keep_fill_value(found: Any, creation: Any, source: Any) -> None:
    if found.fill_value_defined() == h5d.FILL_VALUE_USER_DEFINED:
        value = np.zeros((), source.dtype)
        found.get_fill_value(value)
        creation.set_fill_value(value)


def new_file(temporary: str, source: h5py.File | None) -> h5py.File:
    """An empty HDF5 file in place of the temporary one, which is locked already; the same bytes whenever it is made."""
    creation = h5p.create(h5p.FILE_CREATE)
    creation.set_obj_track_times(False)
    if source is not None:
        keep_order(source.id.get_create_plist(), creation)
        creation.set_userblock(source.userblock_size)
    access = h5p.create(h5p.FILE_ACCESS)
    access.set_fclose_degree(h5f.CLOSE_STRONG)
    # HDF5 wants a user block of at least the alignment.
    access.set_alignment(
        _ALIGN_FROM_BYTES, min(_ALIGNMENT_BYTES, source.userblock_size if source else 0) or _ALIGNMENT_BYTES
    )
    # Attributes over 64 KiB and links in order need 1.8; whatever reads HDF5 today reads that.
    access.set_libver_bounds(h5f.LIBVER_V18, h5f.LIBVER_LATEST)
    access.set_file_locking(False, True)
    return h5py.File(h5f.create(os.fsencode(temporary), h5f.ACC_TRUNC, fcpl=creation, fapl=access))
