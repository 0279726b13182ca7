"""Which tables of two databases are compared, by which columns, told apart by which key."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from lastgood.drivers.database.postgres.catalog.tables import OURS, Relation

if TYPE_CHECKING:
    from collections.abc import Collection

    from psycopg import Connection

    from lastgood.drivers.database.postgres.loss.both import Both

# Nothing that waits for a lock: not the size of the files, not an expression as text. The rows are
# those when the table was last looked at, or those that came and stayed since statistics are kept.
_TABLES = f"""
    SELECT c.oid, n.nspname, c.relname, pg_catalog.format('%I.%I', n.nspname, c.relname),
           c.relkind::text, pg_catalog.pg_partition_root(c.oid)::oid,
           c.relpages * pg_catalog.current_setting('block_size')::bigint,
           CASE WHEN c.relkind <> 'r' THEN 0 ELSE GREATEST(
               NULLIF(pg_catalog.pg_stat_get_live_tuples(c.oid), 0),
               CASE WHEN c.reltuples > 0 OR c.reltuples = 0
                         AND pg_catalog.current_setting('server_version_num')::int >= 140000
                    THEN c.reltuples::bigint END) END
      FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE (c.relkind IN ('r', 'p') OR c.relkind = 'f' AND c.relispartition)
       AND {OURS}"""  # noqa: S608 - no text from outside
_COLUMNS = """
    SELECT a.attrelid, a.attname, pg_catalog.quote_ident(a.attname),
           pg_catalog.format_type(a.atttypid, a.atttypmod),
           pg_catalog.concat_ws(' ', a.attnotnull, a.attidentity, a.attgenerated)
      FROM pg_catalog.pg_attribute a
     WHERE a.attrelid = ANY (%s) AND a.attnum > 0 AND NOT a.attisdropped
     ORDER BY a.attrelid, a.attnum"""
# The best first. Each tells all rows apart: it leaves none out, and no column of it may be NULL.
_KEYS = """
    SELECT i.indrelid, ARRAY(SELECT a.attname::text
               FROM pg_catalog.generate_series(0, i.indnkeyatts - 1) at
                    JOIN pg_catalog.pg_attribute a
                      ON a.attrelid = i.indrelid AND a.attnum = i.indkey[at]
              WHERE a.attnotnull ORDER BY at) AS names
      FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
     WHERE i.indrelid = ANY (%s) AND i.indisunique AND i.indisvalid AND i.indpred IS NULL
       AND i.indnkeyatts = (
           SELECT pg_catalog.count(*) FROM pg_catalog.generate_series(0, i.indnkeyatts - 1) at
                  JOIN pg_catalog.pg_attribute a
                    ON a.attrelid = i.indrelid AND a.attnum = i.indkey[at] AND a.attnotnull)
     ORDER BY i.indrelid, NOT i.indisprimary, i.indnkeyatts, x.relname"""


class Column(NamedTuple):
    """A column of a table.

    Attributes:
        sql: its name as SQL writes it.
        rest: whether it may be NULL, and who fills it.
    """

    name: str
    sql: str
    type: str
    rest: str


@dataclass
class Table:
    """A table of one side.

    Attributes:
        root: the partitioned table that it is a part of; its own number when it is one.
        bytes: what it takes, about.
        rows: how many it has, about; None when the server has no idea.
        keys: the columns of each unique index that tells all its rows apart, the best first.
    """

    number: int
    relation: Relation
    kind: str
    root: int | None
    bytes: int
    rows: int | None
    columns: dict[str, Column] = field(default_factory=dict)
    keys: list[tuple[str, ...]] = field(default_factory=list)

    @property
    def partitioned(self) -> bool:
        """Whether its rows are in other tables."""
        return self.kind == "p"


@dataclass(frozen=True)
class Pair:
    """The same table, by its name, on both sides, or on one.

    Attributes:
        columns: those that both sides have.
        key: the columns by which rows are told apart; empty when both have no such key.
    """

    relation: Relation
    live: Table | None
    copy: Table | None
    columns: tuple[str, ...] = ()
    key: tuple[str, ...] = ()

    @property
    def bytes(self) -> int:
        """What is read to compare them."""
        return sum(table.bytes for table in (self.live, self.copy) if table)

    def built_in(self, column: str) -> bool:
        """Whether a column's type is the server's own on both sides; others are in a schema.

        Where columns are not described it is a table of the catalog, whose types all are.
        """
        sides = [table.columns for table in (self.live, self.copy) if table]
        return all("." not in of[column].type for of in sides if column in of)

    @property
    def partitioned(self) -> bool:
        """Whether the rows are in other tables, on both sides."""
        return all(table.partitioned for table in (self.live, self.copy) if table)


def pairs(both: Both, only: Collection[Relation] | None = None) -> list[Pair]:
    """The tables of either side, by name.

    A partitioned table of both sides is one, so that a row that moved to another partition is the
    same row; unless only its partitions have keys.
    """
    live, copy = ({table.relation: table for table in side} for side in both.ask(_tables))
    whole = {name for name in live.keys() & copy.keys() if _taken_whole(live, copy, name)}
    left, right = _rows_of(live, whole), _rows_of(copy, whole)
    names = left.keys() | right.keys()
    wanted = names if only is None else names & set(only)
    return [_pair(name, left.get(name), right.get(name)) for name in sorted(wanted)]


def _tables(connection: Connection[Any]) -> list[Table]:
    found = {row[0]: Table(row[0], Relation(*row[1:4]), *row[4:]) for row in
             connection.execute(_TABLES)}  # fmt: skip
    numbers = (list(found),)
    for number, *column in connection.execute(_COLUMNS, numbers):
        found[number].columns[column[0]] = Column(*column)
    for number, names in connection.execute(_KEYS, numbers):
        found[number].keys.append(tuple(names))
    return list(found.values())


def _pair(name: Relation, live: Table | None, copy: Table | None) -> Pair:
    if live is None or copy is None:
        return Pair(name, live, copy)
    columns = tuple(column for column in live.columns if column in copy.columns)
    return Pair(name, live, copy, columns, _key(live, copy))


def _key(live: Table, copy: Table) -> tuple[str, ...]:
    there = {frozenset(key) for key in copy.keys}
    return next((key for key in live.keys if frozenset(key) in there), ())


def _taken_whole(live: dict[Relation, Table], copy: dict[Relation, Table], name: Relation) -> bool:
    roots = live[name], copy[name]
    if not all(root.partitioned and root.root == root.number for root in roots):
        return False
    parts = [
        {table.relation: table for table in side.values() if table.root == root.number}
        for side, root in zip((live, copy), roots, strict=True)
    ]
    # The rows of a foreign table are elsewhere, and nothing becomes of them.
    if any(table.kind == "f" for side in parts for table in side.values()):
        return False
    mine, theirs = parts
    return bool(_key(*roots)) or not any(
        _key(mine[part], theirs[part]) for part in mine.keys() & theirs.keys() if part != name
    )


def _rows_of(side: dict[Relation, Table], whole: Collection[Relation]) -> dict[Relation, Table]:
    """The tables that are compared: with rows of their own, or with those of their partitions."""
    roots = {side[name].number: side[name] for name in whole}
    for table in side.values():
        if table.root in roots and table.kind == "r":
            root = roots[table.root]
            root.bytes += table.bytes
            known = root.rows is not None and table.rows is not None
            root.rows = (root.rows or 0) + (table.rows or 0) if known else None
    return {
        name: table
        for name, table in side.items()
        if name in whole or (table.kind == "r" and table.root not in roots)
    }
