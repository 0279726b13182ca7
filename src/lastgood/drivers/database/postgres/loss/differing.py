"""The rows in which a table of two databases differs: found by hashes, in bounded memory.

First each side says, for each of some thousand buckets of keys, how many rows are in it and the sum
of their hashes: equal buckets hold equal rows. Then only the rows of the others are looked at.
"""

from __future__ import annotations

import uuid
from collections import Counter
from contextlib import closing
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from lastgood.drivers.database.postgres.catalog.texts import text_of
from lastgood.drivers.database.postgres.loss.both import Both, set_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from psycopg import Connection
    from psycopg.sql import Composed

    from lastgood.drivers.database.postgres.catalog.tables import Relation
    from lastgood.drivers.database.postgres.loss.pairing import Pair

# The hash of the key and of the row, how many such rows there are, and the key.
_Row = tuple[int, int, int, list[str]]
# How many rows a bucket should have, and how many buckets there are: what the server thinks of the
# number of rows may be old, so there are some in any case.
_ROWS_IN_BUCKET = 32
_FEWEST_BUCKETS, _MOST_BUCKETS = 1 << 12, 1 << 16
_PAGE = 5_000
# The planner takes each key for a bucket of its own, and would neither share the work between
# processes nor keep the sums in memory. They are few.
_IN_PARALLEL = {
    "parallel_setup_cost": "0",
    "parallel_tuple_cost": "0",
    "enable_sort": "off",
    "hash_mem_multiplier": "8",
}
# The key's hash and the row's, each by the collation C: the database's own has no say.
_HASH = 'pg_catalog.hashtextextended(({}) COLLATE "C", 0)'


class Only(StrEnum):
    """What is with a row that is not the same on both sides."""

    LIVE = "live"
    COPY = "copy"
    CHANGED = "changed"


class Buckets(NamedTuple):
    """The first look at a table.

    Attributes:
        mask: of a key's hash: its bucket.
        rows: of each side.
        differing: for each bucket that is not the same, how many rows each side has in it.
    """

    mask: int
    rows: tuple[int, int]
    differing: dict[int, tuple[int, int]]


def differing_buckets(both: Both, pair: Pair) -> Buckets:
    """Where a table differs, after one look at all of its rows."""
    from psycopg import sql  # noqa: PLC0415 - a quarter of a second, for those who need it

    mask = _mask(pair)
    query = sql.SQL(
        "SELECT {key} OPERATOR(pg_catalog.&) {mask}, pg_catalog.count(*), "
        "pg_catalog.sum({row})::pg_catalog.text FROM {table} AS lg GROUP BY 1"
    ).format(key=_key_hash(pair), row=_row_hash(pair), mask=sql.Literal(mask), table=_from(pair))

    def answered(side: Connection[Any]) -> list[tuple[int, int, str]]:
        with set_for(side, _IN_PARALLEL):
            return side.execute(query).fetchall()

    live, copy = both.ask(answered)
    rows = sum(row[1] for row in live), sum(row[1] for row in copy)
    mine, theirs = set(live), set(copy)
    counts = [{row[0]: row[1] for row in side} for side in (mine - theirs, theirs - mine)]
    return Buckets(
        mask,
        rows,
        {
            n: (counts[0].get(n, 0), counts[1].get(n, 0))
            for n in counts[0].keys() | counts[1].keys()
        },
    )


def differing_rows(
    live: Connection[Any], copy: Connection[Any], pair: Pair
) -> Iterator[tuple[tuple[str, ...], Only]]:
    """The keys of the rows that differ, as text; in no order that means anything.

    Both connections must be in a transaction, with the forms of values fixed (`both.fixed`). They
    may be used for other statements between two rows.
    """
    both = Both(live, copy)
    if not pair.key or pair.live is None or pair.copy is None:
        raise ValueError(pair.relation.sql)
    found = differing_buckets(both, pair)
    for key, only, rows in _differences(both, pair, found, keys=True):
        for _ in range(rows):
            yield key, only


def counted(both: Both, pair: Pair, found: Buckets, alive: Callable[[], None]) -> dict[Only, int]:
    """How many rows differ, by what is with them; `alive` raises when the time is over."""
    counts = Counter[Only]()
    for _, only, rows in _differences(both, pair, found, keys=False, alive=alive):
        counts[only] += rows
    return counts


def _differences(
    both: Both,
    pair: Pair,
    found: Buckets,
    *,
    keys: bool,
    alive: Callable[[], None] = lambda: None,
) -> Iterator[tuple[tuple[str, ...], Only, int]]:
    if not found.differing:
        return
    query = _rows_query(pair, found, keys=keys)
    with closing(_Pages(both.live, query)) as mine, closing(_Pages(both.copy, query)) as theirs:
        left, right = both.ask(lambda side: (mine if side is both.live else theirs).page())
        for differing in _merged(mine.after(left, alive), theirs.after(right, alive)):
            yield from _told_apart(*differing)


class _Pages:
    """The rows of one side, read page by page: other statements can be run in between."""

    def __init__(self, connection: Connection[Any], query: Composed) -> None:
        self._cursor = connection.cursor(f"lastgood_{uuid.uuid4().hex}")
        self._query: Composed | None = query

    def page(self) -> list[_Row]:
        """The next rows; the first takes the time of them all, since they are sorted."""
        if self._query is not None:
            self._cursor.execute(self._query)
            self._query = None
        return self._cursor.fetchmany(_PAGE)

    def after(self, page: list[_Row], alive: Callable[[], None]) -> Iterator[_Row]:
        """The rows of this page and of all that follow."""
        while page:
            yield from page
            alive()
            page = self.page()

    def close(self) -> None:
        """Let the server forget about it."""
        self._cursor.close()


def _merged(live: Iterator[_Row], copy: Iterator[_Row]) -> Iterator[tuple[list[_Row], list[_Row]]]:
    """Both sides' rows of each hash of a key, where they are not the same."""
    mine, theirs = next(live, None), next(copy, None)
    while mine is not None or theirs is not None:
        at = min(row[0] for row in (mine, theirs) if row is not None)
        left, right = list[_Row](), list[_Row]()
        while mine is not None and mine[0] == at:
            left.append(mine)
            mine = next(live, None)
        while theirs is not None and theirs[0] == at:
            right.append(theirs)
            theirs = next(copy, None)
        if left != right:
            yield left, right


def _told_apart(
    left: Iterable[_Row], right: Iterable[_Row]
) -> Iterator[tuple[tuple[str, ...], Only, int]]:
    """What is with rows whose keys have the same hash; mostly that is one row on each side."""
    mine, theirs = (
        Counter({(tuple(key), row_hash): rows for _, row_hash, rows, key in side})
        for side in (left, right)
    )
    for key in {key: None for key, _ in (mine - theirs) | (theirs - mine)}:
        live, copy = (
            sum(rows for (of, _), rows in side.items() if of == key)
            for side in (mine - theirs, theirs - mine)
        )
        changed = min(live, copy)
        for only, rows in (
            (Only.CHANGED, changed), (Only.LIVE, live - changed), (Only.COPY, copy - changed),
        ):  # fmt: skip
            if rows:
                yield key, only, rows


def _rows_query(pair: Pair, found: Buckets, *, keys: bool) -> Composed:
    from psycopg import sql  # noqa: PLC0415 - see above

    key = sql.SQL(", ").join(text_of(pair, name) for name in pair.key)
    # Without a key the same row may be there a million times: the server counts them.
    query = sql.SQL(
        "SELECT {key_hash} AS k, {row_hash} AS r, 1, {key} FROM {table} AS lg WHERE {chosen} "
        "ORDER BY 1"
        if pair.key
        else "SELECT {key_hash}, {row_hash}, pg_catalog.count(*), {key} FROM {table} AS lg "
        "WHERE {chosen} GROUP BY 1, 2 ORDER BY 1"
    )
    chosen = sql.SQL(
        "{} OPERATOR(pg_catalog.&) {} IN (SELECT pg_catalog.unnest({}::pg_catalog.int8[]))"
    ).format(_key_hash(pair), sql.Literal(found.mask), sql.Literal(sorted(found.differing)))
    return query.format(
        key_hash=_key_hash(pair),
        row_hash=_row_hash(pair),
        key=sql.SQL("ARRAY[{}]::pg_catalog.text[]").format(key if keys else sql.SQL("")),
        table=_from(pair),
        chosen=chosen,
    )


def _key_hash(pair: Pair) -> Composed:
    """Of the key; of the whole row where there is none."""
    from psycopg import sql  # noqa: PLC0415 - see above

    if len(pair.key) == 1:
        return sql.SQL(_HASH).format(text_of(pair, pair.key[0]))
    return _hash_of(pair.key or pair.columns)


def _row_hash(pair: Pair) -> Composed:
    return _hash_of(pair.columns)


def _hash_of(columns: Iterable[str]) -> Composed:
    from psycopg import sql  # noqa: PLC0415 - see above

    values = sql.SQL(", ").join(sql.SQL("lg.{}").format(sql.Identifier(name)) for name in columns)
    return sql.SQL(_HASH).format(sql.SQL("ROW({})::pg_catalog.text").format(values))


def _from(pair: Pair) -> Composed:
    return source(pair.relation, partitioned=pair.partitioned)


def source(relation: Relation, *, partitioned: bool) -> Composed:
    """A table's rows: of its partitions, too, but not of tables that inherit from it."""
    from psycopg import sql  # noqa: PLC0415 - see above

    only = sql.SQL("" if partitioned else "ONLY ")
    return sql.SQL("{}{}").format(only, sql.Identifier(relation.schema, relation.name))


def _mask(pair: Pair) -> int:
    """Enough buckets for the larger side, a power of two, less one."""
    rows = max(table.rows or 0 for table in (pair.live, pair.copy) if table)
    buckets = 1 << (rows // _ROWS_IN_BUCKET).bit_length()
    return max(_FEWEST_BUCKETS, min(buckets, _MOST_BUCKETS)) - 1
