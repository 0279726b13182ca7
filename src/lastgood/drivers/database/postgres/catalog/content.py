"""What every table holds, as a count and a sum of hashes that no order of rows changes."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from lastgood.drivers.database.postgres.catalog.shape import shape
from lastgood.drivers.database.postgres.catalog.tables import sequences, tables
from lastgood.model.backup import Fingerprint, TableContent

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from psycopg import Connection
    from psycopg.sql import Composed

    from lastgood.drivers.database.postgres.catalog.tables import Relation

# How values become text depends on these; a database's or role's own settings must not matter.
_TEXT_FORMS = {
    "search_path": "",
    "extra_float_digits": "3",
    "datestyle": "ISO, YMD",
    "intervalstyle": "postgres",
    "timezone": "UTC",
    "bytea_output": "hex",
    "xmlbinary": "base64",
    "lc_monetary": "C",
    "quote_all_identifiers": "off",
    # An error, not silently fewer rows.
    "row_security": "off",
    # Time limits meant for the application's queries.
    "statement_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "jit": "off",
}
_BATCH = 50
_PIECE = 1 << 20
_LARGE_OBJECTS = """
    SELECT pg_catalog.count(*),
           pg_catalog.sum(pg_catalog.hashtextextended(pg_catalog.concat_ws(':', l.oid,
               %(piece)s::int, pg_catalog.encode(pg_catalog.sha256(p.bytes), 'hex')), 0)),
           pg_catalog.array_agg(l.oid) FILTER (WHERE pg_catalog.length(p.bytes) = %(size)s)
      FROM pg_catalog.pg_largeobject_metadata l
           CROSS JOIN LATERAL (SELECT pg_catalog.lo_get(
               l.oid, %(piece)s::bigint * %(size)s, %(size)s::int) AS bytes OFFSET 0) p
     WHERE %(piece)s::int = 0 OR l.oid = ANY(%(left)s::oid[])"""


def fix_text_forms(connection: Connection[Any]) -> None:
    """Let values have one text, whatever is set for the database or the role."""
    for name, value in _TEXT_FORMS.items():
        connection.execute("SELECT pg_catalog.set_config(%s, %s, false)", (name, value))
    # Known since PostgreSQL 17 only.
    connection.execute(
        "SELECT pg_catalog.set_config(name, '0', false) FROM pg_catalog.pg_settings "
        "WHERE name = 'transaction_timeout'"
    )


def fingerprint(connection: Connection[Any], numbers: dict[str, str]) -> Fingerprint:
    """The content and shape of a database, in the transaction of the connection.

    `numbers` are what `next_numbers` gave: sequences are in no snapshot.
    """
    with _locks_released(connection):
        found = tables(connection)
    contents = [
        TableContent(table=relation.sql, rows=rows, digest=str(digest or 0))
        for batch in _batches(found)
        for relation, (rows, digest) in zip(batch, _contents(connection, batch), strict=True)
    ]
    return Fingerprint(
        tables=tuple(contents),
        sequences=numbers,
        large_objects=_large_objects(connection),
        shape=shape(connection),
    )


def next_numbers(connection: Connection[Any]) -> dict[str, str]:
    """Each sequence's next value and its step, as they are now."""
    with _locks_released(connection):
        found = sequences(connection)
    return {
        relation.sql: f"{following} {step:+d}"
        for batch in _batches(found)
        for relation, (following, step) in zip(batch, _nexts(connection, batch), strict=True)
    }


def _contents(connection: Connection[Any], batch: Sequence[Relation]) -> list[tuple[int, Any]]:
    from psycopg import sql  # noqa: PLC0415 - a quarter of a second, for those who need it

    # The star keeps a column that is named as the alias from being taken for the row. Hashed by
    # the collation C, so that the database's own has no say.
    one = sql.SQL(
        "SELECT pg_catalog.count(*), pg_catalog.sum(pg_catalog.hashtextextended("
        'ROW(lg.*)::pg_catalog.text COLLATE "C", 0)) FROM ONLY {} AS lg'
    )
    return _in_order(connection, [one.format(_name(relation)) for relation in batch])


def _nexts(connection: Connection[Any], batch: Sequence[Relation]) -> list[tuple[int, int]]:
    from psycopg import sql  # noqa: PLC0415 - see above

    one = sql.SQL(
        "SELECT lg.last_value::pg_catalog.numeric "
        "+ CASE WHEN lg.is_called THEN s.seqincrement ELSE 0 END, s.seqincrement "
        "FROM {} AS lg JOIN pg_catalog.pg_sequence s ON s.seqrelid = lg.tableoid"
    )
    rows = _in_order(connection, [one.format(_name(relation)) for relation in batch])
    return [(int(following), int(step)) for following, step in rows]


def _in_order(connection: Connection[Any], queries: list[Composed]) -> list[Any]:
    """One row of each query, in one round trip."""
    from psycopg import sql  # noqa: PLC0415 - see above

    if not queries:
        return []
    numbered = [
        sql.SQL("SELECT {}, lg.* FROM ({}) AS lg").format(sql.Literal(number), query)
        for number, query in enumerate(queries)
    ]
    with _locks_released(connection):
        rows = connection.execute(sql.SQL(" UNION ALL ").join(numbered)).fetchall()
    return [row[1:] for row in sorted(rows, key=lambda row: row[0])]


def _large_objects(connection: Connection[Any]) -> str:
    """How many there are, and the sum of the hashes of their pieces."""
    count, total, piece, left = 0, 0, 0, list[int]()
    while piece == 0 or left:
        values = {"piece": piece, "size": _PIECE, "left": left}
        row = connection.execute(_LARGE_OBJECTS, values).fetchone()
        if row is None:
            break
        count += 0 if piece else row[0]
        total += int(row[1] or 0)
        left, piece = row[2] or [], piece + 1
    return f"{count} {total}" if count else ""


@contextmanager
def _locks_released(connection: Connection[Any]) -> Iterator[None]:
    """Give back the locks of what is read: ten thousand tables are more than a server can hold."""
    from psycopg import Rollback  # noqa: PLC0415 - see above

    with connection.transaction() as savepoint:
        yield
        raise Rollback(savepoint)


def _name(relation: Relation) -> Composed:
    from psycopg import sql  # noqa: PLC0415 - see above

    return sql.SQL("{}").format(sql.Identifier(relation.schema, relation.name))


def _batches(relations: Sequence[Relation]) -> Iterator[Sequence[Relation]]:
    for start in range(0, len(relations), _BATCH):
        yield relations[start : start + _BATCH]
