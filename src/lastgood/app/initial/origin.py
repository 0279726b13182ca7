"""Reading the git repository around a folder: its remote and branch, and nothing is touched."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import TypeAdapter, ValidationError

from lastgood.app.initial.surroundings import Guess, Origin
from lastgood.config.options import GitBranch, GitRemote
from lastgood.errors import ChildError
from lastgood.process.children import PlainChildren
from lastgood.process.masking import Masker

LIMIT_S = 10.0
_ENVIRONMENT = {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
_SHORT = re.compile(r"[^/:]+:(?!//).*")
_LOGIN_BEFORE_COLON = re.compile(r"[^/:@]*:[^/@]+@")


class GitFolder:
    """Asks git about a folder; git's own refusals are answers."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._children = PlainChildren(Masker())

    async def answer(self, *arguments: str) -> str | None:
        """All that git prints, which may have several lines; None when it fails or is silent."""
        code, printed = await self._run(*arguments)
        return (printed or None) if code == 0 else None

    async def ignores(self, path: str) -> bool:
        """Whether git ignores a path for everyone, not only by this user's own settings."""
        own = ("-c", f"core.excludesFile={os.devnull}")
        code, _ = await self._run(*own, "check-ignore", "--quiet", "--no-index", "--", path)
        return code == 0

    async def _run(self, *arguments: str) -> tuple[int, str]:
        try:
            done = await self._children.run(
                ["git", "-c", "core.fsmonitor=false", *arguments],
                timeout=LIMIT_S,
                cwd=self._folder,
                env=_ENVIRONMENT,
                check=False,
            )
        except ChildError:
            return -1, ""  # no git here: then the configuration says what to fill in
        return done.returncode, done.stdout.removesuffix("\n")


async def read_origin(folder: Path) -> Origin:
    """The repository that a folder belongs to."""
    git = GitFolder(folder)
    found = await git.answer("rev-parse", "--show-toplevel")
    if found is None:
        return Origin()
    top = Path(found)
    here = await git.answer("symbolic-ref", "--quiet", "--short", "HEAD")
    names = (await git.answer("remote") or "").split("\n")
    followed = await git.answer("config", "--get", f"branch.{here}.remote") if here else None
    name = next((one for one in ("origin", followed, *names) if one and one in names), None)
    if name is None:
        notes = ("this repository has no remote: a rollback by git needs one",)
        return Origin(top=top, branch=_branch(here), notes=notes)
    address = await git.answer("config", "--get", f"remote.{name}.url")
    remote, note = _remote(name, address or "", top)
    head = await git.answer("symbolic-ref", "--quiet", f"refs/remotes/{name}/HEAD")
    default = head.removeprefix(f"refs/remotes/{name}/") if head else None
    branch = _valid_branch(default, f"the default branch of the remote {name}") or _branch(here)
    return Origin(top=top, remote=remote, branch=branch, notes=(note,) if note else ())


def _branch(name: str | None) -> Guess | None:
    return _valid_branch(name, "the branch that is checked out here")


def _valid_branch(name: str | None, why: str) -> Guess | None:
    return Guess(name, why) if name and _is_valid(GitBranch, name) else None


def _remote(name: str, address: str, top: Path) -> tuple[Guess | None, str]:
    """The remote's address as it may be written down, and what to say of it."""
    why = f"the remote {name} of this repository"
    note = ""
    if "://" in address:
        address, without = _without_login(address)
        if without:
            note = (
                "the remote's address holds a login, which was left out: secrets do not belong "
                "into this file. Let git have it by a credential helper, or write ${NAME}"
            )
    elif address and not _SHORT.fullmatch(address):
        address = os.path.normpath(top / address)
    if not _is_valid(GitRemote, address) or _LOGIN_BEFORE_COLON.match(address):
        # Not shown: what we cannot read may hold a password at any place.
        return None, f"the address of the remote {name} cannot be used: git remote get-url {name}"
    return Guess(address, why), note


def _without_login(address: str) -> tuple[str, bool]:
    """The address without a password, nor what may be a token in a user's place or behind `?`."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return "", False
    login, at, host = parts.netloc.rpartition("@")
    if parts.scheme == "ssh":
        host = f"{login.partition(':')[0]}{at}{host}"
    if host == parts.netloc and not parts.query and not parts.fragment:
        return address, False
    return parts._replace(netloc=host, query="", fragment="").geturl(), True


def _is_valid(kind: Any, text: str) -> bool:  # noqa: ANN401 - an annotated type
    try:
        TypeAdapter(kind).validate_python(text)
    except ValidationError:
        return False
    return text.isprintable()
