"""Old releases go, but never one that somebody may still need."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lastgood.drivers.deploy.releases.directories import REMOVED
from lastgood.errors import ChildError, RefusedError, StepError

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

    from lastgood.drivers.deploy.releases.directories import ReleaseDirectories
    from lastgood.ports.action import Action

_DELETE_TIMEOUT_S = 600.0


async def prune(
    directories: ReleaseDirectories, keep: int, protected: Collection[str], action: Action
) -> Sequence[str]:
    """Delete all but the newest, the protected and the live; finish what was begun before.

    Raises:
        RefusedError: nobody can tell which release is live (code `live-unknown`).
        StepError: a directory could not be deleted (code `prune-failed`); it is no target any more.
    """
    gone = [await _delete(aside, action) for aside in directories.aside()]
    for name, _ in reversed(directories.finished()[keep:]):
        if name in protected:
            continue
        action.fence()
        # Asked anew for each: somebody may have put it live meanwhile.
        if name == _live(directories):
            continue
        try:
            aside = directories.set_aside(name)
        except OSError as error:
            raise _failed(directories.releases / name, str(error.strerror)) from error
        gone.append(await _delete(aside, action))
    return gone


def _live(directories: ReleaseDirectories) -> str:
    current = directories.current()
    if current.name is None:
        raise RefusedError(
            f"nothing in {directories.releases} is deleted while nobody can tell what is live",
            cause=current.problem.what if current.problem else "there is no symlink `current`",
            mend=current.problem.mend if current.problem else "deploy a release first",
            code="live-unknown",
        )
    return current.name


async def _delete(aside: Path, action: Action) -> str:
    action.fence()
    action.note(f"deleting {aside.name.removeprefix(REMOVED)}")
    # `find` follows no symlink and, with -xdev, leaves alone what is mounted inside a release.
    try:
        await action.children.run(
            ["find", "-P", str(aside), "-xdev", "-depth", "-delete"], timeout=_DELETE_TIMEOUT_S
        )
    except ChildError as error:
        raise _failed(aside, error.cause or error.message) from error
    return aside.name.removeprefix(REMOVED)


def _failed(path: Path, cause: str) -> StepError:
    return StepError(
        f"{path} could not be deleted",
        cause=cause,
        mend=f"delete it by hand: rm -r {path}",
        code="prune-failed",
    )
