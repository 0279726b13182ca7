from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from lastgood.config.bytesize import MOST, UNITS, parse, spell


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("200GB", 200 * 10**9),
        ("50MB", 50_000_000),
        ("1.5TB", 1_500_000_000_000),
        ("64MiB", 64 << 20),
        (" 64 mib ", 64 << 20),
        ("1kb", 1000),
        ("0.5KiB", 512),
        ("7B", 7),
        (f"{MOST}B", MOST),
        (30, 30),
    ],
)
def test_an_amount_is_bytes(text: object, amount: int) -> None:
    assert parse(text) == amount


@pytest.mark.parametrize(
    "text",
    [
        *("", "5", "GB", "5 gigabytes", "-5MB", "5G", "5Mb/s", "1e3B", "\u0665MB", "5MB\n5MB"),
        *("0GB", "0.0001B", "9999PB", "1" * 5000 + "B", "5\u212aB"),
        *(None, True, [], {}, 0, -1, 0.5, 2**61),
    ],
)
def test_what_is_none_says_how_one_is_written(text: object) -> None:
    with pytest.raises(PydanticCustomError, match="is not an amount of data; write a number and"):
        parse(text)


@given(count=st.integers(1, 1_000), unit=st.sampled_from(sorted(UNITS)))
def test_every_number_with_a_unit_is_that_many(count: int, unit: str) -> None:
    assert parse(f"{count}{unit}") == count * UNITS[unit]


@given(amount=st.integers(1, MOST))
def test_what_is_spelled_is_read_back(amount: int) -> None:
    assert parse(spell(amount)) == amount


@given(text=st.text(max_size=12))
def test_any_text_is_an_amount_within_bounds_or_refused(text: str) -> None:
    try:
        amount = parse(text)
    except PydanticCustomError:
        return
    assert 1 <= amount <= MOST


@pytest.mark.parametrize(
    ("amount", "text"),
    [(200 * 10**9, "200GB"), (64 << 20, "64MiB"), (1500, "1500B"), (1, "1B"), (1024, "1KiB")],
)
def test_an_amount_is_spelled_in_the_largest_whole_unit(amount: int, text: str) -> None:
    assert spell(amount) == text
