from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

from lastgood.cli.commands import COMMANDS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LINK = re.compile(r"\]\(([^)\s]+)\)")
CODE = re.compile(r"^ {4,}[^\n]*$|```.*?```", re.MULTILINE | re.DOTALL)
NAMED = re.compile(r"(?:`| {4})lastgood ([a-z]+)")


def anchors(text: str) -> set[str]:
    """The names that a host of Markdown gives to the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken(pages: dict[Path, str]) -> Iterator[str]:
    for page, text in pages.items():
        for link in LINK.findall(CODE.sub("", text)):
            if link.startswith(("https://", "http://", "mailto:")):
                continue
            name, _, anchor = link.partition("#")
            target = (page.parent / name).resolve() if name else page
            if not target.exists():
                yield f"{page.name}: {link}"
            elif anchor and anchor not in anchors(target.read_text(encoding="utf-8")):
                yield f"{page.name}: {link} (no such heading)"


def test_every_link_leads_somewhere(pages: dict[Path, str]) -> None:
    assert list(broken(pages)) == []


def test_every_command_that_is_named_exists(pages: dict[Path, str]) -> None:
    named = {(page.name, word) for page, text in pages.items() for word in NAMED.findall(text)}

    assert {(page, word) for page, word in named if word not in {*COMMANDS, "demo"}} == set()
    assert len(named) > len(COMMANDS)


def test_what_is_made_from_the_code_is_current(root: Path) -> None:
    ended = subprocess.run(
        [sys.executable, str(root / "docs" / "renew.py"), "--check"],
        capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip

    assert ended.returncode == 0, ended.stderr


def test_no_page_names_a_place_of_the_machine_it_was_written_on(pages: dict[Path, str]) -> None:
    places = re.compile(r"/(?:home|root|work|tmp)/[\w.-]+")

    assert {
        file.name: places.findall(text) for file, text in pages.items() if places.search(text)
    } == {}
