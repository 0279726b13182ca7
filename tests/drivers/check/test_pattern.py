from __future__ import annotations

import pytest

from lastgood.drivers.check.pattern import explodes


@pytest.mark.parametrize(
    "pattern",
    ["(a+)+", "(a|a)*", "(?:x{2,3})*", "(a(b+))*", "((a+))+", r"(\d+\.)+", "(a*){3}", "(.*)+?"],
)
def test_repeats_within_repeats_are_seen(pattern: str) -> None:
    assert explodes(pattern)


@pytest.mark.parametrize(
    "pattern",
    ["a+b*", "(foo|bar)", "[(+]+", "CRITICAL|Traceback", r"\(a+\)+", "{", "a{", "(abc)+", "[]+(]+"],
)
def test_harmless_patterns_are_let_through(pattern: str) -> None:
    assert not explodes(pattern)
