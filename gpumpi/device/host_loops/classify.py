"""Rows to partitions: how many splitters are not above a row.

Twin of `kernels/classify.cu`. A splitter is (words, row): a row whose key equals a splitter's goes by its row number,
so that one heavy key still splits evenly and stays in input order.

First words are looked up among the splitters' distinct first words, in a table of cells that holds how many of them
lie below each cell; the few inside a cell are stepped over. `host_lookup` describes the kinds of cells and chooses.
Source: splitter search without branches is P. Sanders and S. Winkel, "Super Scalar Sample Sort" (ESA 2004); cells in
place of the top of their tree are interpolation search; doubling cells are those of HDR histograms.
"""

from __future__ import annotations

import numpy as np

from gpumpi.device.host_loops.loop import inner, loop
from gpumpi.device.host_loops.raw import leading_zeros

U = np.uint64


@loop("void(u8[::1],u8[::1],u2[::1],u8,u8,u2[::1])")
def find_equal(word, distinct, below, low, shift, ids):
    """How many distinct first words are not above each row's, by cells of width ``2**shift``.

    `distinct` ends with all ones, which is no splitter.
    """
    last = U(below.size - 1)
    n_distinct = np.uint16(distinct.size - 1)
    for i in range(word.size):
        cell = (max(word[i], low) - low) >> shift
        p = below[min(cell, last)]
        ids[i] = min(p + np.uint16(distinct[p] <= word[i]), n_distinct)


@loop("void(u8[::1],u8[::1],u2[::1],u8,u8,u2[::1])")
def find_doubling(word, distinct, below, low, mantissa_bits, ids):
    """The same, by cells that double in width."""
    last = U(below.size - 1)
    n_distinct = np.uint16(distinct.size - 1)
    for i in range(word.size):
        cell = doubling_cell(max(word[i], low) - low, mantissa_bits)
        p = below[min(cell, last)]
        ids[i] = min(p + np.uint16(distinct[p] <= word[i]), n_distinct)


@loop("void(u8[::1],u8[::1],u2[::1],u8,u8,i8[::1],u1[::1],u2[::1])")
def find_nested(word, distinct, below, low, shift, part_starts, part_shifts, ids):
    """The same, by equal cells that are cut into parts."""
    last = U(part_starts.size - 1)
    n_distinct = np.uint16(distinct.size - 1)
    end = part_starts[part_starts.size - 1] + (np.int64(1) << (np.int64(shift) - np.int64(part_shifts[last]))) - 1
    inside = (U(1) << shift) - U(1)
    for i in range(word.size):
        distance = max(word[i], low) - low
        cell = distance >> shift
        part = part_starts[min(cell, last)] + np.int64((distance & inside) >> part_shifts[min(cell, last)])
        p = below[end if cell > last else part]
        ids[i] = min(p + np.uint16(distinct[p] <= word[i]), n_distinct)


@inner
def doubling_cell(distance, mantissa_bits):
    """The cell of a distance: its leading bit's place, then the `mantissa_bits` bits that follow."""
    octave = U(63) - leading_zeros(distance | (U(1) << mantissa_bits))
    drop = octave - mantissa_bits
    return (drop << mantissa_bits) + (distance >> drop)


@loop("void(u2[::1],i8[::1])")
def count(ids, counts):
    """Add the rows of each partition to its count."""
    for i in range(ids.size):
        counts[ids[i]] += 1


@loop("void(u8[:,::1],i8,u8[:,::1],i8[::1],u8[::1],u2[::1],i8[::1],i8[::1],u2[::1],i8[::1])")
def settle(words, first_row, splitters, splitter_rows, distinct, rights, cursors, lefts, ids, counts):
    """From how many distinct first words are at least found (`ids`) to partitions, and rows a partition.

    Splitters whose first word is ``distinct[u - 1]`` are those from ``lefts[u]`` to below ``rights[u]``. Rows ascend,
    so among splitters of the same key a cursor only ever moves up, past those whose rows have been passed.
    """
    word = words[0]
    n_distinct = distinct.size - 1
    one_word = words.shape[0] == 1
    if one_word and n_distinct == splitter_rows.size and not (splitter_rows >= 0).any():
        for i in range(word.size):
            p = step_over(distinct, n_distinct, word[i], np.int64(ids[i]))
            ids[i] = np.uint16(p)
            counts[p] += 1
        return
    if one_word:
        for i in range(word.size):
            u = step_over(distinct, n_distinct, word[i], np.int64(ids[i]))
            p = np.int64(rights[u])
            cursor = cursors[u]
            while cursor < p and splitter_rows[cursor] <= first_row + i:
                cursor += 1
                cursors[u] = cursor
            p = cursor if distinct[max(u - 1, 0)] == word[i] else p
            ids[i] = np.uint16(p)
            counts[p] += 1
        return
    for i in range(word.size):
        u = step_over(distinct, n_distinct, word[i], np.int64(ids[i]))
        p = np.int64(rights[u])
        if u > 0 and distinct[u - 1] == word[i]:
            p = not_above(words, i, first_row + i, splitters, splitter_rows, lefts[u], p)
        ids[i] = np.uint16(p)
        counts[p] += 1


@inner
def step_over(distinct, n_distinct, word, u):
    """`u` counts some of the distinct words not above `word`; count the rest of them."""
    while u < n_distinct and distinct[u] <= word:
        u += 1
    return u


@inner
def not_above(words, i, row, splitters, splitter_rows, start, stop):
    """The first splitter from `start` to `stop` that is above the row by all words and the row's number."""
    while start < stop:
        middle = (start + stop) // 2
        above = splitter_rows[middle] > row
        for k in range(1, words.shape[0]):
            if splitters[k, middle] != words[k, i]:
                above = splitters[k, middle] > words[k, i]
                break
        if above:
            stop = middle
        else:
            start = middle + 1
    return start
