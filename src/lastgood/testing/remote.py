"""A real bare git remote, and what a team does to it, in few words."""

from __future__ import annotations

import os
import shutil
import string
import subprocess
from typing import TYPE_CHECKING, NamedTuple

from lastgood.errors import ChildError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_EPOCH = 1_780_000_000
_LIMIT_S = 60
_PLAIN = frozenset((string.ascii_letters + string.digits + "/._-").encode())


class Link(NamedTuple):
    """A symbolic link's content."""

    to: str


class Program(NamedTuple):
    """An executable file's content."""

    text: str


class Submodule(NamedTuple):
    """A submodule at a commit of another repository."""

    commit: str


Content = str | bytes | Link | Program | Submodule | None
"""What a commit puts at a path; None takes it away."""


def run_git(place: Path, *arguments: str | bytes, stdin: bytes = b"") -> bytes:
    """Run git without anybody's settings and give what it prints.

    Raises:
        ChildError: git failed.
    """
    environment = {name: os.environ[name] for name in ("PATH", "TMPDIR") if name in os.environ}
    environment |= {
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_NAME": "Ada",
        "GIT_AUTHOR_EMAIL": "ada@shop.invalid",
        "GIT_COMMITTER_NAME": "Ada",
        "GIT_COMMITTER_EMAIL": "ada@shop.invalid",
    }
    done = subprocess.run(
        [b"git", b"-C", os.fsencode(place), *map(os.fsencode, arguments)],
        input=stdin,
        env=environment,
        capture_output=True,
        check=False,
        timeout=_LIMIT_S,
    )
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip()
        raise ChildError(f"git {arguments[0]!r} failed", cause=said, code="test-git")
    return done.stdout


class GitRemote:
    """A bare repository whose history tests write directly; a commit takes one child.

    Args:
        place: where it is made.
        branch: its first branch.
    """

    def __init__(self, place: Path, branch: str = "main") -> None:
        place.mkdir(parents=True)
        self.place = place
        self.branch = branch
        self._made = 0
        run_git(place, "init", "--quiet", "--bare", f"--initial-branch={branch}")
        run_git(place, "config", "uploadpack.allowFilter", "true")
        (place / "hooks").mkdir(exist_ok=True)

    def copied(self, place: Path) -> GitRemote:
        """The same repository once more at another place."""
        copy = object.__new__(GitRemote)
        shutil.copytree(self.place, place)
        copy.place, copy.branch, copy._made = place, self.branch, self._made
        return copy

    def git(self, *arguments: str | bytes, stdin: bytes = b"") -> str:
        """Run git in the remote; bytes that are not UTF-8 come as surrogates."""
        return run_git(self.place, *arguments, stdin=stdin).decode(errors="surrogateescape").strip()

    def commit(
        self,
        files: Mapping[str, Content] | Mapping[str | bytes, Content],
        message: str = "Work",
        *,
        branch: str | None = None,
        parents: Sequence[str] | None = None,
    ) -> str:
        """Put a commit on a branch and give its hash.

        Args:
            files: what changes against the first parent.
            message: the whole message.
            branch: the remote's first branch by default.
            parents: the branch's tip by default, or none for its first commit.
        """
        ref = f"refs/heads/{branch or self.branch}"
        if parents is None:
            parents = self.git("for-each-ref", "--format=%(objectname)", ref).split()
        self._made += 1
        text = message.encode(errors="surrogateescape")
        stream = [
            b"commit refs/tests/new\nmark :1",
            f"committer Ada <ada@shop.invalid> {_EPOCH + self._made} +0000".encode(),
            b"data %d\n%b" % (len(text), text),
            *(f"{'merge' if n else 'from'} {one}".encode() for n, one in enumerate(parents)),
            *(_change(path, content) for path, content in files.items()),
            b"get-mark :1",
            b"",
        ]
        made = self.git("fast-import", "--quiet", "--force", stdin=b"\n".join(stream))
        self.git("update-ref", "-d", "refs/tests/new")
        self.point(made, branch)
        return made

    def merge(self, side: str, message: str = "Merge", *, branch: str | None = None) -> str:
        """Merge a commit into a branch; both must have changed different files."""
        tip = self.tip(branch)
        tree = self.git("merge-tree", "--write-tree", tip, side)
        made = self.git("commit-tree", tree, "-p", tip, "-p", side, "-m", message)
        self.point(made, branch)
        return made

    def point(self, commit: str, branch: str | None = None) -> None:
        """Let a branch point at a commit, forwards or backwards."""
        self.git("update-ref", f"refs/heads/{branch or self.branch}", commit)

    def tip(self, branch: str | None = None) -> str:
        """The commit a branch points at."""
        return self.git("rev-parse", "--verify", f"refs/heads/{branch or self.branch}")

    def parents(self, commit: str) -> list[str]:
        """A commit's parents."""
        return self.git("rev-list", "--parents", "-1", commit).split()[1:]

    def message(self, commit: str) -> str:
        """A commit's whole message."""
        return self.git("show", "-s", "--format=%B", commit)

    def files(self, commit: str, path: str = "") -> dict[str, str]:
        """Every file of a commit, or those at or below a path, with mode and object."""
        listed = self.git("ls-tree", "-r", "-z", commit, *(("--", path) if path else ()))
        pairs = (line.partition("\t") for line in listed.split("\0") if line)
        return {name: about for about, _, name in pairs}

    def read(self, commit: str, path: str) -> str:
        """A file's text."""
        return self.git("cat-file", "blob", f"{commit}:{path}")

    def count(self, branch: str | None = None) -> int:
        """How many commits a branch has."""
        return int(self.git("rev-list", "--count", f"refs/heads/{branch or self.branch}"))

    def refs(self) -> str:
        """Every ref with its object, for comparison."""
        return self.git("for-each-ref", "--format=%(objectname) %(refname)")

    def hook(self, name: str, script: str) -> None:
        """Install a hook, a shell script without its first line."""
        path = self.place / "hooks" / name
        path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        path.chmod(0o755)


def _change(path: str | bytes, content: Content) -> bytes:
    name = _quoted(os.fsencode(path))
    match content:
        case None:
            return b"D " + name
        case Submodule(commit):
            return b"M 160000 " + commit.encode() + b" " + name
        case Link(to):
            mode, data = b"120000", to.encode()
        case Program(text):
            mode, data = b"100755", text.encode()
        case str():
            mode, data = b"100644", content.encode()
        case _:
            mode, data = b"100644", content
    return b"M %b inline %b\ndata %d\n%b" % (mode, name, len(data), data)


def _quoted(name: bytes) -> bytes:
    plain = b"".join(bytes([sign]) if sign in _PLAIN else b"\\%03o" % sign for sign in name)
    return b'"' + plain + b'"'
