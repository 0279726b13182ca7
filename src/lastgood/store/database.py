"""Connections and transactions; the one place where their failures become errors of ours."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import DBAPIError, StatementError

from lastgood.store import faults, revision, sqlite

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy import Row

    from lastgood.errors import StateError
    from lastgood.model.noun import Noun

N = TypeVar("N", bound="Noun")


def noun_of(kind: type[N], row: Row[Any]) -> N:
    """The noun whose fields are the row's columns of the same names."""
    values = row._mapping  # noqa: SLF001 - public by SQLAlchemy's documentation
    return kind(**{field: values[field] for field in kind.__struct_fields__})


class Database:
    """An existing database file; each thread has transactions of its own.

    A transaction belongs to a thread, so nothing may be awaited inside one: another task of the
    same thread would join it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._engine = sqlite.engine_of(path)
        self._thread = threading.local()

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def copy(self) -> bytes:
        """The whole database at one moment, as the bytes of its file."""
        try:
            return sqlite.copy_of(self.path)
        except sqlite3.Error as error:
            raise faults.database_fault(error, self.path) from error

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that holds the write lock from its start; joins an outer one.

        After a failure of the database the outer transaction cannot be kept either, also when
        somebody in between catches the error.

        Raises:
            StateError: the database failed; nothing of the transaction is kept.
            RefusedError: a text is not UTF-8 (code `no-text`); nothing of it is kept.
        """
        outer: Connection | None = getattr(self._thread, "connection", None)
        if outer is not None:
            self._refuse_after_failure()
            with self._translated():
                yield outer
            return
        with self._translated():
            connection = self._engine.connect().execution_options(**{sqlite.WRITES: True})
            try:
                with connection.begin():
                    self._thread.connection = connection
                    self._thread.failure = None
                    yield connection
                    self._refuse_after_failure()
            finally:
                self._thread.connection = None
                connection.close()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One consistent view; within a transaction of this thread, the transaction's own.

        Raises:
            StateError: the database failed.
            RefusedError: what is looked for is not UTF-8 (code `no-text`).
        """
        outer: Connection | None = getattr(self._thread, "connection", None)
        with self._translated():
            if outer is not None:
                self._refuse_after_failure()
                yield outer
                return
            with self._engine.connect() as connection:
                yield connection

    def revision(self, connection: Connection) -> str | None:
        """The schema's revision; None when this is no state of lastgood."""
        if not inspect(connection).has_table(revision.TABLE):
            return None
        found = connection.execute(text(f"SELECT version_num FROM {revision.TABLE}"))  # noqa: S608 - our own name
        return found.scalar_one_or_none()

    def _refuse_after_failure(self) -> None:
        failure: StateError | None = getattr(self._thread, "failure", None)
        if failure is not None:
            raise failure

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            failure = faults.database_fault(error.orig, self.path)
            self._thread.failure = failure
            raise failure from error
        except StatementError as error:
            if isinstance(error.orig, UnicodeEncodeError):
                raise faults.no_text(error.orig) from error
            raise
        except UnicodeEncodeError as error:
            raise faults.no_text(error) from error
        except msgspec.DecodeError as error:
            raise faults.unreadable(error, self.path) from error
