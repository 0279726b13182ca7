"""All that only SQLite knows: its file, its settings, its locks, its triggers."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import QueuePool

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BUSY_S = 10.0
WRITES = "lastgood_writes"
_PRIVATE_FILE = 0o600
_PRIVATE_FOLDER = 0o700
_COMPANIONS = ("", "-wal", "-shm", "-journal")


def engine_of(path: Path) -> Engine:
    """An engine on an existing file; nothing is opened or made before it is used."""

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(
            f"file:{quote(str(path))}?mode=rw",  # a file that vanished is not made again
            uri=True,
            timeout=BUSY_S,
            isolation_level=None,  # transactions are begun below, never by the driver
            check_same_thread=False,
        )
        try:
            for setting in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
                connection.execute(f"PRAGMA {setting}")
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    engine = create_engine("sqlite+pysqlite://", creator=connect, poolclass=QueuePool)
    event.listen(engine, "begin", _begin)
    return engine


def copy_of(path: Path) -> bytes:
    """A consistent copy of a database that others may be writing."""
    with (
        closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)) as source,
        closing(sqlite3.connect(":memory:")) as copy,
    ):
        source.backup(copy)
        return copy.serialize()


def _begin(connection: Connection) -> None:
    """A writer locks at once, so that what it read still holds when it writes."""
    writes = connection.get_execution_options().get(WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def make_folder(folder: Path) -> None:
    """Make the folder and what is missing above it, for this user only.

    A folder that exists is left as it is: it may be anybody's.
    """
    if folder.is_dir():
        return
    make_folder(folder.parent)
    try:
        folder.mkdir(mode=_PRIVATE_FOLDER)
    except FileExistsError:
        if folder.is_dir():  # another process was faster
            return
        raise
    folder.chmod(_PRIVATE_FOLDER)  # the umask may have taken too much


def make_file(path: Path) -> None:
    """Make an empty file that nobody else could ever read."""
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, _PRIVATE_FILE)
    try:
        os.fchmod(descriptor, _PRIVATE_FILE)  # SQLite gives the mode to the files beside it
    finally:
        os.close(descriptor)


def remove(path: Path) -> None:
    """Remove a database and the files beside it."""
    for companion in _COMPANIONS:
        path.with_name(path.name + companion).unlink(missing_ok=True)


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Hold the folder's lock; the kernel frees it when this process ends."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
        os.fsync(descriptor)  # what was named here stays named
    finally:
        os.close(descriptor)


def append_only(connection: Connection, table: str, order: str) -> None:
    """Let the table only grow at its end; `order` is its ascending primary key."""
    refuse = f"SELECT RAISE(ABORT, '{table} can only be appended to')"
    not_last = f"EXISTS (SELECT 1 FROM {table} WHERE {order} >= NEW.{order})"  # noqa: S608 - our own names
    for name, when in (
        ("update", f"BEFORE UPDATE ON {table}"),
        ("delete", f"BEFORE DELETE ON {table}"),
        ("replace", f"BEFORE INSERT ON {table} WHEN {not_last}"),
    ):
        connection.exec_driver_sql(f"CREATE TRIGGER {table}_no_{name} {when} BEGIN {refuse}; END")
