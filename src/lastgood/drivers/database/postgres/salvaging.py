"""Rows of a replaced database are brought into the live one, in one transaction.

What is new is sought and fetched first, without a lock that anybody would wait for. Then the
transaction is short: it sifts, inserts, and ends.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple

from lastgood.drivers.database.postgres.faults import explain, told
from lastgood.drivers.database.postgres.landing import Landed, Landing
from lastgood.drivers.database.postgres.muting import muted
from lastgood.drivers.database.postgres.onward import Move, behind, move
from lastgood.drivers.database.postgres.order import filled
from lastgood.drivers.database.postgres.seeking import seek
from lastgood.errors import RemoteError
from lastgood.model.salvage import Salvage, TableSalvage

if TYPE_CHECKING:
    from collections.abc import Callable

    import psycopg
    from psycopg import Connection

    from lastgood.drivers.database.postgres.address import Address
    from lastgood.drivers.database.postgres.seeking import Sought
    from lastgood.drivers.database.postgres.staging import Stage
    from lastgood.process.masking import Masker

# While we wait for a lock, all who come after us wait, too.
_LOCK_WAIT_MS = 1_000
_TRIES = 10
_PAUSE_S = 0.5
# Should our process stand still, the server ends the transaction.
_IDLE_MS = 30_000
_AS_USUAL = """
    SELECT pg_catalog.set_config(s.name, 'origin', true) FROM pg_catalog.pg_settings s
     WHERE s.name = 'session_replication_role' AND s.setting <> 'origin'"""
_WHAT = "the rows of the replaced database could not be brought"


class Terms(NamedTuple):
    """How rows are brought.

    Attributes:
        longest_s: how long the transaction may take, and each question before it.
        fence: raises when we have no say any more.
    """

    longest_s: float
    dry_run: bool
    fence: Callable[[], None]


def salvage(live: Address, copy: Connection[Any], terms: Terms, masker: Masker) -> Salvage:
    """Bring what only the replaced database has.

    `copy` is a connection to the replaced database, which nobody else may enter.

    Raises:
        RefusedError: it takes too long (`salvage-too-long`), triggers cannot be kept from firing
            (`triggers-fire`), or we may not (`not-permitted`); nothing was changed.
        RemoteError: the server failed: nothing was changed, unless the code is `salvage-unknown`.
    """
    with live.connected() as reader, live.connected() as writer, told(_WHAT, masker):
        sought, revoked = seek(reader, copy, writer, terms.longest_s, masker)
        landed, moves = list[Landed](), list[Move]()
        if stages := [one.stage for one in sought if one.stage]:
            landed, moves = _Bringing(live, writer, stages, terms, masker).bring()
    return Salvage(
        tables=tuple(_tables(sought, landed)),
        sequences={one.sequence: one.next for one in moves},
        revoked=revoked,
    )


class _Bringing:
    """The transaction."""

    def __init__(
        self,
        live: Address,
        connection: Connection[Any],
        stages: list[Stage],
        terms: Terms,
        masker: Masker,
    ) -> None:
        self._live = live
        self._connection = connection
        self._stages = {stage.place.relation.sql: stage for stage in stages}
        self._terms = terms
        self._masker = masker

    def bring(self) -> tuple[list[Landed], list[Move]]:
        """Try until the locks are free."""
        from psycopg import errors  # noqa: PLC0415 - a quarter of a second, for those who need it

        for tries_left in reversed(range(_TRIES)):
            try:
                return self._once()
            except (errors.LockNotAvailable, errors.DeadlockDetected):
                self._connection.execute("ROLLBACK")
                if not tries_left:
                    raise
                time.sleep(_PAUSE_S)
        raise AssertionError  # the last try returns or raises

    def _once(self) -> tuple[list[Landed], list[Move]]:
        until = time.monotonic() + self._terms.longest_s
        self._begin()
        landing = Landing(self._connection, self._masker, until)
        triggers = [one for stage in self._stages.values() for one in stage.place.triggers]
        references = {
            name: {one.root for one in stage.place.references}
            for name, stage in self._stages.items()
        }
        with muted(self._connection, triggers):
            landed = [
                one
                for group in filled(references)
                for one in landing.land([self._stages[name] for name in group])
            ]
        moves = self._moves(landed)
        if self._terms.dry_run:
            self._connection.execute("ROLLBACK")
        else:
            self._commit(moves)
        return landed, moves

    def _begin(self) -> None:
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

    def _moves(self, landed: list[Landed]) -> list[Move]:
        furthest = dict[str, Move]()
        for one in landed:
            for found in behind(self._connection, one.stage):
                known = furthest.get(found.sequence)
                if known is None or found.missing > known.missing:
                    furthest[found.sequence] = found
        return [furthest[name] for name in sorted(furthest)]

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
        try:
            with self._live.connected() as connection, told(_WHAT, self._masker):
                query = "SELECT pg_catalog.pg_xact_status(%s::text::pg_catalog.xid8)"
                row = connection.execute(query, (number,)).fetchone()
        except RemoteError:
            row = None
        status = row[0] if row else None
        if status == "committed":
            return
        if status == "aborted":
            raise error
        lost = explain(_WHAT, error, self._masker, "database-lost")
        raise RemoteError(
            "nobody knows whether the rows of the replaced database were brought",
            cause=f"the answer to the commit was lost: {lost.cause}",
            mend="salvage again: what is there already is not brought twice",
            code="salvage-unknown",
            retryable=True,
        ) from error


def _tables(sought: list[Sought], landed: list[Landed]) -> list[TableSalvage]:
    """Those with anything to say; the filled ones first, in that order."""
    found = {one.table: one for one in sought}
    filled_ones = [_told(found.pop(one.stage.place.relation.sql), one) for one in landed]
    others = [_told(one, None) for one in found.values() if _speaks(one)]
    return [*filled_ones, *others]


def _speaks(one: Sought) -> bool:
    return bool(one.found or one.gone or one.updated or one.deleted or one.why)


def _told(sought: Sought, landed: Landed | None) -> TableSalvage:
    brought = landed.brought if landed else 0
    said = [*sought.said, *([landed.said] if landed and landed.said else [])]
    return TableSalvage(
        table=sought.table,
        found=sought.found,
        brought=brought,
        left=sought.found - brought,
        conflicts=tuple(landed.conflicts) if landed else (),
        updated=sought.updated,
        deleted=sought.deleted,
        deleted_keys=tuple(sought.deleted_keys),
        said=tuple(said),
        why=sought.why or (landed.why if landed else ""),
    )
