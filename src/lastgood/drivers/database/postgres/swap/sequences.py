"""Sequences of a copy, moved past those of the database it replaces: no number is given twice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from lastgood.drivers.database.postgres.catalog.tables import Relation, sequences
from lastgood.process.masking import harmless

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from psycopg import Connection
    from psycopg.sql import Composed

# In steps of the sequence. The last number that was given is known exactly. What is not known is
# what an application made of it: some take a number for a block, and count on in it by themselves.
MARGIN = 1_000
# Each locks its sequence until the statement's end, and a server holds some thousand locks.
_BATCH = 250
_SHOWN = 10
_PARAMETERS = """
    SELECT pg_catalog.format('%I.%I', n.nspname, c.relname),
           s.seqincrement, s.seqmin, s.seqmax, s.seqcycle
      FROM pg_catalog.pg_sequence s JOIN pg_catalog.pg_class c ON c.oid = s.seqrelid
           JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"""
_SET = """
    SELECT pg_catalog.count(pg_catalog.setval(t.name::pg_catalog.regclass, t.value, true))
      FROM ROWS FROM (pg_catalog.unnest(%s::pg_catalog.text[]),
                      pg_catalog.unnest(%s::pg_catalog.int8[])) AS t(name, value)"""


class State(NamedTuple):
    """Where a sequence stands.

    Attributes:
        last: the number that was given last; the next one when none was given.
        given: whether one was.
    """

    last: int
    given: bool
    step: int
    low: int
    high: int
    cycles: bool

    @property
    def next(self) -> int:
        """The number that would be given next."""
        return self.last + self.step if self.given else self.last


def states(connection: Connection[Any]) -> dict[str, State]:
    """Where each sequence of the connection's database stands, by its name as SQL writes it.

    The connection must be in no transaction: so many locks are more than a server can hold.
    """
    parameters = {name: rest for name, *rest in connection.execute(_PARAMETERS)}
    found = [one for one in sequences(connection) if one.sql in parameters]
    states = dict[str, State]()
    for start in range(0, len(found), _BATCH):
        batch = found[start : start + _BATCH]
        for number, last, given in connection.execute(_read(batch)):
            name = batch[number].sql
            states[name] = State(last, given, *parameters[name])
    return states


def _read(batch: Sequence[Relation]) -> Composed:
    from psycopg import sql  # noqa: PLC0415 - a quarter of a second, for those who need it

    one = sql.SQL("SELECT {}, lg.last_value, lg.is_called FROM {} AS lg")
    return sql.SQL(" UNION ALL ").join(
        one.format(sql.Literal(number), sql.Identifier(relation.schema, relation.name))
        for number, relation in enumerate(batch)
    )


def advance(
    connection: Connection[Any], live: dict[str, State], copy: dict[str, State]
) -> tuple[str, ...]:
    """Move a copy's sequences past those of the live database; gives what people should know.

    Args:
        connection: to the copy, in no transaction.
        live: where those of the database stand that is replaced.
        copy: where its own stand.
    """
    there = [(name, live[name], copy[name]) for name in sorted(live.keys() & copy.keys())]
    new = {name: value for name, was, own in there if (value := past(was, own)) is not None}
    names = list(new)
    for start in range(0, len(names), _BATCH):
        batch = names[start : start + _BATCH]
        connection.execute(_SET, (batch, [new[name] for name in batch]))
    return tuple(_said([name for name, was, own in there if _out_of_reach(was, own)]))


def past(live: State, copy: State) -> int | None:
    """What a copy's sequence is set to as given last; None when it stays where it is."""
    up = copy.step > 0
    if up is not (live.step > 0) or live.next == copy.next:
        return None
    ahead = copy.next >= live.next if up else copy.next <= live.next
    # One that begins again at its end gives numbers twice anyway; it goes on as the live one would.
    if ahead and not copy.cycles:
        return None
    last = live.last if live.given else live.last - live.step
    if copy.cycles:
        return last if copy.low <= last <= copy.high else None
    limit = copy.high if up else copy.low
    target = last + MARGIN * copy.step
    if not copy.low <= target <= copy.high:
        # No room for a margin; at its end it fails, as the live one's next would.
        target = last if copy.low <= last <= copy.high else limit
    return target


def _out_of_reach(live: State, copy: State) -> bool:
    return not copy.cycles and (
        (live.step > 0) is not (copy.step > 0) or not copy.low <= live.last <= copy.high
    )


def _said(names: list[str]) -> Iterator[str]:
    if names:
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        shown = ", ".join(map(harmless, names[:_SHOWN]))
        yield (
            "sequences whose direction or limits are others than before, so that they may give a "
            f"number twice, or none: {shown}{more}"
        )
