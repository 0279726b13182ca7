"""One transaction that writes rows into the live database: wholly or not at all, and shortly.

It waits for a lock a second at a time, so that those who come after it do not wait long, and the
server itself ends what takes too long or stands still.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from lastgood.drivers.database.postgres.client.faults import explain, told
from lastgood.drivers.database.postgres.rows.onward import move
from lastgood.errors import RemoteError

if TYPE_CHECKING:
    from collections.abc import Callable

    import psycopg
    from psycopg import Connection

    from lastgood.drivers.database.postgres.client.address import Address
    from lastgood.drivers.database.postgres.rows.onward import Move
    from lastgood.process.masking import Masker

_Answer = TypeVar("_Answer")
# While we wait for a lock, all who come after us wait, too.
_LOCK_WAIT_MS = 1_000
_TRIES = 10
_PAUSE_S = 0.5
# Should our process stand still, the server ends the transaction.
_IDLE_MS = 30_000
_AS_USUAL = """
    SELECT pg_catalog.set_config(s.name, 'origin', true) FROM pg_catalog.pg_settings s
     WHERE s.name = 'session_replication_role' AND s.setting <> 'origin'"""


class Terms(NamedTuple):
    """How rows are written.

    Attributes:
        longest_s: how long the transaction may take, and each question before it.
        fence: raises when we have no say any more.
    """

    longest_s: float
    dry_run: bool
    fence: Callable[[], None]


class Words(NamedTuple):
    """What is said of it.

    Attributes:
        failed: that it could not be done.
        unknown: that nobody knows whether it was; with what to do then.
        code: of that error.
    """

    failed: str
    unknown: str
    mend: str
    code: str


class Writing:
    """The transaction.

    Args:
        live: the database, to ask it again should the answer to the commit be lost.
        connection: a session of it.
    """

    def __init__(
        self, live: Address, connection: Connection[Any], terms: Terms, words: Words, masker: Masker
    ) -> None:
        self._live = live
        self._connection = connection
        self._terms = terms
        self._words = words
        self._masker = masker

    def tried(self, once: Callable[[], _Answer]) -> _Answer:
        """Do it until the locks are free; what is tried begins and ends the transaction."""
        from psycopg import errors  # noqa: PLC0415 - a quarter of a second, for those who need it

        for tries_left in reversed(range(_TRIES)):
            try:
                return once()
            except (errors.LockNotAvailable, errors.DeadlockDetected):
                self._connection.execute("ROLLBACK")
                if not tries_left:
                    raise
                time.sleep(_PAUSE_S)
        raise AssertionError  # the last try returns or raises

    def begin(self) -> float:
        """Begin; gives when its time is over, by the monotonic clock."""
        until = time.monotonic() + self._terms.longest_s
        # Every statement sees what others commit meanwhile; it is the constraints that decide.
        self._connection.execute("BEGIN ISOLATION LEVEL READ COMMITTED")
        limits = {
            "lock_timeout": _LOCK_WAIT_MS,
            "statement_timeout": max(1, int(self._terms.longest_s * 1000)),
            "idle_in_transaction_session_timeout": _IDLE_MS,
        }
        for name, value in limits.items():
            self._connection.execute(f"SET LOCAL {name} = {value}".encode())
        # The application's own: functions in checks and indexes may need it.
        self._connection.execute("SET LOCAL search_path TO DEFAULT")
        # Foreign keys are triggers, and would not be looked at as they are not on a standby.
        self._connection.execute(_AS_USUAL)
        # At the commit nobody could say any more which row was meant.
        self._connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
        return until

    def end(self, moves: list[Move]) -> None:
        """Move the sequences on and commit; a rehearsal takes everything back.

        Raises:
            RemoteError: nobody knows whether it was done (`words.code`).
        """
        if self._terms.dry_run:
            self._connection.execute("ROLLBACK")
        else:
            self._commit(moves)

    def _commit(self, moves: list[Move]) -> None:
        import psycopg  # noqa: PLC0415 - see above

        row = self._connection.execute("SELECT pg_catalog.pg_current_xact_id()::text").fetchone()
        self._terms.fence()
        move(self._connection, moves)
        try:
            self._connection.execute("COMMIT")
        except psycopg.Error as error:
            if not self._connection.closed:
                raise
            self._asked(str(row[0]) if row else "", error)

    def _asked(self, number: str, error: psycopg.Error) -> None:
        """The server's answer to the commit was lost: ask it what became of the transaction."""
        words = self._words
        try:
            with self._live.connected() as connection, told(words.failed, self._masker):
                query = "SELECT pg_catalog.pg_xact_status(%s::text::pg_catalog.xid8)"
                row = connection.execute(query, (number,)).fetchone()
        except RemoteError:
            row = None
        status = row[0] if row else None
        if status == "committed":
            return
        if status == "aborted":
            raise error
        lost = explain(words.failed, error, self._masker, "database-lost")
        raise RemoteError(
            words.unknown,
            cause=f"the answer to the commit was lost: {lost.cause}",
            mend=words.mend,
            code=words.code,
            retryable=True,
        ) from error
