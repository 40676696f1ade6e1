"""What has to be known of plain values before the library sorts them.

Twin of `kernels/values.cu`.
"""

from __future__ import annotations

from gpumpi.device.host_loops.loop import loop


@loop("b1(u4[::1],u4,u4)", "b1(u8[::1],u8,u8)")
def any_nan_or_negative_zero(bits, sign, infinity):
    """Whether any float, given by its bits, is a NaN or -0.0; `sign` and `infinity` are the bits of -0.0 and +inf."""
    block = 4096
    for start in range(0, bits.size, block):
        part = bits[start : start + block]
        found = False
        for i in range(part.size):
            found |= (part[i] == sign) | ((part[i] & ~sign) > infinity)
        if found:
            return True
    return False
