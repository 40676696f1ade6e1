"""A stable order of rows by their words, around the library's fast sort of plain integers.

Twin of `kernels/order.cu`. The leading bits of a row's key and its position share one 64-bit integer, so that the
fastest sort there is for integers does the work and stability comes for free; the few rows whose leading bits agree
while their keys do not are sorted again by the bits that follow.
"""

from __future__ import annotations

import numpy as np

from gpumpi.device.host_loops.loop import inner, loop
from gpumpi.device.host_loops.words import compare_rows

U = np.uint64


@loop("void(u8[::1],u8[::1])")
def span(words, out):
    """Smallest, largest, and the bits in which any two differ, into ``out[0:3]``. At least one word."""
    low = high = first = words[0]
    differing = U(0)
    for i in range(words.size):
        word = words[i]
        low = min(low, word)
        high = max(high, word)
        differing |= word ^ first
    out[0] = low
    out[1] = high
    out[2] = differing


@loop("void(u8[::1],u8,u8,u8,u8,u8[::1])")
def pack(words, low, trailing, drop, position_bits, out):
    """Leading bits of each word above its position: ``((word >> trailing) - low >> drop) << position_bits | i``."""
    for i in range(words.size):
        out[i] = ((((words[i] >> trailing) - low) >> drop) << position_bits) | U(i)


@loop("void(u8[::1],u8,u4[::1])")
def positions(packed, position_bits, out):
    """The positions that `pack` put in."""
    mask = (U(1) << position_bits) - U(1)
    for i in range(packed.size):
        out[i] = np.uint32(packed[i] & mask)


@inner
def is_mixed(words, order, start, stop):
    """Whether the rows ``order[start:stop]`` differ in any word."""
    for i in range(start + 1, stop):
        if compare_rows(words, np.int64(order[i]), np.int64(order[i - 1])) != 0:
            return True
    return False


@loop("i8(u8[::1],u8,u8[:,::1],u4[::1],i8[::1],i8[::1])")
def mixed_groups(packed, position_bits, words, order, starts, stops):
    """Groups with the same leading bits and different keys: their starts and stops, and how many they are."""
    count = 0
    start = 0
    n = packed.size
    for i in range(1, n + 1):
        if i == n or (packed[i] >> position_bits) != (packed[i - 1] >> position_bits):
            if i - start > 1 and is_mixed(words, order, start, i):
                starts[count] = start
                stops[count] = i
                count += 1
            start = i
    return count


@loop("b1(u8[::1],u8)")
def any_equal_leading(packed, position_bits):
    """Whether two neighbours have the same leading bits."""
    block = 4096
    for start in range(1, packed.size, block):
        here, before = packed[start : start + block], packed[start - 1 : start - 1 + block]
        same = False
        for i in range(here.size):
            same |= ((here[i] ^ before[i]) >> position_bits) == U(0)
        if same:
            return True
    return False


@loop("i8(u8[:,::1],u4[::1],i8[::1],i8[::1],i8)")
def insertion_sort_groups(words, order, starts, stops, longest):
    """Sort the groups of at most `longest` rows in place, stably; keep the others in the lists and count them."""
    left = 0
    for g in range(starts.size):
        start, stop = starts[g], stops[g]
        if stop - start > longest:
            starts[left] = start
            stops[left] = stop
            left += 1
            continue
        for i in range(start + 1, stop):
            row = order[i]
            j = i
            while j > start and compare_rows(words, np.int64(order[j - 1]), np.int64(row)) > 0:
                order[j] = order[j - 1]
                j -= 1
            order[j] = row
    return left


@loop("u8(u8[::1],u4[::1],i8[::1],i8[::1],u8[::1])")
def above_group_minimum(word, order, starts, stops, out):
    """How far each row's word is above the smallest of its group, group after group; all bits that occur, or'ed."""
    seen = U(0)
    at = 0
    for g in range(starts.size):
        low = word[order[starts[g]]]
        for i in range(starts[g], stops[g]):
            low = min(low, word[order[i]])
        for i in range(starts[g], stops[g]):
            out[at] = word[order[i]] - low
            seen |= out[at]
            at += 1
    return seen


@loop("void(u8[::1],i8[::1],i8[::1],u8,u8,u8,u8,u8[::1])")
def pack_grouped(above, starts, stops, trailing, drop, field_bits, position_bits, out):
    """As `pack`, with the group's number above the leading bits."""
    at = 0
    for g in range(starts.size):
        head = U(g) << (field_bits + position_bits)
        for _ in range(stops[g] - starts[g]):
            out[at] = head | (((above[at] >> trailing) >> drop) << position_bits) | U(at)
            at += 1


@loop("void(u8[::1],u8,i8[::1],i8[::1],u4[::1],u4[::1])")
def reorder_groups(packed, position_bits, starts, stops, rows, order):
    """Put the rows of the groups back into their places in the sequence of `packed`; `rows` is room for them."""
    mask = (U(1) << position_bits) - U(1)
    at = 0
    for g in range(starts.size):
        for i in range(starts[g], stops[g]):
            rows[at] = order[i]
            at += 1
    at = 0
    for g in range(starts.size):
        for i in range(starts[g], stops[g]):
            order[i] = rows[packed[at] & mask]
            at += 1


@loop("i8(u8[::1],u8,u8[:,::1],u4[::1],i8[::1],i8[::1],i8[::1],i8[::1])")
def mixed_subgroups(packed, position_bits, words, order, starts, stops, new_starts, new_stops):
    """As `mixed_groups`, inside groups that have just been put in order."""
    count = 0
    at = 0
    for g in range(starts.size):
        size = stops[g] - starts[g]
        first = 0
        for i in range(1, size + 1):
            if i == size or ((packed[at + i] ^ packed[at + i - 1]) >> position_bits) != U(0):
                if i - first > 1 and is_mixed(words, order, starts[g] + first, starts[g] + i):
                    new_starts[count] = starts[g] + first
                    new_stops[count] = starts[g] + i
                    count += 1
                first = i
        at += size
    return count
