from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from lastgood.config.duration import LONGEST, UNITS, seconds, spell


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("500ms", 0.5),
        ("2s", 2),
        ("5m", 300),
        ("6h", 21_600),
        ("7d", 604_800),
        ("1.5h", 5_400),
        (" 3 m ", 180),
        ("0s", 0),
        (30, 30),
        (0.25, 0.25),
    ],
)
def test_a_duration_is_seconds(text: object, span: float) -> None:
    assert seconds(text) == span


@pytest.mark.parametrize(
    "text",
    [
        *("", "5", "m", "5 minutes", "1h30m", "-5m", "5M", "1e3s", "\u0665m", "5m\n5m", "9999d"),
        *(None, True, [], {}, -1, float("nan"), float("inf"), "1" * 5000 + "s"),
    ],
)
def test_what_is_no_duration_says_how_one_is_written(text: object) -> None:
    with pytest.raises(PydanticCustomError, match="is not a duration; write a number and a unit"):
        seconds(text)


@given(count=st.integers(0, 3_000), unit=st.sampled_from(sorted(UNITS)))
def test_every_number_with_a_unit_is_that_many(count: int, unit: str) -> None:
    assert seconds(f"{count}{unit}") == count * UNITS[unit]


@given(span=st.integers(0, int(LONGEST)))
def test_what_is_spelled_is_read_back(span: int) -> None:
    assert seconds(spell(float(span))) == span


@given(text=st.text(max_size=12))
def test_any_text_is_a_duration_within_bounds_or_refused(text: str) -> None:
    try:
        span = seconds(text)
    except PydanticCustomError:
        return
    assert 0 <= span <= LONGEST


@pytest.mark.parametrize(
    ("span", "text"), [(300, "5m"), (90, "90s"), (86_400, "1d"), (0.5, "500ms"), (0, "0s")]
)
def test_a_span_is_spelled_in_the_largest_whole_unit(span: float, text: str) -> None:
    assert spell(span) == text
