"""Types nobody thought of: nested compounds of anything, in any storage, come out with the same type and bytes."""

import tempfile
from pathlib import Path

import h5py
import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gpumpi.formats.hdf5 import open_table
from gpumpi.formats.hdf5_types import element

ATOMS = st.one_of(
    st.sampled_from(["?", "i1", ">u2", "<i4", ">i8", "<f2", ">f4", "<f8", "<c8", ">c16", "S1", "S7"]).map(np.dtype),
    st.sampled_from(["<M8[ns]", "<m8[s]"]).map(lambda name: h5py.opaque_dtype(np.dtype(name))),
    st.sampled_from(["i1", ">u4"]).map(lambda base: h5py.enum_dtype({"A": 0, "B": 1}, base)),
)


def compounds(inner):
    names = st.lists(st.sampled_from(["id", "x y", "\u00e9", "f0", "A"]), min_size=1, max_size=4, unique=True)
    shapes = st.sampled_from([(), (1,), (2, 3)])
    return st.builds(
        lambda names, fields, align: np.dtype(
            [(name, *field) for name, field in zip(names, fields, strict=False)], align=align
        ),
        names,
        st.lists(st.tuples(inner, shapes), min_size=5, max_size=5),
        st.booleans(),
    )


DTYPES = st.recursive(ATOMS, compounds, max_leaves=6)


def without_tags(dtype):
    """The dtype as which gpumpi orders the bytes: h5py's enum and opaque marks are gone, bool stays bool."""
    if dtype.fields is not None:
        fields = [dtype.fields[name] for name in dtype.names]
        formats = [(without_tags(field.base), field.shape) for field, *_ in fields]
        offsets = [offset for _, offset, *_ in fields]
        return np.dtype({"names": dtype.names, "formats": formats, "offsets": offsets, "itemsize": dtype.itemsize})
    return np.dtype(dtype.str)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(dtype=DTYPES, n_rows=st.integers(0, 40), shape=st.sampled_from([(), (3,), (2, 2)]), chunk=st.integers(0, 9),
       seed=st.integers(0, 99))  # fmt: skip
def test_any_type_in_any_storage(copy_table, same_dataset, dtype, n_rows, shape, chunk, seed):
    options = {"chunks": (chunk, *shape), "maxshape": (None, *shape), "shuffle": True} if chunk else {}
    with tempfile.TemporaryDirectory() as folder:
        before, after = Path(folder) / "in.h5", Path(folder) / "out.h5"
        with h5py.File(before, "w") as file:
            dataset = file.create_dataset("x", (n_rows, *shape), dtype, **options)
            type_id = dataset.id.get_type()
            rows = np.random.default_rng(seed).integers(0, 2, (dataset.size, type_id.get_size()), np.uint8)
            if rows.size:
                dataset.id.write(h5py.h5s.ALL, h5py.h5s.ALL, rows, type_id)
        copy_table(before, after, **({"chunks": 4, "compression": "gzip:1"} if seed % 3 == 0 else {}))
        with h5py.File(before) as one, h5py.File(after) as other:
            same_dataset(one["x"], other["x"])
            assert element(one["x"].id.get_type()) == (without_tags(dtype), ())
        with open_table(after) as source:
            assert source.schema.columns[0].row_shape == shape
