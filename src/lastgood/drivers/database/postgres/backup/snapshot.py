"""A database at one moment: an exported snapshot, and what is read by it."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from lastgood.drivers.database.postgres.backup.dumping import LOCK_WAIT_MS, dumped, roles
from lastgood.drivers.database.postgres.catalog.content import (
    fingerprint,
    fix_text_forms,
    next_numbers,
)
from lastgood.drivers.database.postgres.catalog.settings import settings
from lastgood.drivers.database.postgres.catalog.tables import refuse_unreadable, tables
from lastgood.drivers.database.postgres.client.counting import Counting
from lastgood.drivers.database.postgres.client.faults import told
from lastgood.drivers.database.postgres.migration.revision import schema_revision
from lastgood.errors import ChildError, LastgoodError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

    from psycopg import Connection

    from lastgood.drivers.database.postgres.catalog.tables import Relation
    from lastgood.drivers.database.postgres.client.address import Address, Target
    from lastgood.drivers.database.postgres.client.child import ClientProgram
    from lastgood.drivers.database.postgres.client.programs import Programs
    from lastgood.model.backup import Fingerprint
    from lastgood.ports.database import Heard
    from lastgood.process.masking import Masker

# What pg_dumpall reads; a server may have taken it from us.
_ROLES_READABLE = """
    SELECT pg_catalog.bool_and(pg_catalog.has_table_privilege(c.oid, 'SELECT'))
      FROM pg_catalog.pg_class c WHERE c.relnamespace = 'pg_catalog'::pg_catalog.regnamespace
       AND c.relname IN ('pg_roles', 'pg_auth_members', 'pg_db_role_setting', 'pg_parameter_acl',
                         'pg_shdescription', 'pg_shseclabel')"""
_LOCKED_AT_ONCE = 500
_TRIES = 5


class HeldSnapshot:
    """Implements `ports.database.Snapshot`; `hold` makes it."""

    def __init__(
        self,
        connection: Connection[Any],
        target: Target,
        programs: Programs,
        private: Path,
        masker: Masker,
        longest_s: float,
        tables: int,
    ) -> None:
        self._connection = connection
        self._programs = programs
        self._private = private
        self._masker = masker
        self._longest_s = longest_s
        self._target = target
        self._tables = tables
        self._running: list[ClientProgram] = []
        self._too_long = threading.Event()
        with told("the snapshot could not be taken", masker):
            self.at, self._id = _exported(connection)
            # Before any dump: what is restored may be further on, never behind.
            self._numbers = next_numbers(connection)

    at: datetime

    def dump(self, heard: Heard | None = None) -> Iterator[bytes]:
        """See `Snapshot.dump`."""
        news = Counting(heard, self._tables) if heard else None
        of = self._programs, self._target, self._id, self._private, self._masker
        with self._within_limit():
            yield from dumped(*of, self._started, news)

    def fingerprint(self) -> Fingerprint:
        """See `Snapshot.fingerprint`."""
        with self._within_limit(), told("the content could not be read", self._masker):
            return fingerprint(self._connection, self._numbers)

    def schema_revision(self) -> str | None:
        """See `Snapshot.schema_revision`."""
        with self._within_limit(), told("the schema's revision could not be read", self._masker):
            return schema_revision(self._connection)

    def roles(self) -> bytes:
        """See `Snapshot.roles`."""
        with self._within_limit():
            with told("the roles could not be read", self._masker):
                row = self._connection.execute(_ROLES_READABLE).fetchone()
            if row is None or not row[0]:
                return b""
            return roles(self._programs, self._target, self._private, self._masker)

    def settings(self) -> bytes:
        """See `Snapshot.settings`."""
        with self._within_limit(), told("the settings could not be read", self._masker):
            return settings(self._connection)

    def give_up(self) -> None:
        """The time is over: end everything that holds the snapshot; called by another thread."""
        self._too_long.set()
        self.end_programs()
        with contextlib.suppress(Exception):
            self._connection.pgconn.get_cancel().cancel()
        # The server sees the end of file and lets go of the snapshot, whatever our thread does.
        with contextlib.suppress(Exception), _copy_of(self._connection) as connected:
            connected.shutdown(socket.SHUT_RDWR)

    def end_programs(self) -> None:
        """End what still reads by this snapshot, though nobody may ever ask it for more."""
        for program in self._running:
            program.end()

    def _started(self, program: ClientProgram) -> None:
        self._running.append(program)
        if self._too_long.is_set():
            program.end()

    @contextmanager
    def _within_limit(self) -> Iterator[None]:
        if self._too_long.is_set():
            raise self._over()
        try:
            yield
        except LastgoodError as error:
            # What failed since we ended it failed for that reason alone.
            if self._too_long.is_set():
                raise self._over() from error
            raise

    def _over(self) -> ChildError:
        return ChildError(
            f"the snapshot was held longer than {self._longest_s:g} s and was given up",
            cause="the server cannot tidy up what has changed since a snapshot was taken",
            mend="raise `snapshot_limit`, or find out what the dump or the object store waits for",
            code="snapshot-too-long",
        )


@contextmanager
def hold(
    address: Address,
    choose: Callable[[Connection[Any]], Programs],
    private: Path,
    masker: Masker,
    longest_s: float,
) -> Iterator[HeldSnapshot]:
    """Hold a snapshot for as long as the context lasts, at most so many seconds.

    Raises:
        RefusedError: we may not read everything (`table-unreadable`); no fitting client program.
        RemoteError: the server does not answer, or fails.
    """
    give_up_at = time.monotonic() + longest_s
    with address.connected() as connection:
        programs = choose(connection)
        with told("the snapshot could not be taken", masker):
            fix_text_forms(connection)
            refuse_unreadable(connection)
            count = _begin(connection)
        target = address.target(connection)
        held = HeldSnapshot(connection, target, programs, private, masker, longest_s, count)
        timer = threading.Timer(max(0.0, give_up_at - time.monotonic()), held.give_up)
        timer.daemon = True
        timer.start()
        try:
            yield held
        finally:
            timer.cancel()
            held.end_programs()


def _begin(connection: Connection[Any]) -> int:
    """Begin the transaction: first the locks, then the snapshot; gives how many tables there are.

    A table that is emptied by TRUNCATE, or dropped, is empty or gone for older snapshots too. The
    locks keep dump and fingerprint of one mind, whichever comes first.
    """
    from psycopg.errors import UndefinedTable  # noqa: PLC0415 - for those who need it

    for tries_left in reversed(range(_TRIES)):
        found = tables(connection)
        connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        try:
            _lock(connection, found)
        except UndefinedTable:
            # Dropped since it was listed: some applications make and drop tables all day.
            connection.execute("ROLLBACK")
            if not tries_left:
                raise
        else:
            return len(found)
    raise AssertionError  # the last try returns or raises


def _lock(connection: Connection[Any], found: Sequence[Relation]) -> None:
    from psycopg import sql  # noqa: PLC0415 - see above

    connection.execute(f"SET LOCAL lock_timeout = {LOCK_WAIT_MS}")
    statement = sql.SQL("LOCK TABLE ONLY {} IN ACCESS SHARE MODE")
    for start in range(0, len(found), _LOCKED_AT_ONCE):
        names = [
            sql.Identifier(relation.schema, relation.name)
            for relation in found[start : start + _LOCKED_AT_ONCE]
        ]
        connection.execute(statement.format(sql.SQL(", ONLY ").join(names)))


def _exported(connection: Connection[Any]) -> tuple[datetime, str]:
    row = connection.execute(
        "SELECT pg_catalog.statement_timestamp(), pg_catalog.pg_export_snapshot()"
    ).fetchone()
    if row is None:  # a SELECT without FROM has one row
        raise AssertionError
    return row[0], row[1]


def _copy_of(connection: Connection[Any]) -> socket.socket:
    return socket.socket(fileno=os.dup(connection.pgconn.socket))
