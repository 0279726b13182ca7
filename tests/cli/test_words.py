"""Long names in little room."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from lastgood.cli.words import brief, indented


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("live: 7411d1f0c632a0a0a0a0a0a0a0a0a0a0a0a0a0a0", "live: 7411d1f0c632"),
        ("access-log /srv/shop/logs/access.json: over", "access-log …/logs/access.json: over"),
        ("/etc/passwd", "/etc/passwd"),
        ("http://127.0.0.1:8000/a/b/c/health", "http://127.0.0.1:8000/a/b/c/health"),
        ("a digest sha256:" + "a1" * 32, "a digest sha256:" + "a1" * 32),
        ("and/or either/or/both", "and/or either/or/both"),
    ],
)
def test_commits_and_paths_are_shown_by_what_tells_them_apart(text: str, shown: str) -> None:
    assert brief(text) == shown


def test_the_further_lines_of_a_paragraph_stand_where_its_first_one_does() -> None:
    console = Console(width=20, file=io.StringIO())

    console.print(indented("one two three four five six", by=4))

    assert isinstance(console.file, io.StringIO)
    assert [line.rstrip() for line in console.file.getvalue().splitlines()] == [
        "    one two three",
        "    four five six",
    ]
