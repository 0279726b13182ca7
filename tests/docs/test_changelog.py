from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def test_the_fragments_make_a_changelog(root: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "towncrier", "build", "--draft", "--version", "0.0.0"],
        cwd=root, capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip

    assert ended.returncode == 0, ended.stderr
    fragments = [file for file in (root / "changelog.d").iterdir() if file.name.endswith(".md")]
    for fragment in fragments:
        first_words = " ".join(fragment.read_text(encoding="utf-8").split()[:5])
        assert first_words in " ".join(ended.stdout.split())
