"""Keeping the state's folder out of git."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lastgood.app.initial.origin import GitFolder

if TYPE_CHECKING:
    from pathlib import Path

STATE_FOLDER = ".lastgood/"
_WAYS_TO_SAY_IT = frozenset({b".lastgood", b".lastgood/", b"/.lastgood", b"/.lastgood/"})


async def must_ignore(folder: Path) -> bool:
    """Whether a line has to be added, so that nobody who clones this commits a state."""
    git = GitFolder(folder)
    if await git.answer("rev-parse", "--show-toplevel") is None:
        return False
    return not await git.ignores(f"{STATE_FOLDER}state.db")


def add_line(folder: Path) -> Path | None:
    """Add the line to the folder's `.gitignore`, once; makes the file where there is none.

    Gives the file; None when it is a symlink, which git does not follow and we do not either.

    Raises:
        OSError: it cannot be written.
    """
    path = folder / ".gitignore"
    if path.is_symlink():
        return None
    present = path.read_bytes() if path.exists() else b""
    if not _WAYS_TO_SAY_IT & {line.strip() for line in present.splitlines()}:
        between = b"" if not present or present.endswith(b"\n") else b"\n"
        with path.open("ab") as file:
            file.write(between + b"# lastgood's own state\n" + STATE_FOLDER.encode() + b"\n")
    return path
