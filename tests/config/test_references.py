from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lastgood.config.references import expand, has_reference

NOWHERE = Path("/nowhere")


@pytest.mark.parametrize(
    ("text", "expanded", "values"),
    [
        ("${A}", "one", ["one"]),
        ("x${A}y${B}", "xoney${A}", ["one", "${A}"]),
        ("$${A}", "${A}", []),
        ("$$${A}", "$${A}", []),
        ("$A and $ and {A}", "$A and $ and {A}", []),
    ],
)
def test_each_reference_is_replaced_once(text: str, expanded: str, values: list[str]) -> None:
    found = expand(text, {"A": "one", "B": "${A}"}, NOWHERE)

    assert (found.text, found.values, found.faults) == (expanded, values, [])


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("${ABSENT}", "the variable ABSENT is not set"),
        ("${EMPTY}", "the variable EMPTY is empty"),
        ("${}", "there is a `${` without a name and a closing brace"),
        ("${A B}", "there is a `${` without a name and a closing brace"),
        ("${A:-x}", "there is a `${` without a name and a closing brace"),
        ("${A", "there is a `${` without a name and a closing brace"),
        ("${${A}}", "there is a `${` without a name and a closing brace"),
        ("${file:absent}", "the file /nowhere/absent cannot be read: No such file or directory"),
        ("${file:a\0b}", "the file /nowhere/a\0b cannot be read: it is no path"),
    ],
)
def test_a_reference_that_leads_nowhere_is_a_fault_and_stays(text: str, what: str) -> None:
    found = expand(text, {"A": "one", "EMPTY": ""}, NOWHERE)

    assert found.faults[0][0] == what
    assert all(mend for _, mend in found.faults)
    assert "${" in found.text


def test_every_reference_of_a_text_is_looked_at() -> None:
    found = expand("${X} ${A} ${Y}", {"A": "one"}, NOWHERE)

    assert len(found.faults) == 2
    assert found.text == "${X} one ${Y}"


@pytest.mark.parametrize(
    ("content", "text"), [(b"secret\n", "secret"), (b"a\r\n", "a"), (b"a\nb\n\n", "a\nb\n")]
)
def test_a_file_gives_its_content_without_the_last_line_end(
    tmp_path: Path, content: bytes, text: str
) -> None:
    (tmp_path / "x").write_bytes(content)

    assert expand("${file:x}", {}, tmp_path).text == text
    assert expand(f"${{file:{tmp_path}/x}}", {}, NOWHERE).text == text


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"\xff", "is not UTF-8 text"),
        (b"a\0b", "holds a NUL character"),
        (b"x" * 70_000, "is larger than 64 KiB"),
    ],
)
def test_a_file_that_holds_no_secret_is_a_fault(tmp_path: Path, content: bytes, what: str) -> None:
    (tmp_path / "x").write_bytes(content)

    assert expand("${file:x}", {}, tmp_path).faults[0][0].endswith(what)


def test_what_is_no_plain_file_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    for name in ("pipe", ".", "/dev/zero"):
        assert expand(f"${{file:{name}}}", {}, tmp_path).faults[0][0].endswith("is no plain file")


@given(text=st.text(st.sampled_from("${}:Afile/ "), max_size=24), value=st.text(min_size=1))
def test_no_text_breaks_it_and_without_reference_nothing_changes(text: str, value: str) -> None:
    found = expand(text, {"A": value}, NOWHERE)

    if not has_reference(text):
        assert found.text == text.replace("$${", "${")
        assert not found.values
    assert set(found.values) <= {value}


@given(before=st.text(), value=st.text(min_size=1), after=st.text())
def test_what_comes_in_is_taken_as_it_is(before: str, value: str, after: str) -> None:
    before, after = before.replace("$", ""), after.replace("$", "")

    assert expand(f"{before}${{A}}{after}", {"A": value}, NOWHERE).text == before + value + after
