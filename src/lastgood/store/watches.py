"""The watches: periods in which checks must stay healthy, and clocks that run out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Select, insert, select, update

from lastgood.errors import StateError
from lastgood.model.watch import Watch, WatchKind, WatchState
from lastgood.store.database import Database, noun_of
from lastgood.store.schema import watches

if TYPE_CHECKING:
    from datetime import datetime

_PROGRESS = ("since", "until", "samples", "last_sample_at", "longest_gap_s", "note")


class Watches:
    """What is looked at until a time, by whichever runner lives. An ended watch never changes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self,
        environment: str,
        kind: WatchKind,
        subject: str,
        *,
        since: datetime,
        until: datetime,
        service: str | None = None,
        note: str = "",
    ) -> Watch:
        """Begin a watch."""
        values = {
            "environment": environment,
            "kind": kind,
            "subject": subject,
            "since": since,
            "until": until,
            "state": WatchState.PENDING,
            "service": service,
            "samples": 0,
            "longest_gap_s": 0.0,
            "note": note,
        }
        with self._database.write() as connection:
            added = insert(watches).values(values).returning(watches)
            return noun_of(Watch, connection.execute(added).one())

    def get(self, watch_id: int) -> Watch:
        """That watch.

        Raises:
            StateError: there is none (code `unknown-watch`).
        """
        with self._database.read() as connection:
            return _get(connection, watch_id)

    def pending(self, environment: str | None = None) -> list[Watch]:
        """The watches that have not ended, the one that ends first in front."""
        query = select(watches).where(watches.c.state == WatchState.PENDING)
        if environment is not None:
            query = query.where(watches.c.environment == environment)
        return self._all(query.order_by(watches.c.until, watches.c.id))

    def of(self, kind: WatchKind, subject: str) -> list[Watch]:
        """The watches of a subject, newest first."""
        query = select(watches).where(watches.c.kind == kind, watches.c.subject == subject)
        return self._all(query.order_by(watches.c.id.desc()))

    def update(self, watch: Watch) -> Watch:
        """Write how far a pending watch came; gives it as it then stands."""
        return self._change(watch.id, {field: getattr(watch, field) for field in _PROGRESS})

    def end(self, watch_id: int, state: WatchState, note: str = "") -> Watch:
        """Write how a pending watch ended; gives it as it then stands."""
        return self._change(watch_id, {"state": state, "note": note})

    def supersede(
        self, environment: str, kind: WatchKind, service: str | None = None
    ) -> list[Watch]:
        """End the pending watches of a kind, since something newer is watched; gives those."""
        query = select(watches).where(
            watches.c.environment == environment,
            watches.c.kind == kind,
            watches.c.state == WatchState.PENDING,
        )
        if service is not None:
            query = query.where(watches.c.service == service)
        with self._database.write():
            pending = self._all(query.order_by(watches.c.id))
            return [self._change(w.id, {"state": WatchState.SUPERSEDED}) for w in pending]

    def _all(self, query: Select[Any]) -> list[Watch]:
        with self._database.read() as connection:
            return [noun_of(Watch, row) for row in connection.execute(query)]

    def _change(self, watch_id: int, values: dict[str, Any]) -> Watch:
        with self._database.write() as connection:
            is_pending = watches.c.state == WatchState.PENDING
            connection.execute(
                update(watches).where(watches.c.id == watch_id, is_pending).values(values)
            )
            return _get(connection, watch_id)


def _get(connection: Connection, watch_id: int) -> Watch:
    row = connection.execute(select(watches).where(watches.c.id == watch_id)).first()
    if row is None:
        raise StateError(
            f"there is no watch {watch_id}",
            cause="it was never begun in this state",
            mend="`lastgood status` names the pending ones",
            code="unknown-watch",
        )
    return noun_of(Watch, row)
