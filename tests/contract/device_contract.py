"""What every device promises, as tests; a device's test file derives from `DeviceContract`."""

from __future__ import annotations

import numpy as np
import pytest
from oracles import SORTABLE, some, sort_order

from gpumpi.keys import plan_keys
from gpumpi.schema import Column

SIZES = [0, 1, 2, 7, 1000, 70_001]


def as_bytes(array):
    return np.ascontiguousarray(array).view(np.uint8).reshape(len(array), -1)


class DeviceContract:
    """Derived classes give a `device` fixture."""

    @pytest.fixture
    def rng(self):
        return np.random.default_rng(20261125)

    def words_of(self, device, *keys):
        """Words of a table whose columns are the keys' values."""
        columns = [Column(f"c{i}", np.asarray(v).dtype) for i, (v, _) in enumerate(keys)]
        plan = plan_keys([f"c{i}:{'desc' if d else 'asc'}" for i, (_, d) in enumerate(keys)], columns)
        return device.words([as_bytes(v) for v, _ in keys], plan)

    @pytest.mark.parametrize("dtype", SORTABLE)
    @pytest.mark.parametrize("descending", [False, True])
    @pytest.mark.parametrize("few", [False, True])
    def test_words_order_as_values_do(self, device, rng, dtype, descending, few):
        values = some(rng, dtype, 3001, few)
        order = device.order(self.words_of(device, (values, descending)))
        assert np.array_equal(order, sort_order((values, descending)))

    @pytest.mark.parametrize("size", SIZES[1:])
    @pytest.mark.parametrize(
        "dtypes", [("i4", "f8"), ("S3", "i2", "u1"), ("S17", "f4"), ("?", ">i8"), ("u8", "u8", "u8")]
    )
    def test_several_keys(self, device, rng, size, dtypes):
        keys = [(some(rng, dtype, size, few=i < len(dtypes) - 1), bool(i % 2)) for i, dtype in enumerate(dtypes)]
        order = device.order(self.words_of(device, *keys))
        assert np.array_equal(order, sort_order(*keys))

    @pytest.mark.parametrize("offset", [0, 1, 5])
    def test_words_of_fields_at_any_alignment(self, device, rng, offset):
        record = np.dtype(
            [("pad", f"V{offset}"), ("k", "<i4"), ("s", "S5"), ("f", ">f8")]
            if offset
            else [("k", "<i4"), ("s", "S5"), ("f", ">f8")]
        )
        rows = np.zeros(501, record)
        rows["k"], rows["s"], rows["f"] = some(rng, "i4", 501, True), some(rng, "S5", 501, True), some(rng, ">f8", 501)
        plan = plan_keys(["k", "s:desc", "f"], [Column("rows", record)])
        order = device.order(device.words([as_bytes(rows)], plan))
        assert np.array_equal(order, sort_order((rows["k"], False), (rows["s"], True), (rows["f"], False)))

    @pytest.mark.parametrize("shape", ["random", "equal", "two", "clustered", "long ties", "outlier"])
    @pytest.mark.parametrize("n_words", [1, 2, 3])
    def test_order_of_awkward_words(self, device, rng, shape, n_words):
        n = 50_000
        words = rng.integers(0, 2**64, (n_words, n), dtype=np.uint64)
        if shape == "equal":
            words[:] = 42
        elif shape == "two":
            words &= np.uint64(1)
        elif shape == "clustered":
            words[0] = (words[0] & np.uint64(3)) * np.uint64(2**61) + (words[0] >> np.uint64(50))
        elif shape == "long ties":
            words[0] &= np.uint64(0xF00000000000000F)
        elif shape == "outlier":
            words[0] &= np.uint64(0xFFFF)
            words[0, 7] = 2**64 - 1
        assert np.array_equal(device.order(np.ascontiguousarray(words)), np.lexsort(words[::-1]))

    @pytest.mark.parametrize("size", SIZES)
    @pytest.mark.parametrize("n_splitters", [0, 1, 5, 255, 3000])
    @pytest.mark.parametrize("shape", ["uniform", "equal", "zipf", "two words"])
    def test_classify_counts_splitters_not_above(self, device, rng, size, n_splitters, shape):
        n_words = 2 if shape == "two words" else 1
        words = rng.integers(0, 2**64, (n_words, size + n_splitters), dtype=np.uint64)
        if shape == "equal":
            words[:] = 2**63
        elif shape == "zipf":
            words[0] = rng.zipf(1.2, size + n_splitters)
        elif shape == "two words":
            words[0] &= np.uint64(3)
            words[1] &= np.uint64(15)
        first_row = 10**12
        rows = np.concatenate(
            [first_row + np.arange(size), rng.integers(first_row - 3, first_row + size + 3, n_splitters)]
        )
        rows[size + n_splitters // 2 :] = -1  # some splitters are below every row of their key
        split = np.arange(size, size + n_splitters)
        split = split[np.lexsort((rows[split], *words[::-1, split]))]
        lookup = device.lookup(np.ascontiguousarray(words[:, split]), rows[split])
        ids, counts = device.classify(np.ascontiguousarray(words[:, :size]), first_row, lookup)
        everything = [tuple(w) for w in np.vstack([words, rows[None].astype(np.uint64) + np.uint64(1)]).T.tolist()]
        splitters = [everything[i] for i in split]
        import bisect

        expected = [bisect.bisect_right(splitters, row) for row in everything[: min(size, 5000)]]
        assert ids[: len(expected)].tolist() == expected
        assert np.array_equal(counts, np.bincount(ids, minlength=n_splitters + 1))
        if shape != "two words" and size:
            plan = plan_keys(["w"], [Column("w", np.dtype("u8"))])
            again = device.partition([as_bytes(words[0, :size])], plan, first_row, lookup)
            assert np.array_equal(ids, again[0])
            assert np.array_equal(counts, again[1])

    @pytest.mark.parametrize("size", SIZES)
    @pytest.mark.parametrize("width", [1, 2, 3, 4, 8, 12, 16, 100])
    def test_scatter_then_partitions_are_contiguous_and_in_order(self, device, rng, size, width):
        rows = rng.integers(0, 256, (size, width), dtype=np.uint8)
        ids = rng.integers(0, 9, size).astype(np.uint16)
        counts = np.bincount(ids, minlength=9)
        out = device.pool.take(size * width + 1)[: size * width]
        targets = out.ctypes.data + (np.cumsum(counts) - counts) * width
        device.scatter(rows, ids, targets)
        assert np.array_equal(out.reshape(size, width), rows[np.argsort(ids, kind="stable")])
        assert targets[0] == out.ctypes.data or size == 0, "targets are the caller's"

    @pytest.mark.parametrize("size", SIZES)
    @pytest.mark.parametrize("width", [1, 2, 3, 4, 6, 8, 16, 100])
    @pytest.mark.parametrize("number", ["uint32", "int64"])
    def test_gather(self, device, rng, size, width, number):
        rows = rng.integers(0, 256, (max(size, 1), width), dtype=np.uint8)
        order = rng.integers(0, len(rows), size).astype(number)
        out = np.empty((size, width), np.uint8)
        device.gather(rows, order, out)
        assert np.array_equal(out, rows[order])

    def test_copy_many(self, device, rng):
        source, target = rng.integers(0, 256, 10_000, dtype=np.uint8), np.zeros(10_000, np.uint8)
        cuts = np.unique(rng.integers(0, 10_000, 50))
        starts, sizes = cuts[:-1], np.diff(cuts)
        device.copy_many(source.ctypes.data + starts, target.ctypes.data + starts, sizes)
        assert np.array_equal(target[cuts[0] : cuts[-1]], source[cuts[0] : cuts[-1]])
        assert not target[: cuts[0]].any()
        assert not target[cuts[-1] :].any()

    @pytest.mark.parametrize("dtype", SORTABLE)
    @pytest.mark.parametrize("descending", [False, True])
    @pytest.mark.parametrize("few", [False, True])
    def test_sort_alone_is_the_stable_order_bit_for_bit(self, device, rng, dtype, descending, few):
        values = some(rng, dtype, 3001, few)
        plan = plan_keys([f"c:{'desc' if descending else 'asc'}"], [Column("c", values.dtype)])
        rows = as_bytes(values).copy()
        if device.sort_alone(rows, plan):
            assert rows.tobytes() == values[sort_order((values, descending))].tobytes()
        else:
            assert rows.tobytes() == values.tobytes(), "declined, and changed nothing"

    @pytest.mark.parametrize("widths", [[8], [1], [4, 8], [3, 100, 2], [12]])
    def test_fingerprint(self, device, rng, widths):
        columns = [rng.integers(0, 256, (1003, width), dtype=np.uint8) for width in widths]
        whole = device.fingerprint(columns)
        shuffled = rng.permutation(1003)
        assert device.fingerprint([c[shuffled] for c in columns]) == whole, "the order of rows does not matter"
        parts = [device.fingerprint([np.ascontiguousarray(c[i::3]) for c in columns]) for i in range(3)]
        assert sum(parts) % 2**64 == whole, "blocks add up"
        for column in columns:
            column[501, -1] ^= 1
            assert device.fingerprint(columns) != whole, "one bit matters"
            column[501, -1] ^= 1
        if len(columns) > 1:
            columns[1][[3, 4]] = columns[1][[4, 3]]
            assert device.fingerprint(columns) != whole, "rows are wholes: values may not change rows"

    @pytest.mark.parametrize("n_words", [1, 2])
    def test_first_disorder(self, device, rng, n_words):
        words = np.sort(rng.integers(0, 2**64, 5000, dtype=np.uint64) >> np.uint64(50))
        words = np.ascontiguousarray(np.vstack([np.zeros((n_words - 1, 5000), np.uint64), words]))
        assert device.first_disorder(words) == -1
        assert device.first_disorder(words[:, :0].copy()) == -1
        for at in (1, 1024, 1025, 4999):
            wrong = words.copy()
            wrong[-1, at:] = 0
            assert device.first_disorder(wrong) == at

    @pytest.mark.parametrize("n_words", [1, 2])
    @pytest.mark.parametrize("size", SIZES)
    def test_first_of_runs_and_rows_up_to(self, device, rng, n_words, size):
        words = rng.integers(0, 3, (n_words, size)).astype(np.uint64)
        different = np.ones(size, bool)
        different[1:] = (words[:, 1:] != words[:, :-1]).any(axis=0)
        assert np.array_equal(device.first_of_runs(words), np.flatnonzero(different))
        bound = np.ones(n_words, np.uint64)
        expected = [i for i, row in enumerate(words.T.tolist()) if row <= bound.tolist()]
        assert device.rows_up_to(words, bound).tolist() == expected
