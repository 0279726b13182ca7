from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from lastgood.config.rate import LEAST, MOST, UNITS, bytes_per_second


@pytest.mark.parametrize(
    ("written", "rate"),
    [
        ("500kB", 5e5),
        ("50MB", 5e7),
        (" 50 MB/s ", 5e7),
        ("1.5GiB", 1.5 * 2**30),
        (1_000, 1_000),
        (2.5e6, 2.5e6),
    ],
)
def test_a_rate_is_bytes_per_second(written: object, rate: float) -> None:
    assert bytes_per_second(written) == rate


@pytest.mark.parametrize(
    "written",
    [
        *("", "5", "MB", "50mb", "50Mbit", "50 MB per second", "-5MB", "1e3MB", "\u0665MB", "0MB"),
        *("0.5kB", "9999GB", "50MB\n50MB", "50MB/m", "1" * 5000 + "MB"),
        *(None, True, [], {}, 0, 999, -1, float("nan"), float("inf")),
    ],
)
def test_what_is_no_rate_says_how_one_is_written(written: object) -> None:
    with pytest.raises(PydanticCustomError, match="is not a rate; write a number and a unit"):
        bytes_per_second(written)


@given(count=st.integers(1, 900), unit=st.sampled_from(sorted(UNITS)))
def test_every_number_with_a_unit_is_that_many(count: int, unit: str) -> None:
    assert bytes_per_second(f"{count}{unit}") == count * UNITS[unit]


@given(text=st.text(max_size=12))
def test_any_text_is_a_rate_within_bounds_or_refused(text: str) -> None:
    try:
        rate = bytes_per_second(text)
    except PydanticCustomError:
        return
    assert LEAST <= rate <= MOST
