"""What a query is expected to answer."""

from __future__ import annotations

from decimal import Decimal

import pytest

from lastgood.drivers.database.postgres.backup.expectation import Expectation


@pytest.mark.parametrize(
    ("text", "good", "bad"),
    [
        ("> 0", [1, Decimal("0.1"), "2"], [0, -1, None, True, "many", float("nan")]),
        (">= 2", [2, 3], [1]),
        ("< -1.5", [-2], [-1.5, 0]),
        ("<=0", [0, -1], [1]),
        ("= 3", [3, Decimal("3.00"), 3.0], [4, None]),
        ("!= 3", [4], [3, None]),
        ("between 1 and 5", [1, 5, 3], [0, 6, None]),
        ("BETWEEN  1  AND  5", [2], [7]),
        ("ready", ["ready"], ["Ready", "ready ", None]),
        ("true", [True, "true"], [False]),
        ("null", [None], [0, ""]),
    ],
)
def test_an_answer_is_compared(text: str, good: list[object], bad: list[object]) -> None:
    expectation = Expectation.parse(text)

    assert [value for value in good if not expectation.holds(value)] == []
    assert [value for value in bad if expectation.holds(value)] == []


@pytest.mark.parametrize("text", ["> many", "=", "between 1", "=> 3", "!ready", "between a and b"])
def test_a_comparison_that_is_none_is_no_text(text: str) -> None:
    with pytest.raises(ValueError, match="compares with no number"):
        Expectation.parse(text)
