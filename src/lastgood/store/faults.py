"""What SQLite and the operating system say, as errors with a cause and a mend."""

from __future__ import annotations

import os
import sqlite3
from typing import TYPE_CHECKING, NamedTuple

from lastgood.errors import RefusedError, StateError

if TYPE_CHECKING:
    from pathlib import Path

_MEGABYTE = 1_000_000
_PRIMARY = 0xFF  # SQLite's extended codes carry the primary one in the lowest byte


class _Fault(NamedTuple):
    code: str
    what: str
    mend: str
    retryable: bool = False


_SPACE = "see that its disk works and has free space, then give the command again"
_DAMAGE = "keep a copy of it, put the newest backup of the state in its place, `lastgood doctor`"
_FAULTS = {
    sqlite3.SQLITE_FULL: _Fault("state-full", "cannot be written: the disk is full", _SPACE),
    sqlite3.SQLITE_IOERR: _Fault("state-io", "cannot be read or written", _SPACE),
    sqlite3.SQLITE_READONLY: _Fault(
        "state-read-only", "is read-only", "let this user write the file and its folder"
    ),
    sqlite3.SQLITE_PERM: _Fault(
        "state-read-only", "may not be used", "let this user write the file and its folder"
    ),
    sqlite3.SQLITE_CANTOPEN: _Fault(
        "state-unreachable", "cannot be opened", "let this user write the file and its folder"
    ),
    sqlite3.SQLITE_NOTADB: _Fault("state-corrupt", "is no SQLite file", _DAMAGE),
    sqlite3.SQLITE_CORRUPT: _Fault("state-corrupt", "is damaged", _DAMAGE),
    sqlite3.SQLITE_BUSY: _Fault(
        "state-busy",
        "is being written by another process",
        "give the command again; `lastgood watch` shows what runs",
        retryable=True,
    ),
    sqlite3.SQLITE_CONSTRAINT: _Fault(
        "state-constraint", "refused a row", "this is a fault of lastgood: `lastgood doctor`"
    ),
}
_OTHER = _Fault("state", "cannot be used", "`lastgood doctor`")


def database_fault(error: BaseException | None, path: Path) -> StateError:
    """What SQLite said about the state at `path`."""
    number = getattr(error, "sqlite_errorcode", None)
    fault = _FAULTS.get(number & _PRIMARY, _OTHER) if number is not None else _OTHER
    return StateError(
        f"the state {path} {fault.what}",
        cause=f"{error}{_space(path, fault)}",
        mend=fault.mend,
        code=fault.code,
        retryable=fault.retryable,
    )


def file_fault(error: OSError, path: Path) -> StateError:
    """What the operating system said about the state's file or folder."""
    return StateError(
        f"the state {path} cannot be used",
        cause=error.strerror or str(error),
        mend="let this user write the file and its folder, or name another under `state:`",
        code="state-unreachable",
    )


def unreadable(error: Exception, path: Path) -> StateError:
    """A row holds what no version of lastgood wrote."""
    return StateError(
        f"the state {path} holds a row that cannot be read",
        cause=str(error),
        mend=_DAMAGE,
        code="state-corrupt",
    )


def no_text(error: UnicodeEncodeError) -> RefusedError:
    """Odd bytes from a command line or a file's name, where the state keeps text."""
    return RefusedError(
        "a text that was given is not UTF-8, so it cannot be kept or looked for",
        cause=f"it reads {error.object[:70]!a}",
        mend="write it in UTF-8, then give the command again",
        code="no-text",
    )


def _space(path: Path, fault: _Fault) -> str:
    """How much room is left, where that may be the reason."""
    if fault.mend is not _SPACE:
        return ""
    try:
        room = os.statvfs(path.parent)
    except OSError:
        return ""
    return f"; {room.f_bavail * room.f_frsize // _MEGABYTE:,} MB are free there"
