"""Pushes that compare before they swap, and what a remote says of them."""

from __future__ import annotations

import re
from enum import Enum
from typing import TYPE_CHECKING

from lastgood.drivers.repository.git.command import PUSH_S, REMOTE
from lastgood.drivers.repository.git.failure import remote_error, words
from lastgood.errors import StepError

if TYPE_CHECKING:
    from lastgood.drivers.repository.git.command import Git
    from lastgood.ports.action import Action

_STATUS = re.compile(r"^([ +\-*=!])\t[^\t]*:[^\t]*\t(.*)$", re.MULTILINE)
_RACED = re.compile(
    r"stale info|fetch first|non-fast-forward|cannot lock ref|failed to lock|failed to update ref"
    r"|incorrect old value|reference already exists|remote ref updated|needs update"
)
_PROTECTED = re.compile(
    r"GH006|GH013|protected branch|protected ref|not allowed to push|repository rule violation"
    r"|branch restrictions|pull request is required|changes must be made through"
    r"|denied to update branch|through pull requests|must use a pull request|prohibited by Gerrit",
    re.IGNORECASE,
)


class Answer(Enum):
    """What became of a push that the remote decided on."""

    TAKEN = "taken"
    RACED = "raced"


async def push_if(
    git: Git,
    remote: str,
    ref: str,
    new: str,
    expected: str,
    action: Action | None,
    *,
    rehearse: bool = False,
) -> Answer:
    """Let a ref point at `new` (empty: remove it) if it points at `expected` (empty: is absent).

    Raises:
        StepError: the remote refused (codes `push-protected`, `push-refused`).
        RemoteError: the remote did not answer; whether it took the push is unknown.
    """
    if action is not None:
        action.fence()
    done = await git.ask(
        *("push", "--porcelain", "--no-verify", "--no-follow-tags", "--no-signed"),
        *(("--dry-run",) if rehearse else ()),
        *(f"--force-with-lease={ref}:{expected}", "--", REMOTE, f"{new}:{ref}"),
        limit=PUSH_S,
        lazy=True,  # a copy without files gets those that the tip does not have
        children=action.children if action is not None else None,
    )
    if done.returncode == 0:
        return Answer.TAKEN
    status = _STATUS.search(done.stdout)
    if status is None and not _PROTECTED.search(done.stderr):
        raise remote_error(remote, done.stderr)
    said = f"{status[2]}\n{done.stderr}" if status else done.stderr
    if status and _RACED.search(status[2]):
        return Answer.RACED
    raise _refusal(ref.removeprefix("refs/heads/"), said)


def _refusal(name: str, said: str) -> StepError:
    if _PROTECTED.search(said):
        return StepError(
            f"{name} is protected: the host does not take a direct push",
            cause=words(said),
            mend="allow lastgood's user to push to it, or roll back by another method: "
            "lastgood rollback --method artifact",
            code="push-protected",
        )
    if "currently checked out" in said or "current branch" in said:
        return StepError(
            f"{name} is checked out in a working copy, and is not pushed to",
            cause=words(said),
            mend="let `repository` in lastgood.yaml name the remote that is deployed from",
            code="push-refused",
        )
    return StepError(
        f"the remote refused the push to {name}",
        cause=words(said),
        mend="do what its hook asks for, or roll back by another method",
        code="push-refused",
    )
