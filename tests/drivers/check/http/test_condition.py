from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from lastgood.drivers.check.http.answer import field
from lastgood.drivers.check.http.condition import Comparison
from lastgood.drivers.check.http.options import HttpOptions

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@pytest.mark.parametrize(
    ("written", "value", "holds"),
    [
        ("healthy", "healthy", True),
        ("healthy", "Healthy", False),
        (5, 5, True),
        (5, 5.0, True),
        (5, "5", False),
        (1, True, False),
        (True, 1, False),
        (True, True, True),
        (None, None, True),
        ("< 5", 4.9, True),
        ("< 5", 5, False),
        ("<5", 4, True),
        (">= -1.5", -1.5, True),
        ("> 0", "1", False),
        ("> 0", True, False),
        ("> 0", None, False),
        ("> 0", 10**400, False),
        ("!= down", "up", True),
        ("!= down", "down", False),
        ("== 3", 3, True),
        ("== true", True, True),
        ("!= null", "x", True),
        ("<html>", "<html>", True),
    ],
)
def test_conditions(written: Any, value: object, holds: bool) -> None:  # noqa: FBT001 - the expected answer
    assert Comparison.read(written).holds(value) is holds


@given(st.text(), JSON)
def test_any_condition_on_any_value_has_an_answer(written: str, value: object) -> None:
    assert Comparison.read(written).holds(value) in {True, False}
    assert str(Comparison.read(written))


@given(JSON, st.text())
def test_any_path_into_any_document_has_an_answer(document: object, path: str) -> None:
    found = field(document, path)
    assert found is None or found is document or isinstance(document, dict | list)


def test_paths_go_through_objects_and_lists() -> None:
    document = {"a": [{"b": 1}, {"b": 2}]}
    assert field(document, "a.1.b") == 2
    assert field(document, "a.2.b") is None
    assert field(document, "a.x") is None


@pytest.mark.parametrize(
    "options",
    [
        {"url": "ftp://h/"},
        {"method": "get it"},
        {"headers": {"bad name": "x"}},
        {"headers": {"X-Key": "a\r\nX-Other: b"}},
        {"headers": {"authorization": "x"}, "url": "http://me:pw@h/"},
        {"expect": {"status": 99}},
        {"expect": {"matches": "("}},
        {"expect": {"matches": "(a+)+"}},
        {"expect": {"stauts": 200}},
        {"version": {}},
        {"version": {"json": "a", "body": True}},
        {"redirects": 21},
        {"verify": False, "tls_expires_within": "7d"},
    ],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        HttpOptions.model_validate({"url": "http://h/", **options})
