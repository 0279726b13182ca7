"""Files that only their owner may read: keys. Everything else about them is refused."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from typing import TYPE_CHECKING

from lastgood.errors import RefusedError

if TYPE_CHECKING:
    from pathlib import Path

MODE = 0o600
OTHERS = 0o077
LONGEST = 64 * 1024
# A pipe at this place must not hold us, and a link may lead anywhere.
READING = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
MAKING = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def read_private(path: Path) -> str:
    """A key's file, whole.

    Raises:
        RefusedError: it cannot be read (`key-unreadable`), is a link, no file or another user's
            (`key-link`, `no-key`, `key-owner`), or others may read it (`key-permissions`).
    """
    try:
        handle = os.open(path, READING)
    except OSError as error:
        raise _unreadable(path, error) from error
    try:
        _refuse_shared(path, os.fstat(handle))
        content = os.read(handle, LONGEST + 1)
    finally:
        os.close(handle)
    if len(content) > LONGEST:
        raise _no_key(path, f"it has more than {LONGEST} bytes")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise _no_key(path, "it is not text") from error


def write_private(path: Path, content: bytes) -> None:
    """Make a new file that only its owner may read, and see it safe on the disk.

    Raises:
        RefusedError: there is something at this place (`key-exists`) or it cannot be made.
    """
    try:
        handle = os.open(path, MAKING, MODE)
    except FileExistsError as error:
        raise RefusedError(
            f"{path} is there already",
            cause="a key that was overwritten opens no backup any more",
            mend="name a file that does not exist yet",
            code="key-exists",
        ) from error
    except OSError as error:
        raise _unwritable(path, error) from error
    try:
        with os.fdopen(handle, "wb") as file:
            os.fchmod(file.fileno(), MODE)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        _sync_folder(path.parent)
    except BaseException as error:
        with suppress(OSError):
            path.unlink()
        if isinstance(error, OSError):
            raise _unwritable(path, error) from error
        raise


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _refuse_shared(path: Path, seen: os.stat_result) -> None:
    if not stat.S_ISREG(seen.st_mode):
        raise _no_key(path, "it is no ordinary file")
    if seen.st_uid not in {os.geteuid(), 0}:
        raise RefusedError(
            f"{path} belongs to somebody else",
            cause=f"its owner is the user {seen.st_uid}, who could put another key there",
            mend=f"chown it to the user that runs lastgood, {os.geteuid()}",
            code="key-owner",
        )
    if seen.st_mode & OTHERS:
        raise RefusedError(
            f"others may use {path}",
            cause=f"its permissions are {stat.S_IMODE(seen.st_mode):04o}",
            mend=f"chmod 600 {path}",
            code="key-permissions",
        )


def _unreadable(path: Path, error: OSError) -> RefusedError:
    if error.errno == errno.ELOOP:
        return RefusedError(
            f"{path} is a symbolic link",
            cause="what a link leads to can be changed by whoever may write where it lies",
            mend="name the file itself",
            code="key-link",
        )
    return RefusedError(
        f"the key file {path} cannot be read",
        cause=error.strerror or str(error),
        mend="give its right path, or make one: lastgood backup export-key --new FILE",
        code="key-unreadable",
    )


def _unwritable(path: Path, error: OSError) -> RefusedError:
    return RefusedError(
        f"no key file can be made at {path}",
        cause=error.strerror or str(error),
        mend="name a place in a folder that exists and that you may write",
        code="key-unwritable",
    )


def _no_key(path: Path, cause: str) -> RefusedError:
    return RefusedError(
        f"{path} is not a key",
        cause=cause,
        mend="give a key file of lastgood, or an age identity (AGE-SECRET-KEY-...)",
        code="no-key",
    )
