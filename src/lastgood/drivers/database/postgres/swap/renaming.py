"""The exchange of names, in one transaction of which the server itself is the guard.

The first rename locks the database: whoever wants to enter it waits. The transaction lives only as
long as we speak to it, and the server takes back what we leave open. So there is no moment in which
the database is closed and nobody opens it: killed, stopped or cut off, we leave nothing.
"""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from lastgood.drivers.database.postgres.swap.committing import Commit
from lastgood.drivers.database.postgres.swap.ending import end_others, stays, wait_for_none
from lastgood.errors import RefusedError, RemoteError
from lastgood.process.masking import harmless

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Future
    from contextlib import AbstractContextManager

    from psycopg import Connection
    from psycopg.sql import Composed

    from lastgood.drivers.database.postgres.swap.committing import Names
    from lastgood.process.masking import Masker

# How long the server's own rename waits for the last session to go.
PATIENCE_S = 5.0
# What else is set: how long the lock is waited for, meanwhile others wait, too; how long the
# transaction may be idle; how often the server looks whether we are there, where it can.
_LIMITS = {
    "lock_timeout": "2s",
    "statement_timeout": "6s",
    "idle_in_transaction_session_timeout": "2s",
    "default_transaction_read_only": "off",
    "client_connection_check_interval": "500ms",
    "transaction_timeout": "0",
}
# A commit that the server answers before it is on the disk can be lost with the server.
_DURABLE = """
    SELECT pg_catalog.set_config('synchronous_commit', 'on', false)
     WHERE pg_catalog.current_setting('synchronous_commit') = 'off'"""
_SET = """
    SELECT pg_catalog.set_config(name, %s, false) FROM pg_catalog.pg_settings WHERE name = %s"""
_PING_S = 0.5
_LOOK_S = 0.005
_CANCEL_S = 5.0
_HELD = """
    SELECT EXISTS (SELECT FROM pg_catalog.pg_locks
                    WHERE locktype = 'object' AND granted AND pid = %s
                      AND classid = 'pg_catalog.pg_database'::pg_catalog.regclass AND objid = %s
                      AND mode = 'AccessExclusiveLock')"""
_NUMBER = "SELECT oid FROM pg_catalog.pg_database WHERE datname = %s"


class Renaming:
    """One exchange of names.

    Args:
        main: a session in none of the three databases, whose role may rename them.
        watcher: another one.
        names: who gets which name.
    """

    def __init__(self, main: Connection[Any], watcher: Connection[Any], names: Names) -> None:
        self._main = main
        self._watcher = watcher
        self._names = names
        self._closed_at = 0.0
        self.ended = set[int]()
        self.numbers = self._number(names.live), self._number(names.copy)
        for name, value in _LIMITS.items():
            self._limit(name, value)
        main.execute(_DURABLE)

    @contextmanager
    def closed(self, own: Connection[Any]) -> Iterator[None]:
        """Keep everybody out of the live database but one session of ours; then rename it.

        The context is for what must be done in the database while nobody writes to it. It has
        `PATIENCE_S` less what ending the sessions took; the session is closed at its end. Whatever
        fails, the transaction is taken back.

        Raises:
            RefusedError: somebody stays in it (`sessions-stay`).
            psycopg.Error: the server failed.
        """
        with self._undone_on_error(), ThreadPoolExecutor(1) as pool:
            self._main.execute("BEGIN")
            renaming = pool.submit(
                self._main.execute, _renamed(self._names.live, self._names.quarantine)
            )
            try:
                self._wait_for_lock(renaming)
                self._closed_at = time.monotonic()
                end_others(self._watcher, self.numbers[0], own, self.ended, self.left())
                yield
                own.close()
            except BaseException:
                self._cancel(renaming)
                raise
            self._ended_well(renaming)

    @contextmanager
    def kept_alive(self, longest_s: float) -> Iterator[None]:
        """Speak to the open transaction while something else is done, at most so long."""
        until, over = time.monotonic() + longest_s, threading.Event()

        def speak() -> None:
            import psycopg  # noqa: PLC0415 - a quarter of a second, for those who need it

            while not over.wait(_PING_S) and time.monotonic() < until:
                # That it is lost is told by the next statement, which cannot be missed.
                with suppress(psycopg.Error):
                    self._main.execute("SELECT 1")

        speaker = threading.Thread(target=speak, daemon=True)
        with self._undone_on_error():
            speaker.start()
            try:
                yield
            finally:
                over.set()
                speaker.join()

    def left(self) -> float:
        """Seconds that are left of the server's patience."""
        return self._closed_at + PATIENCE_S - time.monotonic()

    def wait_for_copy(self) -> None:
        """Wait until our own session in the copy is gone: it takes a moment after its end."""
        wait_for_none(self._watcher, self.numbers[1], PATIENCE_S / 2)

    @contextmanager
    def exchanged(self) -> Iterator[Connection[Any]]:
        """Give the copy the name, and open it; the context is for what belongs to it besides.

        Nothing is committed. Whatever fails, the transaction is taken back.
        """
        from psycopg import sql  # noqa: PLC0415 - see above

        live, copy, quarantine = self._names
        with self._undone_on_error():
            self._main.execute(_renamed(copy, live))
            allow = sql.SQL("ALTER DATABASE {} WITH ALLOW_CONNECTIONS {}")
            for name, whether in ((live, True), (quarantine, False)):
                self._main.execute(allow.format(sql.Identifier(name), sql.Literal(whether)))
            yield self._main

    def commit(
        self, connected: Callable[[], AbstractContextManager[Connection[Any]]], masker: Masker
    ) -> Commit:
        """The end of it, to be made before its begin; `connected` opens one more session."""
        return Commit(self._main, self._watcher, connected, self._names, self.numbers, masker)

    def closed_s(self) -> float:
        """Seconds since nobody can connect."""
        return time.monotonic() - self._closed_at

    def _number(self, name: str) -> int:
        number = self._asked(_NUMBER, (name,))
        if number is None:
            raise RefusedError(
                f"there is no database {harmless(name)}",
                cause="it was removed or renamed meanwhile, or never made",
                mend="look which copies there are: lastgood backup list",
                code="no-copy",
            )
        return int(number)

    def _limit(self, name: str, value: str) -> None:
        from psycopg import errors  # noqa: PLC0415 - see above

        # Servers know more or fewer of them; not every system can look for a client.
        with suppress(errors.InvalidParameterValue):
            self._main.execute(_SET, (value, name))

    def _wait_for_lock(self, renaming: Future[Any]) -> None:
        what = self._main.info.backend_pid, self.numbers[0]
        while not renaming.done():
            if self._asked(_HELD, what):
                return
            time.sleep(_LOOK_S)
        renaming.result()
        # Our own session is in the database, so what was renamed is another one.
        raise _unfit(
            "the live database is another one than a moment ago",
            "somebody else gave its name to another database",
            "see what is live now, and who swaps",
            "swap-undone",
        )

    def _ended_well(self, renaming: Future[Any]) -> None:
        from psycopg import errors  # noqa: PLC0415 - see above

        try:
            renaming.result()
        except errors.ObjectInUse as error:
            if self.left() < 0:
                raise _unfit(
                    "what had to be done while nobody could connect took too long",
                    f"the server waits for {PATIENCE_S:g} s, then it lets everybody in again",
                    "try again when the server, or we, have less to do",
                    "swap-too-slow",
                ) from error
            raise stays([str(error.diag.message_detail or "")]) from error

    def _cancel(self, renaming: Future[Any]) -> None:
        """Let the server stop waiting; if it does not hear, its own limits end it."""
        import psycopg  # noqa: PLC0415 - see above

        if not renaming.done():
            with suppress(psycopg.Error):
                self._main.cancel_safe(timeout=_CANCEL_S)
        renaming.exception()

    @contextmanager
    def _undone_on_error(self) -> Iterator[None]:
        """Let people in again before anything is told."""
        import psycopg  # noqa: PLC0415 - see above

        try:
            yield
        except BaseException:
            # A session that is lost has taken it back already.
            with suppress(psycopg.Error):
                self._main.execute("ROLLBACK")
            raise

    def _asked(self, query: str, values: tuple[object, ...]) -> Any:  # noqa: ANN401 - a column
        row = self._watcher.execute(query, values).fetchone()
        return row[0] if row else None


def _unfit(what: str, cause: str, mend: str, code: str) -> RemoteError:
    return RemoteError(
        what, cause=cause, mend=f"{mend}; nothing was changed", code=code, retryable=True
    )


def _renamed(old: str, new: str) -> Composed:
    from psycopg import sql  # noqa: PLC0415 - see above

    return sql.SQL("ALTER DATABASE {} RENAME TO {}").format(
        sql.Identifier(old), sql.Identifier(new)
    )
