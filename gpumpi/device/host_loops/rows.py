"""Rows of plain bytes: scatter, gather, copy, fingerprint.

Twin of `kernels/rows.cu`. Columns come as arrays of the widest unsigned lane that divides their width: shape (n,) for
one lane a row, (n, lanes) for more.
Source of the fingerprint: multilinear hashing of the lanes, then the finalizer of splitmix64 (Steele, Lea, Flood 2014),
summed over rows so that their order does not matter.
"""

from __future__ import annotations

import numpy as np

from gpumpi.device.host_loops.loop import inner, loop
from gpumpi.device.host_loops.raw import copy_bytes, store

U = np.uint64
_NOT_ZERO = U(0x9E3779B97F4A7C15)
"""So that a row of zeros counts too."""


@loop(
    "void(u1[::1],u2[::1],i8[::1])",
    "void(u2[::1],u2[::1],i8[::1])",
    "void(u4[::1],u2[::1],i8[::1])",
    "void(u8[::1],u2[::1],i8[::1])",
)
def scatter(column, ids, targets):
    """Store each row at its partition's target address and step that on by one row."""
    width = column.itemsize
    for i in range(column.size):
        p = ids[i]
        at = targets[p]
        store(at, column[i])
        targets[p] = at + width


@loop("void(i8,i8,u2[::1],i8[::1])")
def scatter_wide(address, row_bytes, ids, targets):
    """`scatter` for rows of any width at `address`."""
    for i in range(ids.size):
        p = ids[i]
        at = targets[p]
        copy_bytes(at, address + i * row_bytes, row_bytes)
        targets[p] = at + row_bytes


@loop(
    "void(u1[::1],u4[::1],u1[::1])",
    "void(u2[::1],u4[::1],u2[::1])",
    "void(u4[::1],u4[::1],u4[::1])",
    "void(u8[::1],u4[::1],u8[::1])",
)
def gather(column, rows, out):
    """``out[i] = column[rows[i]]``."""
    for i in range(rows.size):
        out[i] = column[rows[i]]


@loop(
    "void(u1[:,::1],u4[::1],u1[:,::1])",
    "void(u4[:,::1],u4[::1],u4[:,::1])",
    "void(u8[:,::1],u4[::1],u8[:,::1])",
)
def gather_wide(column, rows, out):
    """`gather` for rows of several lanes."""
    for i in range(rows.size):
        row = rows[i]
        for j in range(column.shape[1]):
            out[i, j] = column[row, j]


@loop("void(i8[::1],i8[::1],i8[::1])")
def copy_many(sources, targets, sizes_bytes):
    """Copy each of many blocks from its source address to its target address."""
    for i in range(sources.size):
        copy_bytes(targets[i], sources[i], sizes_bytes[i])


@inner
def lane_weight(lane):
    """An odd weight for a lane: splitmix64 of its number."""
    z = U(lane + 1) * U(0x9E3779B97F4A7C15)
    z = (z ^ (z >> U(30))) * U(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> U(27))) * U(0x94D049BB133111EB)
    return (z ^ (z >> U(31))) | U(1)


@inner
def finalize(z):
    """The bits of `z`, well mixed."""
    z = (z ^ (z >> U(30))) * U(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> U(27))) * U(0x94D049BB133111EB)
    return z ^ (z >> U(31))


@loop(
    "void(u1[:,::1],i8,u8[::1])",
    "void(u2[:,::1],i8,u8[::1])",
    "void(u4[:,::1],i8,u8[::1])",
    "void(u8[:,::1],i8,u8[::1])",
)
def add_lanes(column, first_lane, sums):
    """Add the weighted lanes of each row to its sum."""
    lanes = column.shape[1]
    if lanes == 1:
        weight = lane_weight(first_lane)
        for i in range(column.shape[0]):
            sums[i] += U(column[i, 0]) * weight
        return
    for i in range(column.shape[0]):
        total = U(0)
        for j in range(lanes):
            total += U(column[i, j]) * lane_weight(first_lane + j)
        sums[i] += total


@loop("u8(u8[::1])")
def sum_of_mixed(sums):
    """The sum over rows of each row's mixed bits."""
    total = U(0)
    for i in range(sums.size):
        total += finalize(sums[i] + _NOT_ZERO)
    return total


@loop("u8(u8[::1],u8)")
def sum_of_mixed_lane(column, weight):
    """`add_lanes` and `sum_of_mixed` in one pass for rows of a single 8-byte lane."""
    total = U(0)
    for i in range(column.size):
        total += finalize(column[i] * weight + _NOT_ZERO)
    return total
