"""What the README says of backups, typed into a project with a real database."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

from ruamel.yaml import YAML

if TYPE_CHECKING:
    from pathlib import Path

    import pytest
    from tests.shop import Shop


def test_the_commands_make_a_proven_backup(
    root: Path, stall: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    readme = (root / "README.md").read_text(encoding="utf-8")
    written = readme.partition("## Backups of its database\n")[2].partition("\n## ")[0]
    example = written.partition("```yaml\n")[2].partition("```")[0]
    main = YAML(typ="safe").load(example)["databases"]["main"]
    main["backup"]["store"] = stall.store.describe()
    stall.configure(main=main)
    for key in stall.place.glob("*.key"):
        key.unlink()
    monkeypatch.setenv("DATABASE_URL", stall.dsn)
    monkeypatch.chdir(stall.place)
    said = ""
    for line in re.findall(r"^    lastgood backup (.+)$", written, re.MULTILINE):
        ran = stall.run(*shlex.split(line))
        assert ran.code == 0, ran.err
        said = ran.out
    assert "restorable" in said
