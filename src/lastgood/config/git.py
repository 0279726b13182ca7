"""What may be written where a git remote, a branch or paths within a repository are named."""

from __future__ import annotations

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, ValidationInfo

from lastgood.config.fault import mistake
from lastgood.config.reading import Reading
from lastgood.config.secret import maskable

_SCHEMES = frozenset({"ssh", "https", "http", "git", "file"})
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_NO_BRANCH = re.compile(r"[\x00-\x20\x7f~^:?*\[\\\ud800-\udfff]|\.\.|@\{|//|/\.|\.lock(/|$)|[/.]$")


def _remote(text: str, info: ValidationInfo) -> str:
    mend = "write it as git@host:path.git, https://host/path.git or the path of a bare repository"
    if not text.strip() or text.startswith("-") or _CONTROL.search(text):
        raise mistake("this is no address of a git repository", mend)
    if re.match(r"[A-Za-z0-9+.-]+::", text):
        raise mistake("remote helpers (`ext::` and the like) could run any command", mend)
    if "://" in text:
        try:
            parts = urlsplit(text)
            password = parts.password
        except ValueError as error:
            raise mistake(f"this is no address: {error}", mend) from None
        if parts.scheme not in _SCHEMES:
            raise mistake(f"git remotes by {parts.scheme!r} are not supported", mend)
        if (parts.hostname or "").startswith("-"):
            raise mistake("this is no address of a git repository", mend)
        if isinstance(info.context, Reading) and password:
            info.context.secrets.update(maskable(text))
    return text


def _branch(text: str) -> str:
    if not text or text.startswith(("-", "/", ".")) or text == "@" or _NO_BRANCH.search(text):
        raise mistake(
            f"{text[:80]!r} cannot be the name of a branch", "write it as in `git branch`"
        )
    if text.startswith("refs/"):
        raise mistake("this is a whole ref", "write the branch alone, without refs/heads/")
    return text


def _within(text: str) -> str:
    parts = [part for part in text.split("/") if part != "."]
    if parts and parts[-1] == "":
        parts.pop()
    if _CONTROL.search(text) or not parts or "" in parts or ".." in parts or ".git" in parts:
        raise mistake(
            f"{text[:80]!r} is no path within the repository",
            "write it from the repository's root, such as backend/; leave all out for everything",
        )
    return "/".join(parts)


GitRemote = Annotated[str, AfterValidator(_remote)]
"""Where a git repository is: a URL, `user@host:path`, or a path on this machine."""

GitBranch = Annotated[str, AfterValidator(_branch)]
"""A branch's name, without `refs/heads/`."""

GitPath = Annotated[str, AfterValidator(_within)]
"""A file or folder within a repository, without a slash at either end."""
