"""What differs in the schema of two databases, in lines for people."""

from __future__ import annotations

import time
from collections import defaultdict
from itertools import chain
from typing import TYPE_CHECKING, Any

from lastgood.drivers.database.postgres.catalog.shape import definitions, meaning
from lastgood.drivers.database.postgres.catalog.tables import Relation
from lastgood.drivers.database.postgres.loss.differing import (
    Only,
    counted,
    differing_buckets,
    source,
)
from lastgood.drivers.database.postgres.loss.pairing import Pair, Table
from lastgood.process.masking import harmless

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from psycopg import Connection

    from lastgood.drivers.database.postgres.loss.both import Both

_MOST_LINES = 50
_LONGEST = 300
_LIVE, _COPY = "is only in the live database", "is only in the copy"
_RELATIONS = {
    "r": "table", "p": "partitioned table", "v": "view", "m": "materialized view",
    "f": "foreign table", "c": "type", "S": "sequence",
}  # fmt: skip
# What a table may have several of; the name is the table's.
_PARTS = {"constraint", "index", "trigger", "rule", "policy"}
# Said by `_columns`, with what it means for the rows.
_SAID = {"column"}
_OBJECTS = Relation("pg_catalog", "pg_largeobject_metadata", "large objects")
# Where they would be told apart well, however many there are: nobody counts them beforehand.
_MANY_OBJECTS = 100_000

# By kind and name: the definitions, and what people call it.
_Shape = dict[tuple[str, str], set[str]]


def reshaped(both: Both, found: Sequence[Pair], until: float) -> tuple[str, ...]:
    """What differs, a line each; columns that would be lost with their content come first.

    Args:
        both: the two databases, each in its snapshot.
        found: the tables of either side.
        until: when there is no time left to count the values that would be lost.
    """
    lines = [
        harmless(line)[:_LONGEST]
        for line in chain(
            *(_columns(both, pair, until) for pair in found),
            _large_objects(both),
            _others(both),
        )
    ]
    more = len(lines) - _MOST_LINES
    return (*lines[:_MOST_LINES], *([f"and {more} more differences"] if more > 0 else []))


def _columns(both: Both, pair: Pair, until: float) -> Iterator[str]:
    if pair.live is None or pair.copy is None:
        return
    table, live, copy = pair.relation.sql, pair.live.columns, pair.copy.columns
    lost = [name for name in live if name not in copy]
    for name, values in zip(lost, _values(both, pair, lost, until), strict=True):
        count = "" if values is None else f" ({values} rows have a value)"
        yield f"{table}: column {live[name].sql} {_LIVE}: its content would be lost{count}"
    for name in copy:
        if name not in live:
            yield f"{table}: column {copy[name].sql} {_COPY}: it comes back"
    for name in pair.columns:
        mine, theirs = live[name], copy[name]
        if mine.type != theirs.type:
            yield (
                f"{table}: column {mine.sql} is {mine.type} in the live database and {theirs.type} "
                "in the copy: compared as text"
            )
        elif mine.rest != theirs.rest:
            yield f"{table}: column {mine.sql} differs in NOT NULL, IDENTITY or GENERATED"


def _values(both: Both, pair: Pair, names: list[str], until: float) -> Sequence[int | None]:
    """How many rows of the live table have a value in each column; None where nobody can say."""
    import psycopg  # noqa: PLC0415 - a quarter of a second, for those who need it
    from psycopg import sql  # noqa: PLC0415 - see above

    left = until - time.monotonic()
    unknown = [None] * len(names)
    if not names or left <= 0:
        return unknown
    counts = sql.SQL(", ").join(
        sql.SQL("pg_catalog.count(lg.{})").format(sql.Identifier(name)) for name in names
    )
    table = source(pair.relation, partitioned=pair.partitioned)
    try:
        with both.undone():
            both.limit(left)
            row = both.live.execute(sql.SQL("SELECT {} FROM {} AS lg").format(counts, table))
            return row.fetchone() or unknown
    except psycopg.Error:
        # Its rows are as unknown, and that is said with the table.
        if both.lost:
            raise
        return unknown


def _large_objects(both: Both) -> Iterator[str]:
    side = Table(0, _OBJECTS, "r", None, 0, _MANY_OBJECTS)
    pair = Pair(_OBJECTS, side, side, ("oid",), ("oid",))
    counts = counted(both, pair, differing_buckets(both, pair), lambda: None)
    for only, what in ((Only.LIVE, "vanish"), (Only.COPY, "come back")):
        if counts[only]:
            yield f"{counts[only]} large objects would {what} (counted; content is not compared)"


def _shape(connection: Connection[Any]) -> tuple[_Shape, dict[str, str]]:
    """The definitions by kind and name, and what each relation is called."""
    shape: _Shape = defaultdict(set)
    called = {}
    for kind, name, definition in definitions(connection):
        if kind not in _SAID:
            shape[kind, name].add(meaning(kind, definition))
        if kind == "relation":
            called[name] = _RELATIONS[definition[0]]
    return dict(shape), called


def _others(both: Both) -> Iterator[str]:
    """What is no column; unknown while a migration holds its locks."""
    import psycopg  # noqa: PLC0415 - see above

    try:
        with both.undone():
            (mine, called), (theirs, other) = both.ask(_shape)
    except psycopg.Error as error:
        if both.lost:
            raise
        said = harmless(error.diag.message_primary or str(error)).strip()
        yield f"what else differs in the schema is unknown: {said}"
        return
    one_sided = called.keys() ^ other.keys()
    for kind, name in sorted(mine.keys() | theirs.keys()):
        left, right = mine.get((kind, name), set()), theirs.get((kind, name), set())
        # What belongs to a table that only one side has goes with it.
        if left == right or (kind != "relation" and name in one_sided):
            continue
        what = (called | other)[name] if kind == "relation" else kind
        if kind in _PARTS:
            yield f"{name}: {_parts(what, left - right, right - left)}"
        elif left and right:
            yield f"{what} {name} differs"
        else:
            yield f"{what} {name} {_LIVE if left else _COPY}"


def _parts(what: str, live: Iterable[str], copy: Iterable[str]) -> str:
    counts = [(len(list(side)), where) for side, where in ((live, _LIVE), (copy, _COPY))]
    return ", ".join(
        f"{count} {what} {where}" if count == 1 else f"{count} of kind {what} {where}"
        for count, where in counts
        if count
    )
