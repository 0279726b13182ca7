"""How long names and long lines are shown to people."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rich.padding import Padding
from rich.text import Text

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.style import Style

COMMIT = re.compile(r"\b([0-9a-f]{12})[0-9a-f]{28}\b")
PATH = re.compile(r"(?<![\w.:/])/(?:[^\s/:]+/){2,}(?=[^\s/:]+/[^\s/:]+)")
"""The part of an absolute path that is left out: all but its last two names."""


def brief(text: str) -> str:
    """Commits in twelve characters, long paths by their last two names."""
    return PATH.sub("…/", COMMIT.sub(r"\1", text))


def indented(text: str | Text, style: str | Style = "", by: int = 2) -> RenderableType:
    """A paragraph whose further lines stand where its first one does."""
    written = text if isinstance(text, Text) else Text(text, style)
    return Padding(written, (0, 0, 0, by), expand=False)
