"""Amounts as people write and read them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpumpi.errors import UserError
from gpumpi.units import format_bytes, format_rate, format_rows, format_seconds, parse_bytes, parse_rows


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("0", 0), ("512", 512), (512, 512), ("1k", 1024), ("8G", 8 << 30), ("8GiB", 8 << 30), ("8gb", 8 * 10**9),
        ("1.5TiB", 3 << 39), (" 2 MB ", 2_000_000), ("1e3", 1000), ("16b", 16), ("2P", 2 << 50),
    ],
)  # fmt: skip
def test_bytes_are_read_as_people_write_them(text: str | int, amount: int) -> None:
    assert parse_bytes(text) == amount


@pytest.mark.parametrize(
    ("text", "amount"),
    [("0", 0), ("1000", 1000), ("1e6", 10**6), ("10M", 10**7), ("2^26", 1 << 26), ("1.5k", 1500), ("3b", 3 * 10**9)],
)
def test_rows_are_read_as_people_write_them(text: str, amount: int) -> None:
    assert parse_rows(text) == amount


@pytest.mark.parametrize("text", ["", "-1", "G", "8 gigs", "1e-3", "0x10", "1,000", "2^2^2", "nan", "8GiB8"])
def test_other_text_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(UserError, match="such as 512M"):
        parse_bytes(text)
    with pytest.raises(UserError, match="such as 1000"):
        parse_rows(text)


@given(st.integers(0, 2**63))
def test_plain_numbers_are_exact(number: int) -> None:
    assert parse_bytes(str(number)) == number
    assert parse_rows(str(number)) == number


@given(st.integers(0, 2**62))
def test_bytes_are_shown_within_half_a_percent(amount: int) -> None:
    number, unit = format_bytes(amount).split()
    assert float(number) * parse_bytes(f"1{unit}") == pytest.approx(amount, rel=0.005)


@pytest.mark.parametrize(
    ("shown", "text"),
    [
        (format_bytes(0), "0 B"), (format_bytes(999), "999 B"), (format_bytes(1.5 * 2**30), "1.5 GiB"),
        (format_rows(6001215), "6,001,215"), (format_seconds(0.85), "850 ms"), (format_seconds(12.34), "12.3 s"),
        (format_seconds(125), "2 min 05 s"), (format_seconds(7320), "2 h 02 min"),
        (format_rate(3e9, 2), "1.5 GB/s"), (format_rate(1, 0), "-"),
    ],
)  # fmt: skip
def test_amounts_are_shown_with_a_unit_that_suits_them(shown: str, text: str) -> None:
    assert shown == text
