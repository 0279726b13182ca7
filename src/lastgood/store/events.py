"""The events: what happened, append-only, each chained to the one before by its hash."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import Select, insert, select, update

from lastgood.model.event import GENESIS, Event, event_hash
from lastgood.process.masking import harmless
from lastgood.store.chain import ChainCheck, verify
from lastgood.store.columns import one_line
from lastgood.store.database import Database, noun_of
from lastgood.store.schema import chain, events

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import Connection

LONGEST_TEXT = 2_000
LONGEST_DATA = 8_000

# Made once: building a statement costs more than running it.
_ADD = insert(events)
_MOVE_END = update(chain)
_KEPT_END = select(chain.c.count, chain.c.hash)
_NEWEST = select(events.c.seq, events.c.hash).order_by(events.c.seq.desc()).limit(1)


class Events:
    """What happened, in order, without a gap."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def append(
        self,
        kind: str,
        actor: str,
        text: str,
        *,
        at: datetime,
        environment: str = "",
        incident: str | None = None,
        run: str | None = None,
        data: Mapping[str, str] | None = None,
    ) -> Event:
        """Write down what happened. What acts on a terminal is taken out, and what is huge cut.

        Raises:
            ValueError: the time has no zone.
            StateError: it could not be written.
        """
        if at.tzinfo is None:
            raise ValueError(f"a time without a zone: {at.isoformat()}")
        with self._database.write() as connection:
            seq, previous = _end(connection)
            event = Event(
                seq=seq + 1,
                at=at.astimezone(UTC),
                kind=one_line(kind),
                actor=_cut(one_line(actor), LONGEST_TEXT),
                text=_cut(one_line(text), LONGEST_TEXT),
                environment=one_line(environment),
                incident=incident if incident is None else one_line(incident),
                run=run if run is None else one_line(run),
                data={
                    one_line(key): _cut(harmless(value), LONGEST_DATA)
                    for key, value in (data or {}).items()
                },
                previous=previous,
            )
            event = msgspec.structs.replace(event, hash=event_hash(event))
            values = {field: getattr(event, field) for field in event.__struct_fields__}
            connection.execute(_ADD, values)
            connection.execute(_MOVE_END, {"count": event.seq, "hash": event.hash})
            return event

    def list(
        self,
        environment: str | None = None,
        incident: str | None = None,
        run: str | None = None,
        after: int = 0,
        limit: int | None = None,
    ) -> Sequence[Event]:
        """Events in order, those after the number `after`; all that were given must agree."""
        query = _narrowed(environment, incident, run).where(events.c.seq > after)
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(events.c.seq).limit(limit))
            return [noun_of(Event, row) for row in rows]

    def tail(
        self, limit: int = 20, environment: str | None = None, kinds: Sequence[str] = ()
    ) -> Sequence[Event]:
        """The newest events, in order; where kinds are named, only of these."""
        query = _narrowed(environment, None, None).order_by(events.c.seq.desc()).limit(limit)
        if kinds:
            query = query.where(events.c.kind.in_(kinds))
        with self._database.read() as connection:
            rows = connection.execute(query)
            return [noun_of(Event, row) for row in rows][::-1]

    def verify(self) -> ChainCheck:
        """Whether the chain is whole; see `lastgood.store.chain`."""
        with self._database.read() as connection:
            return verify(connection)


def _narrowed(
    environment: str | None, incident: str | None, run: str | None
) -> Select[tuple[object, ...]]:
    query = select(events)
    for column, value in (
        (events.c.environment, environment),
        (events.c.incident, incident),
        (events.c.run, run),
    ):
        if value is not None:
            query = query.where(column == value)
    return query


def _end(connection: Connection) -> tuple[int, str]:
    """Number and hash of the newest event.

    The chain's own row and the newest event agree, unless somebody tampered with one of them. Then
    the event goes behind the later of the two: nothing that happened is lost, and `verify` still
    shows the damage.
    """
    kept = connection.execute(_KEPT_END).first()
    newest = connection.execute(_NEWEST).first()
    ends = [(int(row[0]), str(row[1])) for row in (kept, newest) if row is not None]
    return max(ends, key=lambda end: end[0], default=(0, GENESIS))


def _cut(text: str, longest: int) -> str:
    """Huge texts lose their end, and say so."""
    if len(text) <= longest:
        return text
    return f"{text[:longest]} ... ({len(text) - longest} more characters)"
