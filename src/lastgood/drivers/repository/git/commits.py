"""Commits that take a branch back, made in the cache and nowhere else."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lastgood.drivers.repository.git.reading import seconds_of
from lastgood.drivers.repository.git.trees import (
    differs,
    differs_outside,
    tree_of,
    with_paths_of,
)
from lastgood.errors import RefusedError, StateError
from lastgood.process.masking import harmless

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lastgood.drivers.repository.git.command import Git

_NAMES = {
    "GIT_AUTHOR_NAME": "lastgood",
    "GIT_AUTHOR_EMAIL": "lastgood@localhost",
    "GIT_COMMITTER_NAME": "lastgood",
    "GIT_COMMITTER_EMAIL": "lastgood@localhost",
}
_SKIPS = (
    (re.compile(r"\[([^\[\]\n]*\b(?:skip|no)\b[^\[\]\n]*)\]", re.IGNORECASE), r"(\1)"),
    (re.compile(r"\*\*\*(NO_CI)\*\*\*", re.IGNORECASE), r"\1"),
    (re.compile(r"^(skip-checks):", re.IGNORECASE | re.MULTILINE), r"\1 -"),
)
_NAMED_CONFLICTS = 10


async def carrying(git: Git, target: str, base: str, paths: Sequence[str], message: str) -> str:
    """The commit on base whose tree, or whose paths, are the target's.

    Raises:
        RefusedError: base carries that already (code `nothing-to-do`), or the paths cannot be
            put into base's tree (code `path-conflict`).
    """
    tree = await with_paths_of(git, base, target, paths) if paths else await tree_of(git, target)
    # What was put together by names is compared by git before anything is built on it.
    if await differs(git, tree, target, paths) or (
        paths and await differs_outside(git, tree, base, paths)
    ):
        raise StateError(
            "the tree that was made is not the one that was wanted",
            cause="a file name in the service's paths looks like a secret, and was masked",
            mend="choose other `paths`, or roll back by another method",
            code="tree-differs",
        )
    return await _committed(git, tree, base, message)


async def without(git: Git, first: str, last: str, base: str, message: str) -> str:
    """The commit on base without what first..last (both included) brought.

    The whole range is taken out by one merge of trees: from what last carries to what stood before
    first, applied to base. Git takes the base of a merge from history only, so a small history is
    made that says so.

    Raises:
        RefusedError: the range makes no sense (code `drop-range`), conflicts with what came later
            (`drop-conflict`), or is out already (`nothing-to-do`).
    """
    before = await _before(git, first, last, base)
    fork = await _tree_commit(git, await tree_of(git, last))
    ours = await _tree_commit(git, await tree_of(git, base), fork)
    theirs = await _tree_commit(git, await tree_of(git, before), fork)
    merged = await git.read(
        *("merge-tree", "--write-tree", "-z", "--name-only", "--no-messages", ours, theirs),
        good=(0, 1),
        lazy=True,
    )
    tree, *names = merged.stdout.split("\0")
    if merged.returncode != 0:
        files = [harmless(name)[:200] for name in names if name]
        shown = ", ".join(files[:_NAMED_CONFLICTS])
        raise RefusedError(
            f"{first[:12]} cannot be taken out: later commits changed the same places",
            cause=f"in {shown}{' and others' if len(files) > _NAMED_CONFLICTS else ''}",
            mend="go back to a known good tree, which cannot conflict: "
            "lastgood rollback --method tree",
            code="drop-conflict",
        )
    return await _committed(git, tree, base, message)


async def parents_of(git: Git, commit: str) -> list[str]:
    """The parents of a commit that is there."""
    done = await git.read("rev-parse", "--end-of-options", f"{commit}^@")
    return [line for line in done.stdout.split() if not line.startswith("-")]


async def text_commit(git: Git, text: str) -> str:
    """The commit with an empty tree that carries a text; the same text gives the same commit."""
    tree = (await git.read("mktree", stdin=b"")).stdout.strip()
    return await _written(git, tree, (), text, 1_000_000_000)


async def _before(git: Git, first: str, last: str, base: str) -> str:
    """The commit before first, by its first parent."""
    for older, newer in ((first, last), (last, base)):
        done = await git.read("merge-base", "--is-ancestor", older, newer, good=(0, 1))
        if done.returncode != 0:
            raise _no_range(f"{older[:12]} is not part of {newer[:12]}")
    parents = await parents_of(git, first)
    if not parents:
        raise _no_range(f"{first[:12]} is the very first commit: nothing stood before it")
    line = await git.read("rev-list", "--first-parent", "--end-of-options", f"{parents[0]}..{last}")
    if first not in line.stdout.split():
        raise _no_range(f"{first[:12]} came into {last[:12]} by a merge from the side")
    return parents[0]


def _no_range(cause: str) -> RefusedError:
    return RefusedError(
        "these commits cannot be taken out",
        cause=cause,
        mend="name a commit of the branch itself (for a merged one, its merge), or the first and "
        "last of a straight row: --drop FIRST..LAST",
        code="drop-range",
    )


async def _tree_commit(git: Git, tree: str, *parents: str) -> str:
    return await _written(git, tree, parents, "", 1_000_000_000)


async def _committed(git: Git, tree: str, base: str, message: str) -> str:
    if not await differs(git, tree, base):
        raise RefusedError(
            "there is nothing to do",
            cause=f"{base[:12]}, the branch's tip, carries exactly that already",
            mend="choose an earlier release: lastgood releases list",
            code="nothing-to-do",
        )
    # First: what is taken out of it here could have hidden a skip.
    message = harmless(message)
    for skip, instead in _SKIPS:
        message = skip.sub(instead, message)
    dated = await git.read("rev-list", "-1", "--no-commit-header", "--format=%ct", base)
    # Its date comes from base, so that a commit that was lost in a crash is made again as it was.
    return await _written(git, tree, (base,), message, seconds_of(dated.stdout.strip()) + 1)


async def _written(git: Git, tree: str, parents: Sequence[str], message: str, seconds: int) -> str:
    date = f"@{seconds} +0000"
    done = await git.read(
        *("commit-tree", *(word for parent in parents for word in ("-p", parent)), tree),
        stdin=message.encode(),
        env={**_NAMES, "GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date},
    )
    return done.stdout.strip()
