"""What git says when it fails, put into our errors."""

from __future__ import annotations

import re

from lastgood.errors import LastgoodError, RefusedError, RemoteError, StateError
from lastgood.process.masking import harmless

_SHOWN_LINES = 8
_SHOWN_CHARACTERS = 300

_LOGIN = re.compile(
    r"Authentication failed|Permission denied|could not read (Username|Password)|terminal prompts "
    r"disabled|Host key verification failed|error: 40[13]|marked as read only|access denied"
    r"|Permission to .* denied|not allowed to (upload|push) code",
    re.IGNORECASE,
)
_LOGIN_IN_URL = re.compile(r"(\bhttps?://)[^/@\s]{1,500}@")
_ABSENT = re.compile(
    r"does not appear to be a git repository|repository .*not found|not a git repository"
    r"|project you were looking for could not be found",
    re.IGNORECASE,
)


class BrokenCacheError(StateError):
    """The cache does not work; it may be deleted and made anew at any time."""

    code = "repository-cache"

    def __init__(self, command: str, said: str) -> None:
        super().__init__(
            f"git {command} failed in lastgood's own copy of the repository",
            cause=words(said),
            mend="try again: the copy is made anew; if it stays, look at: git --version",
        )


def words(said: str) -> str:
    """The last lines of what was said, harmless, short and without logins."""
    said = _LOGIN_IN_URL.sub(r"\1", harmless(said))
    lines = [line.strip()[:_SHOWN_CHARACTERS] for line in said.splitlines()]
    return "\n".join([line for line in lines if line][-_SHOWN_LINES:])


def remote_error(remote: str, said: str) -> LastgoodError:
    """Why a remote did not do what it was asked, from what git printed."""
    if says_shallow(said):
        return shallow(remote)
    if "dubious ownership" in said:
        return RemoteError(
            f"{remote} belongs to another user, and git does not trust it",
            cause=words(said),
            mend="run lastgood as its owner, or as this user: "
            f"git config --global --add safe.directory {remote}",
            code="remote-owner",
        )
    if _LOGIN.search(said):
        return RemoteError(
            f"{remote} does not let us in",
            cause=words(said),
            mend="give this machine a key or credential helper that git can use without asking",
            code="remote-login",
        )
    if _ABSENT.search(said):
        return RemoteError(
            f"there is no git repository at {remote}",
            cause=words(said),
            mend="correct `repository` in lastgood.yaml, then run: lastgood doctor",
            code="remote-absent",
        )
    return RemoteError(
        f"{remote} could not be reached",
        cause=words(said),
        mend="look whether the network and the git host are up, then try again",
        code="remote-unreachable",
        retryable=True,
    )


def says_shallow(said: str) -> bool:
    """Whether git left something out because the remote lacks its history; no error for git."""
    return bool(re.search(r"shallow roots are not allowed|shallow update not allowed", said))


def shallow(remote: str) -> RefusedError:
    """The remote lacks its own history: what is on it cannot be compared."""
    return RefusedError(
        f"{remote} is a shallow clone",
        cause="its history is cut off, so nobody can tell what a rollback would take along",
        mend="name the repository it was cloned from, or run in it: git fetch --unshallow",
        code="shallow-repository",
    )
