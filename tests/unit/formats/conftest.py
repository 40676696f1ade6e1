"""Copies a table through gpumpi, in slices and out of order, and compares files with h5py alone."""

from __future__ import annotations

import itertools

import h5py
import numpy as np
import pytest

from gpumpi.errors import UserError
from gpumpi.formats.hdf5 import ChunkEncoder, ChunkStore, commit, lay_out, lay_out_chunked, open_sink, open_table


def copy_rows(source, sink, rng):
    """Every row of every column, in slices of uneven length, last slice first."""
    n_rows = source.schema.n_rows
    for index, column in enumerate(source.schema.columns):
        cuts = np.unique(np.r_[0, n_rows, rng.integers(0, n_rows + 1, 4)])
        for start, stop in reversed(list(itertools.pairwise(cuts))):
            rows = np.full((stop - start, column.row_bytes), 0xAA, np.uint8)
            source.read(index, int(start), rows)
            sink.write(index, int(start), rows)


@pytest.fixture
def copy_table():
    """copy_table(source path, target path, name=None, columns=None, **options of lay_out) -> the Output."""
    rng = np.random.default_rng(7)

    def copy(source_path, target_path, name=None, columns=None, to=None, **options):
        with open_table(str(source_path), name, columns) as source:
            output = lay_out(str(target_path), source.schema, template=source, name=to, **options)
            with open_sink(output) as sink:
                copy_rows(source, sink, rng)
        if output.is_chunked:
            output = lay_out_chunked(output)
            with ChunkEncoder(output) as encoder, ChunkStore(output) as store:
                for column, index in output.chunks:
                    store.put(column, index, encoder.encode(column, index))
        commit(output)
        return output

    return copy


def raw(dataset):
    """The rows as HDF5 gives them in the dataset's own type."""
    type_id = dataset.id.get_type()
    out = np.zeros((dataset.size, type_id.get_size()), np.uint8)
    if dataset.size:
        dataset.id.read(h5py.h5s.ALL, h5py.h5s.ALL, out, type_id)
    return out


def assert_same_attributes(one, other):
    left, right = ({k for k in x.attrs if k not in ("DIMENSION_LIST", "REFERENCE_LIST")} for x in (one, other))
    assert left == right
    for key in left:
        a, b = h5py.h5a.open(one.id, key.encode()), h5py.h5a.open(other.id, key.encode())
        assert a.get_type().equal(b.get_type()), key
        assert a.shape == b.shape
        va, vb = one.attrs[key], other.attrs[key]
        if isinstance(va, h5py.Empty):
            assert isinstance(vb, h5py.Empty)
        else:
            np.testing.assert_array_equal(va, vb)


def assert_same_dataset(one, other):
    """Same type (H5Tequal), shape, bytes, fill value and attributes."""
    assert one.id.get_type().equal(other.id.get_type())
    assert one.shape == other.shape
    np.testing.assert_array_equal(raw(one), raw(other))
    assert_same_attributes(one, other)


@pytest.fixture
def same_dataset():
    return assert_same_dataset


@pytest.fixture
def same_attributes():
    return assert_same_attributes


@pytest.fixture
def error_of():
    """error_of(callable, ...) -> the text of the UserError; it is one line."""

    def error_of(function, *args, **options):
        with pytest.raises(UserError) as caught:
            function(*args, **options)
        text = str(caught.value)
        assert "\n" not in text
        return text

    return error_of
