"""Whether the chain of events is whole.

Each event's hash covers all its fields and the hash before it, so one event that was changed,
deleted, inserted or moved breaks the chain at its place, also when the triggers that refuse such
changes were dropped. The end is kept in a row of its own, so that events cut off there are missed.

What cannot be found: the hashes have no secret key. Who may write the file can write the whole
chain anew from any event to its end, with the end's row, or put an older copy of the file in its
place. Only a hash that was kept elsewhere (a report that was sent, a backup) shows that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import Text, select, type_coerce
from sqlalchemy.exc import OperationalError

from lastgood.model.event import GENESIS, Event, event_hash
from lastgood.model.noun import Noun, from_json, to_json
from lastgood.store.columns import moment
from lastgood.store.schema import chain, events

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection, Row

PAGE = 1_000
_AS_WRITTEN = {"at", "data"}  # two spellings of the same time are not the same row


class ChainCheck(Noun, frozen=True, kw_only=True):
    """What the check of the chain found.

    Attributes:
        ok: nothing was changed, as far as can be seen.
        count: the events that were read and found whole, from the first one on.
        first_bad: the number of the first event that is not as it was written, or is missing.
        what: what is wrong with it, in words; empty when ok.
    """

    ok: bool
    count: int
    first_bad: int | None = None
    what: str = ""


class _UnreadableError(Exception):
    """The next row holds bytes that are no text."""


def verify(connection: Connection) -> ChainCheck:
    """Read the whole chain in pages, in one consistent view."""
    count, previous = 0, GENESIS
    try:
        for row in _rows(connection):
            wrong = _wrong(row, count + 1, previous)
            if wrong:
                return ChainCheck(ok=False, count=count, first_bad=count + 1, what=wrong)
            count, previous = count + 1, row.hash
    except _UnreadableError:
        what = "it holds bytes that are no text"
        return ChainCheck(ok=False, count=count, first_bad=count + 1, what=what)
    return _at_the_end(connection, count, previous)


def _at_the_end(connection: Connection, count: int, last: str) -> ChainCheck:
    kept = connection.execute(select(chain.c.count, chain.c.hash)).all()
    if len(kept) != 1:
        what = f"the end of the chain is noted in {len(kept)} rows, not in one"
    elif kept[0] == (count, last):
        return ChainCheck(ok=True, count=count)
    else:
        what = f"the chain ends here, but its end was noted at event {kept[0][0]}"
    return ChainCheck(ok=False, count=count, first_bad=count + 1, what=what)


def _rows(connection: Connection) -> Iterator[Row[Any]]:
    """All events in order, as they are written, a page at a time."""
    columns = [
        type_coerce(column, Text).label(column.name) if column.name in _AS_WRITTEN else column
        for column in events.columns
    ]
    query = select(*columns).order_by(events.c.seq)
    page, size = query, PAGE
    while True:
        try:
            rows = connection.execute(page.limit(size)).all()
        except OperationalError as error:
            if getattr(error.orig, "sqlite_errorcode", None) is not None:
                raise
            if size == 1:
                raise _UnreadableError from error
            size = 1  # to find which row of the page it is
            continue
        yield from rows
        if len(rows) < size:
            return
        page = query.where(events.c.seq > rows[-1].seq)


def _wrong(row: Row[Any], seq: int, previous: str) -> str:
    """What is wrong with the row that should be event number `seq`; empty when nothing is."""
    if row.seq != seq:
        return f"it is missing: event {row.seq} stands in its place"
    written = {str(key): value for key, value in row._mapping.items()}  # noqa: SLF001 - public
    try:
        written["data"] = from_json(row.data, dict[str, str])
        event = msgspec.convert(written, Event)
        same_words = moment(event.at) == row.at and to_json(event.data) == row.data
    except (msgspec.DecodeError, TypeError, ValueError) as error:
        return f"it cannot be read: {error}"
    if event.previous != previous:
        return "it does not follow on the event before it"
    if not same_words or event_hash(event) != event.hash:
        return "its words are not those that its hash was made of"
    return ""
