"""Trees put together from two commits, by entries alone: no file is ever read or written."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lastgood.errors import RefusedError
from lastgood.process.masking import harmless

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lastgood.drivers.repository.git.command import Git

LITERAL = {"GIT_LITERAL_PATHSPECS": "1"}


class Entry(NamedTuple):
    """What stands under one name in a tree: a file, a link, a folder or a submodule."""

    mode: str
    kind: str
    object: str


async def tree_of(git: Git, commit: str) -> str:
    """The tree of a commit that is there."""
    done = await git.read("rev-parse", "--verify", "--end-of-options", f"{commit}^{{tree}}")
    return done.stdout.strip()


async def with_paths_of(git: Git, tip: str, target: str, paths: Sequence[str]) -> str:
    """The tip's tree in which these paths are the target's; what the target lacks is gone.

    Raises:
        RefusedError: a file of the tip stands where the target has a folder above a path, or the
            target has nothing at any of the paths (code `paths-absent`).
    """
    await require_any(git, target, paths)
    tree: str | None = await tree_of(git, tip)
    for path in paths:
        wanted = await _entries(git, target, path)
        tree = await _grafted(git, tree, path.split("/"), wanted.get(path), path)
    if tree is None:
        tree = await _made(git, {})
    return tree


async def require_any(git: Git, commit: str, paths: Sequence[str]) -> None:
    """See that a commit has something at one of the paths at least.

    Where it has not, the paths are misspelt or the service stood elsewhere then: everything would
    be the same there, and going back would delete the service.

    Raises:
        RefusedError: it has not (code `paths-absent`).
    """
    words = ("ls-tree", "-z", "--full-tree", "--end-of-options", commit, "--", *paths)
    if not (await git.read(*words, env=LITERAL)).stdout:
        raise RefusedError(
            f"{commit[:12]} has nothing at {harmless(', '.join(paths))[:200]}",
            cause="these `paths` are misspelt, or the service stood elsewhere then",
            mend="correct the service's `paths` in lastgood.yaml: list where it stood as well",
            code="paths-absent",
        )


async def differs(git: Git, one: str, other: str, paths: Sequence[str] = ()) -> bool:
    """Whether two trees or commits differ, wholly or in these literal paths."""
    done = await git.read(
        *(
            "diff-tree",
            "-r",
            "--quiet",
            "--no-ext-diff",
            "--ignore-submodules=none",
            "--end-of-options",
        ),
        *(f"{one}^{{tree}}", f"{other}^{{tree}}", "--", *paths),
        good=(0, 1),
        env=LITERAL,
    )
    return done.returncode == 1


async def differs_outside(git: Git, one: str, other: str, paths: Sequence[str]) -> bool:
    """Whether two trees differ in anything but these paths."""
    done = await git.read(
        *(
            "diff-tree",
            "-r",
            "--quiet",
            "--no-ext-diff",
            "--ignore-submodules=none",
            "--end-of-options",
        ),
        *(f"{one}^{{tree}}", f"{other}^{{tree}}", "--", "."),
        *(f":(exclude,literal,top){path}" for path in paths),
        good=(0, 1),
    )
    return done.returncode == 1


async def _grafted(
    git: Git, tree: str | None, parts: Sequence[str], wanted: Entry | None, path: str
) -> str | None:
    """A tree with one entry below it put in, replaced or taken out; None when nothing is left."""
    entries = await _entries(git, tree) if tree else {}
    name, rest = parts[0], parts[1:]
    present = entries.get(name)
    if not rest:
        entry = wanted
    elif present is not None and present.kind != "tree":
        if wanted is None:
            return tree
        raise RefusedError(
            f"{harmless(path)} cannot be brought back alone",
            cause=f"on the branch, {harmless(name)} above it is a file now",
            mend="widen the service's `paths` to what was moved, or roll back to a later release",
            code="path-conflict",
        )
    else:
        below = await _grafted(git, present.object if present else None, rest, wanted, path)
        entry = Entry("040000", "tree", below) if below else None
    if entry == present:
        return tree
    entries.pop(name, None)
    if entry:
        entries[name] = entry
    return await _made(git, entries) if entries else None


async def _entries(git: Git, tree: str, path: str | None = None) -> dict[str, Entry]:
    """The entries of a tree by name, or the one at a path by that path."""
    done = await git.read(
        *("ls-tree", "-z", "--full-tree", "--end-of-options", tree),
        *(("--", path) if path else ()),
        env=LITERAL,
    )
    found = {}
    for line in done.stdout.split("\0")[:-1]:
        about, _, name = line.partition("\t")
        found[name] = Entry(*about.split(" "))
    return found


async def _made(git: Git, entries: dict[str, Entry]) -> str:
    lines = (f"{e.mode} {e.kind} {e.object}\t{name}\0" for name, e in entries.items())
    listed = "".join(lines).encode(errors="surrogateescape")
    return (await git.read("mktree", "-z", "--missing", stdin=listed)).stdout.strip()
