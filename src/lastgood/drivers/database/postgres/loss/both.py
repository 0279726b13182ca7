"""Two databases that are asked the same at the same time, each in a snapshot of its own."""

from __future__ import annotations

import os
import socket
import threading
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from lastgood.drivers.database.postgres.catalog.content import fix_text_forms

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from psycopg import Connection

_Answer = TypeVar("_Answer")
_CANCEL_S = 5.0
# A hash of rows in memory is three times as fast as one on the disk; and a cursor is read whole.
# A migration that hangs holds its locks for as long as it hangs: it is not waited for.
_SETTINGS = {"work_mem": "64MB", "cursor_tuple_fraction": "1", "lock_timeout": "5s"}


class Both(NamedTuple):
    """The connections to the live database and to the copy."""

    live: Connection[Any]
    copy: Connection[Any]

    def ask(self, question: Callable[[Connection[Any]], _Answer]) -> tuple[_Answer, _Answer]:
        """The answers of both; when one fails, or we are interrupted, the other is cancelled."""
        with ThreadPoolExecutor(2) as pool:
            asked = [(pool.submit(question, side), side) for side in self]
            try:
                done, _ = wait([future for future, _ in asked], return_when=FIRST_EXCEPTION)
            finally:
                for future, side in asked:
                    if not future.done():
                        _cancel(side)
            for future in done:
                future.result()  # what failed first: the other one only says that it was cancelled
            (live, _), (copy, _) = asked
            return live.result(), copy.result()

    def limit(self, seconds: float) -> None:
        """Let the server itself end what takes longer."""
        for side in self:
            # Zero would mean no limit at all.
            limit = max(1, int(seconds * 1000))
            side.execute(f"SET LOCAL statement_timeout = {limit}".encode())

    @property
    def lost(self) -> bool:
        """Whether one of the connections is gone, and no more can be asked of it."""
        return any(side.closed for side in self)

    @contextmanager
    def undone(self) -> Iterator[None]:
        """Give back locks and settings, and go on after an error."""
        from psycopg import Rollback  # noqa: PLC0415 - a quarter of a second, for those who need it

        with self.live.transaction() as live, self.copy.transaction():
            yield
            raise Rollback(live)


@contextmanager
def snapshots(live: Connection[Any], copy: Connection[Any]) -> Iterator[Both]:
    """Hold a snapshot of each, read-only; the connections' settings stay changed afterwards."""
    both = Both(live, copy)
    for side in both:
        fixed(side)
        side.execute("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")
    try:
        yield both
    finally:
        for side in both:
            if not side.closed:
                side.execute("ROLLBACK")


@contextmanager
def given_up(live: Connection[Any], copy: Connection[Any], after_s: float) -> Iterator[None]:
    """Take both connections for lost when it takes longer: a server that hangs ends nothing."""
    timer = threading.Timer(after_s, _shut, (live, copy))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def fixed(connection: Connection[Any]) -> None:
    """Fix the forms of values, and how rows are compared, for the rest of the connection."""
    fix_text_forms(connection)
    for name, value in _SETTINGS.items():
        connection.execute("SELECT pg_catalog.set_config(%s, %s, false)", (name, value))


@contextmanager
def set_for(connection: Connection[Any], settings: Mapping[str, str]) -> Iterator[None]:
    """Settings for as long as the context lasts, in a transaction."""
    from psycopg import Rollback  # noqa: PLC0415 - see above

    with connection.transaction() as savepoint:
        for name, value in settings.items():
            connection.execute("SELECT pg_catalog.set_config(%s, %s, true)", (name, value))
        yield
        raise Rollback(savepoint)


def _cancel(side: Connection[Any]) -> None:
    import psycopg  # noqa: PLC0415 - see above

    with suppress(psycopg.Error):
        side.cancel_safe(timeout=_CANCEL_S)


def _shut(*sides: Connection[Any]) -> None:
    for side in sides:
        with suppress(Exception), socket.socket(fileno=os.dup(side.pgconn.socket)) as connected:
            connected.shutdown(socket.SHUT_RDWR)
