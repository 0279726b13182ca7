"""An attempt's folder: which guards of a piece of work may still be alive, for whoever is next.

    DIRECTORY/TAG~ID/NUMBER     one empty file per running child, locked by its guard

The guard removes its file when nothing of its child is left to look for; so a file that is still
there names a child to be found, and one that is gone leaves its daemons in peace. To take over,
the folder is renamed, in one act: guards see that their file vanished, and the former runner can
start nothing more.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import secrets
import time
from typing import TYPE_CHECKING, NamedTuple, Self
from urllib.parse import quote

from lastgood.errors import StaleLeaseError, StateError
from lastgood.process.survivors import end_marked

if TYPE_CHECKING:
    from pathlib import Path

_REVOKED = ".revoked"


class Record(NamedTuple):
    """A running child's file, its locked descriptor, and the mark its processes carry."""

    path: Path
    lock: int
    mark: str


class Attempt:
    """One holder's right to run children for a tag."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count = 0

    @classmethod
    def begin(cls, directory: Path, tag: str) -> Self:
        """Make the folder of a new attempt.

        Raises:
            StateError: the directory cannot be written.
        """
        folder = directory / f"{quote(tag, safe='')}~{secrets.token_hex(8)}"
        try:
            folder.mkdir(mode=0o700, parents=True)
        except OSError as error:
            raise _unwritable(directory, error) from error
        return cls(folder)

    def record(self) -> Record:
        """Note a child that is about to start, and lock its file.

        Raises:
            StaleLeaseError: the folder was taken away: someone else does this work now.
            StateError: the file cannot be written.
        """
        self._count += 1
        path = self._folder / str(self._count)
        try:
            lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        except FileNotFoundError as error:
            raise taken_over() from error
        except OSError as error:
            raise _unwritable(self._folder, error) from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(lock)
            raise taken_over() from error
        return Record(path, lock, _mark(path))


async def end_attempts(directory: Path, tag: str, patience: float) -> None:
    """Take the tag over from every attempt, and return when nothing of them is alive.

    Args:
        directory: where the attempts' folders are.
        tag: the piece of work.
        patience: seconds that a guard is given to end its child before both are killed.

    Raises:
        ChildError: `child-alive`: something does not die.
        StateError: the directory cannot be read or written.
    """
    try:
        for folder in _folders(directory, tag):
            await _end_attempt(_revoke(folder), patience)
    except OSError as error:
        raise _unwritable(directory, error) from error


def taken_over() -> StaleLeaseError:
    """The error of a runner whose work someone else does now."""
    return StaleLeaseError(
        "Another process took this work over",
        cause="the children of this attempt were ended, so that nothing is done twice",
        mend="see who does it now: lastgood status",
    )


def _folders(directory: Path, tag: str) -> list[Path]:
    if not directory.is_dir():
        return []
    wanted = quote(tag, safe="")
    return [
        folder
        for folder in sorted(directory.iterdir())
        if folder.name.removesuffix(_REVOKED).rpartition("~")[0] == wanted
    ]


def _revoke(folder: Path) -> Path:
    if folder.name.endswith(_REVOKED):
        return folder
    revoked = folder.with_name(folder.name + _REVOKED)
    # Someone else may be clearing as well; then it has this name already, or is gone.
    with contextlib.suppress(FileNotFoundError):
        folder.rename(revoked)
    return revoked


async def _end_attempt(folder: Path, patience: float) -> None:
    for path in _records(folder):
        await _end_record(path, patience)
    with contextlib.suppress(FileNotFoundError):
        folder.rmdir()  # noqa: ASYNC240 - an empty local folder


def _records(folder: Path) -> list[Path]:
    with contextlib.suppress(FileNotFoundError):
        return sorted(folder.iterdir())
    return []


async def _end_record(path: Path, patience: float) -> None:
    try:
        lock = os.open(path, os.O_RDWR)
    except FileNotFoundError:  # who clears as well ended this child; the others are still ours
        return
    try:
        # Without the lock at the end, the guard is stopped or stuck: it carries the mark as well.
        # (Or the runner was stopped before it began one; that guard will see that it is revoked.)
        await _locked(lock, patience)
        await end_marked(_mark(path))
        path.unlink(missing_ok=True)  # noqa: ASYNC240 - an empty local file
    finally:
        os.close(lock)


async def _locked(lock: int, patience: float) -> None:
    give_up_at = time.monotonic() + patience
    while time.monotonic() < give_up_at:
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        await asyncio.sleep(0.02)


def _mark(path: Path) -> str:
    return f"{path.parent.name.removesuffix(_REVOKED)}/{path.name}"


def _unwritable(path: Path, error: OSError) -> StateError:
    return StateError(
        "The children of a step cannot be recorded, so none is started",
        cause=f"{error.strerror}: {path}",
        mend=f"make room, or make it writable: ls -ld {path}; df {path}",
    )
