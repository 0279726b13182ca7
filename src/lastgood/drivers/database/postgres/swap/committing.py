"""The end of an exchange of names: committed, or asked about until it is known."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from lastgood.drivers.database.postgres.client.faults import told
from lastgood.errors import RefusedError, RemoteError
from lastgood.process.masking import harmless

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from psycopg import Connection

    from lastgood.process.masking import Masker

# A server that was killed comes back in this time, or nobody knows when.
_ASK_S = 30.0
_PAUSE_S = 0.2
_SESSION = """
    SELECT pid, backend_start::pg_catalog.text FROM pg_catalog.pg_stat_activity
     WHERE pid = pg_catalog.pg_backend_pid()"""
_END = """
    SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity
     WHERE pid = %s AND backend_start::pg_catalog.text = %s"""
_NAMES = """
    SELECT oid, datname, datallowconn FROM pg_catalog.pg_database WHERE oid = ANY (%s)"""


class Names(NamedTuple):
    """Who gets which name.

    Attributes:
        live: the name that is exchanged.
        copy: the present name of what gets it.
        quarantine: the future name of what has it.
    """

    live: str
    copy: str
    quarantine: str


class Commit:
    """The end of one exchange.

    Args:
        main: the session whose transaction it is.
        watcher: another session, in none of the databases.
        connected: opens one more.
        names: who gets which name.
        numbers: of the database that was live, and of the copy.
    """

    def __init__(
        self,
        main: Connection[Any],
        watcher: Connection[Any],
        connected: Callable[[], AbstractContextManager[Connection[Any]]],
        names: Names,
        numbers: tuple[int, int],
        masker: Masker,
    ) -> None:
        self._main = main
        self._watcher = watcher
        self._connected = connected
        self._names = names
        self._numbers = numbers
        self._masker = masker
        # A transaction that failed answers by another word, and raises nothing.
        self._answer = "the server took the transaction back"
        # A pid alone may be another session's when the server was started again.
        self._session = main.execute(_SESSION).fetchone()

    def send(self) -> None:
        """Commit, whatever is answered: `confirm` finds out what came of it."""
        import psycopg  # noqa: PLC0415 - a quarter of a second, for those who need it

        try:
            self._main.execute("COMMIT")
        except psycopg.Error as error:
            self._answer = str(error).strip()

    def confirm(self) -> None:
        """See that it is so.

        Raises:
            RemoteError: it is not (`swap-undone`), or nobody knows (`swap-in-doubt`).
        """
        if not self._asked():
            raise self._undone()

    def _asked(self) -> bool:
        """Whether the names are exchanged, by the word of the server itself."""
        import psycopg  # noqa: PLC0415 - see above

        if not self._main.closed:
            with suppress(psycopg.Error):
                return self._exchanged(self._watcher)
        until, cause = time.monotonic() + _ASK_S, "its session does not end"
        while time.monotonic() < until:
            try:
                with self._connected() as connection, told("it cannot be asked", self._masker):
                    if self._over(connection):
                        return self._exchanged(connection)
            except (RemoteError, RefusedError) as error:
                cause = error.cause
            time.sleep(_PAUSE_S)
        raise RemoteError(
            f"nobody knows whether {harmless(self._names.copy)} took the live database's place",
            cause=f"the answer to the commit was lost, and the server does not tell: {cause}",
            mend="let the server answer again, then look which databases are quarantined",
            code="swap-in-doubt",
            retryable=True,
        )

    def _over(self, connection: Connection[Any]) -> bool:
        """Whether the transaction can change nothing more.

        A commit that was sent may still be under way though its connection is lost.
        """
        if not self._main.closed:
            return True
        return not connection.execute(_END, self._session).fetchall()

    def _exchanged(self, connection: Connection[Any]) -> bool:
        rows = connection.execute(_NAMES, (list(self._numbers),))
        found = {number: (name, opened) for number, name, opened in rows}
        live, copy = self._numbers
        return found.get(live) == (self._names.quarantine, False) and found.get(copy) == (
            self._names.live,
            True,
        )

    def _undone(self) -> RemoteError:
        return RemoteError(
            f"the server did not let {harmless(self._names.copy)} take the live database's place",
            cause=self._masker.mask(harmless(self._answer)),
            mend="see why in the server's log, then try again: the live database is as it was",
            code="swap-undone",
            retryable=True,
        )
