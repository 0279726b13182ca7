"""A folder of one piece of work that only we can read, and that no crash leaves for long.

DIRECTORY/NAME.lock     locked for as long as the work lasts; the kernel frees it with us
DIRECTORY/NAME/         what children read: passwords
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

from lastgood.errors import StateError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_SUFFIX = ".lock"


@contextmanager
def private_folder(directory: Path) -> Iterator[Path]:
    """Give a folder of our own (0700); what a crash left beside it is removed first.

    Raises:
        StateError: it cannot be made.
    """
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        sweep(directory)
        name, lock = _lock_new(directory)
    except OSError as error:
        raise _no_place(directory, error) from error
    try:
        folder = directory / name
        try:
            folder.mkdir(mode=0o700)
        except OSError as error:
            raise _no_place(directory, error) from error
        yield folder
    finally:
        _remove(directory, name)
        os.close(lock)


def sweep(directory: Path) -> None:
    """Remove what belongs to no living work."""
    for path in directory.glob(f"*{_SUFFIX}"):
        with contextlib.suppress(FileNotFoundError, BlockingIOError):
            lock = os.open(path, os.O_RDWR)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _remove(directory, path.name.removesuffix(_SUFFIX))
            finally:
                os.close(lock)


def write_private(path: Path, text: str) -> None:
    """Write a file that was never readable by others.

    Raises:
        StateError: it cannot be written.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise _no_place(path.parent, error) from error


def _no_place(directory: Path, error: OSError) -> StateError:
    return StateError(
        "There is no place for a password file",
        cause=f"{error.strerror}: {directory}",
        mend=f"make room, or make it writable: ls -ld {directory}; df {directory}",
    )


def _lock_new(directory: Path) -> tuple[str, int]:
    while True:
        name = secrets.token_hex(8)
        path = directory / f"{name}{_SUFFIX}"
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
        # Whoever swept between these two lines took it for dead and removed it.
        with contextlib.suppress(FileNotFoundError):
            if path.stat().st_ino == os.fstat(lock).st_ino:
                return name, lock
        os.close(lock)


def _remove(directory: Path, name: str) -> None:
    # The lock's file goes last: while it is there, a rest of the folder is found again.
    shutil.rmtree(directory / name, ignore_errors=True)
    (directory / f"{name}{_SUFFIX}").unlink(missing_ok=True)
