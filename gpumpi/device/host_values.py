"""Rows that are nothing but one key: sorted in place by the library, without words or row numbers.

Knows: NumPy's sort of plain values. Does not know: tables.

The library's sort keeps no order among equal values. That is no matter where equal means the same bits; of floats,
zeros of both signs and NaNs with different bits are equal, so they are put back in input order.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from gpumpi.device.host_loops.values import any_nan_or_negative_zero
from gpumpi.keys import FLOAT, INT, TIME, UINT, KeyPlan

_NAMES = {UINT: "u", INT: "i", TIME: "i", FLOAT: "f"}


def sort_values(rows: npt.NDArray[np.uint8], plan: KeyPlan) -> bool:
    """Sort in place; False, and nothing done, if rows are more than one native key or have no fast library sort.

    Parameters
    ----------
    rows : uint8 array of shape (n, row_bytes)
    plan : KeyPlan
        Its parts all refer to these rows.
    """
    part = plan.parts[0]
    swapped = part.big_endian and part.width_bytes > 1
    if len(plan.parts) > 1 or part.width_bytes != rows.shape[1] or part.width_bytes not in (1, 2, 4, 8) or swapped:
        return False
    if part.kind == FLOAT and part.width_bytes == 2:
        return False
    values = rows.reshape(-1).view(f"{_NAMES[part.kind]}{part.width_bytes}")
    if part.kind == FLOAT:
        _sort_floats(values, part.descending)
        return True
    values.sort()
    missing = int(np.searchsorted(values, np.iinfo(np.int64).min, "right")) if part.kind == TIME else 0
    if missing:
        values[:] = np.roll(values, -missing)
    _turn(values[: values.size - missing], part.descending)
    return True


def _turn(values: npt.NDArray[np.generic], descending: bool) -> None:
    if descending:
        values[:] = values[::-1].copy()


def _sort_floats(values: npt.NDArray[np.floating], descending: bool) -> None:
    bits = values.view(f"u{values.itemsize}")
    ties = _equal_but_different(values, bits)
    values.sort()
    if ties is None:
        _turn(values, descending)
        return
    zeros, missing = ties
    numbers = values[: values.size - missing.size]
    first_zero = int(np.searchsorted(numbers, 0.0, "left"))
    if descending:
        _turn(numbers, True)
        first_zero = numbers.size - first_zero - zeros.size
    bits[first_zero : first_zero + zeros.size] = zeros
    bits[numbers.size :] = missing


def _equal_but_different(
    values: npt.NDArray[np.floating], bits: npt.NDArray[np.unsignedinteger]
) -> tuple[npt.NDArray[np.unsignedinteger], npt.NDArray[np.unsignedinteger]] | None:
    """The bits of all zeros and of all NaNs in input order; None if there is neither a NaN nor a -0.0."""
    sign, infinity = np.array([-0.0, np.inf], values.dtype).view(bits.dtype)
    if not any_nan_or_negative_zero(bits, sign, infinity):
        return None
    return bits[values == 0], bits[np.isnan(values)]
