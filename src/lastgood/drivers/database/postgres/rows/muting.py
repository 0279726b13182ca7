"""Triggers that our writing would fire are switched off in a transaction, and on as they were.

What they do was done when the rows were written first: mails, counters, audits. Foreign keys are
triggers of the server's own; those stay.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from lastgood.errors import RefusedError
from lastgood.process.masking import harmless

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from psycopg import Connection

    from lastgood.drivers.database.postgres.rows.place import Trigger

INSERT, DELETE, UPDATE = 4, 8, 16
"""What fires a trigger, as in pg_trigger.tgtype."""

_ON = {"O": "ENABLE", "A": "ENABLE ALWAYS"}
# What would fire still, when our own are off; a foreign key belongs to a constraint.
_FIRING = """
    SELECT g.tgrelid::pg_catalog.regclass::text, g.tgname FROM pg_catalog.pg_trigger g
     WHERE g.tgrelid = ANY (SELECT pg_catalog.unnest(%s::pg_catalog.text[])::pg_catalog.regclass)
       AND g.tgenabled IN ('O', 'A') AND g.tgtype & %s <> 0
       AND NOT (g.tgisinternal AND g.tgconstraint <> 0)"""
_MODES = """
    SELECT g.tgrelid::bigint, g.tgname, g.tgenabled::text FROM pg_catalog.pg_trigger g
     WHERE g.tgrelid = ANY (SELECT pg_catalog.unnest(%s::pg_catalog.text[])::pg_catalog.regclass)
     ORDER BY 1, 2"""
# They would see the temporary tables, and that triggers are switched off and on.
_EVENTS = """
    SELECT pg_catalog.string_agg(e.evtname, ', ' ORDER BY e.evtname)
      FROM pg_catalog.pg_event_trigger e
     WHERE e.evtenabled IN ('O', 'A') AND e.evtevent IN ('ddl_command_start', 'ddl_command_end')
       AND (e.evttags IS NULL
            OR e.evttags OPERATOR(pg_catalog.&&) ARRAY['CREATE TABLE', 'ALTER TABLE'])"""


def watching(connection: Connection[Any]) -> str:
    """The event triggers of a database that our writing would fire; empty when there are none."""
    row = connection.execute(_EVENTS).fetchone()
    return str(row[0] or "") if row else ""


@contextmanager
def muted(
    connection: Connection[Any], triggers: Sequence[Trigger], events: int = INSERT
) -> Iterator[None]:
    """Keep these triggers from firing, in the transaction of the connection.

    Nobody writes to their tables meanwhile: the lock that this takes is held until the
    transaction's end. Whatever fails, the transaction takes it back. `events` say what our writing
    does to rows: see `INSERT`.

    Raises:
        RefusedError: some cannot be kept from firing (`triggers-fire`).
    """
    if not triggers:
        yield
        return
    # Always in the same order, so that two of us never wait for each other.
    tables = ([*dict.fromkeys(one.table for one in sorted(triggers))],)
    before = connection.execute(_MODES, tables).fetchall()
    for one in sorted(triggers):
        _switch(connection, one, "DISABLE")
    firing = connection.execute(_FIRING, (*tables, events)).fetchone()
    if firing is not None:
        raise _refused(f"{firing[1]} of {firing[0]} would fire for each row that is written")
    yield
    for one in triggers:
        _switch(connection, one, _ON[one.mode])
    if connection.execute(_MODES, tables).fetchall() != before:
        raise _refused("they would not be afterwards as they were before")


def _switch(connection: Connection[Any], trigger: Trigger, how: str) -> None:
    from psycopg import sql  # noqa: PLC0415 - a quarter of a second, for those who need it

    # The table's name was written by the server, quoted where it needs to be.
    connection.execute(
        sql.SQL("ALTER TABLE ONLY {} {} TRIGGER {}").format(
            sql.SQL(trigger.table), sql.SQL(how), sql.Identifier(trigger.name)
        )
    )


def _refused(cause: str) -> RefusedError:
    return RefusedError(
        "the triggers of the database cannot be kept from firing; nothing was changed",
        cause=harmless(cause),
        mend="switch them off by hand where they do no good, try again, and switch them on again",
        code="triggers-fire",
    )
