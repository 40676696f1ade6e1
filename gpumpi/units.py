"""Amounts as people write and read them.

Knows: bytes, rows, seconds, rates. Does not know: where an amount comes from.
"""

from __future__ import annotations

import re

from gpumpi.errors import UserError

KIB = 1 << 10
MIB = 1 << 20
GIB = 1 << 30

_BYTE_UNITS = {
    "": 1, "b": 1,
    "k": KIB, "m": MIB, "g": GIB, "t": GIB << 10, "p": GIB << 20,
    "kib": KIB, "mib": MIB, "gib": GIB, "tib": GIB << 10, "pib": GIB << 20,
    "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12, "pb": 10**15,
}  # fmt: skip
_AMOUNT = re.compile(r"\s*([0-9]+(?:\.[0-9]*)?(?:e[+]?[0-9]+)?)\s*([a-z]*)\s*", re.IGNORECASE)
_ROW_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "b": 10**9, "t": 10**12}


def parse_bytes(text: str | int) -> int:
    """Bytes meant by ``"8GiB"``, ``"8G"`` (binary, as GNU sort's ``-S``), ``"8GB"`` (decimal) or a plain number.

    Raises
    ------
    UserError
        If the text is not a number with one of these units.
    """
    return _parse(text, _BYTE_UNITS, "a size such as 512M, 8GiB or 1.5TB")


def parse_rows(text: str | int) -> int:
    """Rows meant by ``"1e6"``, ``"10M"`` (decimal), ``"2^26"`` or a plain number.

    Raises
    ------
    UserError
        If the text is not such a number.
    """
    power = re.fullmatch(r"\s*2\^([0-9]{1,2})\s*", str(text))
    if power:
        return 1 << int(power[1])
    return _parse(text, _ROW_UNITS, "a number of rows such as 1000, 1e6, 10M or 2^26")


def _parse(text: str | int, units: dict[str, int], wanted: str) -> int:
    match = _AMOUNT.fullmatch(str(text))
    if not match or match[2].lower() not in units:
        raise UserError(f"'{text}' is not {wanted}")
    number, unit = match[1], units[match[2].lower()]
    return int(number) * unit if number.isdigit() else int(float(number) * unit)


def format_bytes(amount_bytes: float) -> str:
    """The amount with a binary unit and three figures, such as ``"1.50 GiB"``."""
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if abs(amount_bytes) < 1000:
            return f"{amount_bytes:.0f} B" if unit == "B" else f"{amount_bytes:.3g} {unit}"
        amount_bytes /= 1024
    return f"{amount_bytes:.4g} PiB"


def format_rows(n_rows: int) -> str:
    """The count with thousands separated, such as ``"6,001,215"``."""
    return f"{n_rows:,}"


def format_count(n: int, what: str) -> str:
    """The count and what is counted, such as ``"1 rank"`` or ``"4,096 ranks"``."""
    return f"{n:,} {what}" if n == 1 else f"{n:,} {what}s"


def format_seconds(amount_s: float) -> str:
    """The time with a unit that suits it, such as ``"850 ms"``, ``"12.3 s"`` or ``"1 h 02 min"``."""
    if amount_s < 1:
        return f"{amount_s * 1000:.0f} ms"
    if amount_s < 120:
        return f"{amount_s:.3g} s"
    if amount_s < 7200:
        return f"{int(amount_s // 60)} min {int(amount_s % 60):02d} s"
    return f"{int(amount_s // 3600)} h {int(amount_s % 3600 // 60):02d} min"


def format_rate(amount_bytes: float, amount_s: float) -> str:
    """The throughput in decimal GB/s, the unit of data sheets; empty time reads as no rate."""
    return f"{amount_bytes / amount_s / 1e9:.3g} GB/s" if amount_s > 0 else "-"
