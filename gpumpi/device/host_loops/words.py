"""Key bytes to order-preserving bits, and what can be asked of words: order, runs, range.

Twin of `kernels/words.cu`. The encoding is described in `gpumpi.keys`.
"""

from __future__ import annotations

import numpy as np

from gpumpi.device.host_loops.loop import inner, loop
from gpumpi.device.host_loops.raw import load_u8, load_u16, load_u32, load_u64
from gpumpi.keys import FLOAT, INT, TIME

U = np.uint64
_ONE = U(1)
_ALL = U(0xFFFFFFFFFFFFFFFF)


@inner
def swap_bytes(value, width_bytes):
    """The lowest `width_bytes` of `value` in reverse order."""
    out = U(0)
    for _ in range(width_bytes):
        out = (out << U(8)) | (value & U(0xFF))
        value >>= U(8)
    return out


@inner
def ordered_bits(raw, kind, width_bytes, descending):
    """Bits that compare as the value does; `raw` holds its bytes in the lowest `width_bytes`."""
    all_ones = _ALL >> U(64 - 8 * width_bytes)
    sign = _ONE << U(8 * width_bytes - 1)
    out = raw
    last = all_ones
    missing = False
    if kind == INT:
        out = raw ^ sign
    elif kind == TIME:
        missing = raw == sign
        out = (raw ^ sign) - _ONE
        last = all_ones - _ONE
    elif kind == FLOAT:
        infinity = U(0x7FF0000000000000)
        if width_bytes == 4:
            infinity = U(0x7F800000)
        elif width_bytes == 2:
            infinity = U(0x7C00)
        missing = (raw & (sign - _ONE)) > infinity
        bits = U(0) if raw == sign else raw
        out = (bits ^ all_ones) if bits & sign else bits | sign
    if descending:
        out = last - out
    return all_ones if missing else out


@loop(
    "void(u1[::1],i8,i8,b1,b1,u8[::1])",
    "void(u2[::1],i8,i8,b1,b1,u8[::1])",
    "void(u4[::1],i8,i8,b1,b1,u8[::1])",
    "void(u8[::1],i8,i8,b1,b1,u8[::1])",
)
def encode_column(values, kind, width_bytes, swapped, descending, out):
    """Ordered bits of a whole column that is nothing but the key."""
    if swapped or kind == TIME:
        for i in range(values.size):
            raw = swap_bytes(U(values[i]), width_bytes) if swapped else U(values[i])
            out[i] = ordered_bits(raw, kind, width_bytes, descending)
    elif kind == FLOAT and descending:
        for i in range(values.size):
            out[i] = ordered_bits(U(values[i]), FLOAT, width_bytes, True)
    elif kind == FLOAT:
        for i in range(values.size):
            out[i] = ordered_bits(U(values[i]), FLOAT, width_bytes, False)
    else:
        flip = _ONE << U(8 * width_bytes - 1) if kind == INT else U(0)
        if descending:
            flip ^= _ALL >> U(64 - 8 * width_bytes)
        for i in range(values.size):
            out[i] = U(values[i]) ^ flip


@loop("void(i8,i8,i8,i8,i8,b1,b1,u8[::1])")
def encode_field(address, stride_bytes, n_rows, kind, width_bytes, swapped, descending, out):
    """Ordered bits of a field at `address` in records `stride_bytes` apart; any width from 1 to 8, any alignment."""
    for i in range(n_rows):
        at = address + i * stride_bytes
        raw = U(0)
        if width_bytes == 8:
            raw = load_u64(at)
        elif width_bytes == 4:
            raw = U(load_u32(at))
        elif width_bytes == 2:
            raw = U(load_u16(at))
        else:
            for j in range(width_bytes):
                raw |= U(load_u8(at + j)) << U(8 * j)
        if swapped:
            raw = swap_bytes(raw, width_bytes)
        out[i] = ordered_bits(raw, kind, width_bytes, descending)


@loop("void(u8[::1],i8,i8,u8[:,::1])")
def place_bits(bits, n_bits, first_bit, words):
    """Put the lowest `n_bits` of each entry at `first_bit` of its row's words (counted from the top), still zero."""
    word = first_bit // 64
    room = 64 - first_bit % 64
    if n_bits <= room:
        shift = U(room - n_bits)
        for i in range(bits.size):
            words[word, i] |= bits[i] << shift
    else:
        over = U(n_bits - room)
        for i in range(bits.size):
            words[word, i] |= bits[i] >> over
            words[word + 1, i] |= bits[i] << (U(64) - over)


@inner
def compare_rows(words, i, j):
    """-1, 0 or 1 as row `i` comes before, equals or comes after row `j`."""
    for k in range(words.shape[0]):
        if words[k, i] != words[k, j]:
            return -1 if words[k, i] < words[k, j] else 1
    return 0


@loop("i8(u8[:,::1])")
def first_disorder(words):
    """The first row that is smaller than the one before it, -1 if there is none."""
    n = words.shape[1]
    if words.shape[0] == 1:
        word = words[0]
        block = 1024
        for start in range(0, n - 1, block):
            here, after = word[start : min(start + block, n - 1)], word[start + 1 : min(start + block, n - 1) + 1]
            bad = 0
            for i in range(here.size):
                bad += after[i] < here[i]
            if bad:
                break
        else:
            return -1
    for i in range(1, n):
        if compare_rows(words, i, i - 1) < 0:
            return i
    return -1


@loop("i8(u8[:,::1],i8[::1])")
def first_of_runs(words, out):
    """Rows that differ from the row before, into `out`; how many they are. Row 0 is one of them."""
    count = 0
    for i in range(words.shape[1]):
        if i == 0 or compare_rows(words, i, i - 1) != 0:
            out[count] = i
            count += 1
    return count


@loop("i8(u8[:,::1],u8[::1],i8[::1])")
def rows_up_to(words, bound, out):
    """Rows whose words are not above `bound`, into `out`; how many they are."""
    count = 0
    for i in range(words.shape[1]):
        sign = 0
        for k in range(words.shape[0]):
            if words[k, i] != bound[k]:
                sign = -1 if words[k, i] < bound[k] else 1
                break
        if sign <= 0:
            out[count] = i
            count += 1
    return count
