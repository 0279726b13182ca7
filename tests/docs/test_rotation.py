"""What docs/backups.md says of rotating keys, typed into a project with a real database."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    import pytest
    from tests.shop import Shop


def test_an_engineer_rotates_the_operational_key(
    root: Path, stall: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (root / "docs" / "backups.md").read_text(encoding="utf-8")
    monkeypatch.chdir(stall.place)
    made = stall.said("create")["id"]
    for step in ("add", "wrap", "take out"):
        written = page.partition(f"<!-- rotate: {step} -->")[2]
        commands, _, after = written.partition("<!-- end -->")
        if step == "take out":
            recipients(stall, page.partition("3. Take the old one out:")[2])
        for line in re.findall(r"^ +lastgood backup (.+)$", commands, re.MULTILINE):
            ran = stall.run(*shlex.split(line))
            assert ran.code == 0, ran.err
        if step == "add":
            recipients(stall, after)
    (stall.place / "operational.key").unlink()
    assert len(stall.said("show", made)["recipients"]) == 2
    assert stall.said("verify", made)["verified_at"]


def recipients(stall: Shop, text: str) -> None:
    found = re.search(r"`recipients: \[(.+?)\]`", text)
    assert found
    stall.backup["recipients"] = found[1].split(", ")
    stall.configure()
