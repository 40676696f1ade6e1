"""Rows to partitions: how many splitters are not above a row.

Twin of `kernels/classify.cu`. A splitter is (words, row): a row whose key equals a splitter's goes by its row number,
so that one heavy key still splits evenly and stays in input order.
Source: sample sort with equality handling by position, in the spirit of P. Sanders and S. Winkel, "Super Scalar Sample
Sort" (ESA 2004); the table that replaces the top of their search tree is linear in the key, as in interpolation search.
"""

from __future__ import annotations

import numpy as np

from gpumpi.device.host_loops.loop import inner, loop

U = np.uint64


@loop("void(u8[:,::1],i8,u8[:,::1],i8[::1],i8[::1],u2[::1],u8,u8,u2[::1],i8[::1])")
def classify_by_table(words, first_row, splitters, splitter_rows, cursors, table, low, shift, ids, counts):
    """Partition of each row, and rows a partition, by a table over the range of the splitters' first words.

    ``table[(word - low) >> shift]`` counts the splitters below that cell; the few in it are stepped over.
    `splitters` ends with one entry of all ones, which is no splitter.
    """
    n_splitters = splitter_rows.size
    last = U(table.size - 1)
    word, splitter = words[0], splitters[0]
    for i in range(word.size):
        cell = (max(word[i], low) - low) >> shift
        p = table[min(cell, last)]
        ids[i] = p + np.uint16(splitter[p] <= word[i])
    if has_ties(words, splitter_rows):
        for i in range(word.size):
            ids[i] = np.uint16(step_over(splitter, n_splitters, word[i], np.int64(ids[i])))
        settle_ties(words, first_row, splitters, splitter_rows, cursors, ids, counts)
    else:
        for i in range(word.size):
            p = step_over(splitter, n_splitters, word[i], np.int64(ids[i]))
            ids[i] = np.uint16(p)
            counts[p] += 1


@inner
def has_ties(words, splitter_rows):
    """Whether rows with a splitter's first word can lie on both sides of it."""
    return words.shape[0] > 1 or (splitter_rows.size > 0 and splitter_rows.max() >= 0)


@inner
def step_over(splitter, n_splitters, word, p):
    """`p` counts some of the splitters that are not above `word`, which ascend; count the rest of them."""
    while splitter[p] <= word and p < n_splitters:
        p += 1
    return min(p, n_splitters)


@loop("void(u8[:,::1],i8,u8[:,::1],i8[::1],i8[::1],u8[::1],i8,u2[::1],i8[::1])")
def classify_by_tree(words, first_row, splitters, splitter_rows, cursors, tree, depth, ids, counts):
    """The same by a search tree in breadth-first order (padded with all ones): for keys a linear table cannot part."""
    n_splitters = splitter_rows.size
    for i in range(words.shape[1]):
        word = words[0, i]
        at = U(1)
        for _ in range(depth):
            at = U(2) * at + U(tree[at] <= word)
        ids[i] = np.uint16(min(np.int64(at) - (1 << depth), n_splitters))
    if has_ties(words, splitter_rows):
        settle_ties(words, first_row, splitters, splitter_rows, cursors, ids, counts)
    else:
        for i in range(words.shape[1]):
            counts[ids[i]] += 1


@inner
def settle_ties(words, first_row, splitters, splitter_rows, cursors, ids, counts):
    """`ids` count the splitters whose first word is not above the row's; settle equal ones by other words and row.

    ``cursors[p]`` is where the splitters with the key of splitter p - 1 begin; rows ascend, so each cursor only ever
    moves up, past the splitters whose rows have been passed.
    """
    if words.shape[0] == 1:
        for i in range(words.shape[1]):
            p = np.int64(ids[i])
            cursor = advance(cursors, p, splitter_rows, first_row + i)
            p = cursor if splitters[0, max(p - 1, 0)] == words[0, i] else p
            ids[i] = np.uint16(p)
            counts[p] += 1
    else:
        for i in range(words.shape[1]):
            p = np.int64(ids[i])
            sign = 1
            while p > 0 and splitters[0, p - 1] == words[0, i]:
                sign = compare_to_splitter(words, i, splitters, p - 1)
                if sign >= 0:
                    break
                p -= 1
            if p > 0 and sign == 0:
                p = advance(cursors, p, splitter_rows, first_row + i)
            ids[i] = np.uint16(p)
            counts[p] += 1


@inner
def advance(cursors, p, splitter_rows, row):
    """Move cursor `p` past the splitters whose row is not above `row`; where it is then."""
    cursor = cursors[p]
    while cursor < p and splitter_rows[cursor] <= row:
        cursor += 1
        cursors[p] = cursor
    return cursor


@inner
def compare_to_splitter(words, i, splitters, j):
    """-1, 0 or 1 as row `i` comes before, equals or comes after splitter `j` by its words."""
    for k in range(words.shape[0]):
        if words[k, i] != splitters[k, j]:
            return -1 if words[k, i] < splitters[k, j] else 1
    return 0
