"""Outside text in Markdown: it may say anything, and acts as nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


def time(at: datetime) -> str:
    """A moment, to the second."""
    return at.strftime("%Y-%m-%d %H:%M:%S")


def text(value: object) -> str:
    """Outside text on one line, unable to open a tag, a link or a code span."""
    line = " ".join(str(value).split())
    for mark in ("\\", "`", "*", "_", "[", "]", "<", ">"):
        line = line.replace(mark, "\\" + mark)
    return line


def code(commit: object) -> str:
    """What somebody calls a commit, short and as code, unable to end it."""
    return f"`{' '.join(str(commit).replace('`', '').split())[:12]}`"


def cell(value: object) -> str:
    """Outside text in a table's cell."""
    return "" if value is None else text(value).replace("|", "\\|")
