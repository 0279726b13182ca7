"""The files below a path of a commit, as they were committed, in one tar archive."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from typing import TYPE_CHECKING

from lastgood.drivers.repository.git.trees import LITERAL
from lastgood.errors import RefusedError, StateError
from lastgood.process.masking import harmless

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lastgood.drivers.repository.git.command import Git

_NAME = "lastgood-archive-"
_STALE_S = 3600.0
# What a repository's own `.gitattributes` leave out of an archive, or change in it. This file has
# the last word, and git reads it in our copy for nothing else.
_AS_COMMITTED = "* -export-ignore -export-subst -text !eol -ident -filter -working-tree-encoding\n"


async def archived(git: Git, commit: str, path: str, most: int) -> bytes:
    """The archive; its names begin below the path.

    By way of a file beside the objects: what a child prints is masked, and kept to a megabyte.

    Raises:
        RefusedError: the commit has no such folder (`paths-absent`), or it is larger than that
            many bytes (`archive-too-large`).
    """
    tree = await _folder(git, commit, path)
    # A copy without files fetches by one request what this compares, and one by one what is read.
    none = (await git.read("hash-object", "-t", "tree", "--stdin", stdin=b"")).stdout.strip()
    compared = ("diff-tree", "-r", "--shortstat", "--no-renames", "--no-ext-diff")
    await git.read(*compared, "--end-of-options", none, tree, lazy=True)
    if await _bytes(git, tree, most) > most:
        raise _too_large(commit, path, most)
    with _file(git.place) as file:
        await git.read("archive", "--format=tar", f"--output={file}", tree)
        if file.stat().st_size > most:
            raise _too_large(commit, path, most)
        return await asyncio.to_thread(file.read_bytes)


async def _folder(git: Git, commit: str, path: str) -> str:
    """The tree at the path, as git names it."""
    found = ""
    if not {"", ".", ".."} & set(path.split("/")) and path.isprintable():
        listed = ("ls-tree", "--full-tree", "--format=%(objecttype) %(objectname)")
        done = await git.read(*listed, commit, "--", path, env=LITERAL)
        found = done.stdout.strip()
    kind, _, tree = found.partition(" ")
    if kind != "tree":
        raise RefusedError(
            f"{commit[:12]} has no folder {harmless(path)[:200]!r}",
            cause="a file or link stands there" if kind else "nothing stands there",
            mend="correct the path in lastgood.yaml: it begins at the repository's root",
            code="paths-absent",
        )
    return tree


async def _bytes(git: Git, tree: str, most: int) -> int:
    try:
        done = await git.read("ls-tree", "-r", "-z", "--format=%(objectsize)", tree)
    except StateError as error:
        if error.code != "too-much-output":
            raise
        return most + 1
    return sum(int(size) for size in done.stdout.split("\0") if size.isdecimal())


@contextlib.contextmanager
def _file(place: Path) -> Iterator[Path]:
    """A file that is removed at the end; and those that were left when we were killed."""
    for left in place.glob(f"{_NAME}*"):
        with contextlib.suppress(FileNotFoundError):
            if time.time() - left.stat().st_mtime > _STALE_S:
                left.unlink()
    info = place / "info"
    info.mkdir(exist_ok=True)
    file = place / f"{_NAME}{secrets.token_hex(8)}"
    try:
        file.touch(mode=0o600)
        file.write_text(_AS_COMMITTED, encoding="utf-8")
        file.replace(info / "attributes")
        file.touch(mode=0o600)
        yield file
    finally:
        file.unlink(missing_ok=True)


def _too_large(commit: str, path: str, most: int) -> RefusedError:
    return RefusedError(
        f"{harmless(path)[:200]} of {commit[:12]} is too large to be kept",
        cause=f"it has more than {most >> 20} MiB, or very many files",
        mend="name a folder in lastgood.yaml that holds nothing else",
        code="archive-too-large",
    )
