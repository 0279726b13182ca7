"""Which tables were written to between two looks, told by the server's own counters.

So that what is lost need not be counted again table by table while nobody can connect: that would
take as long as the database is large.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from lastgood.drivers.database.postgres.catalog.tables import Relation
from lastgood.model.loss import Loss, Precision, TableLoss

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from psycopg import Connection

    Compare = Callable[[Connection[Any], Connection[Any], set[Relation], float], Loss]

# Before it they were sent by datagrams, of which any may be lost.
_COUNTERS_SINCE = 150_000
# Superusers may stop their own sessions from being counted.
_RELIABLE = """
    SELECT pg_catalog.current_setting('track_counts') = 'on' AND NOT EXISTS (
               SELECT FROM pg_catalog.pg_db_role_setting s
                      CROSS JOIN LATERAL pg_catalog.unnest(s.setconfig) one
                WHERE one LIKE 'track_counts=%'
                  AND s.setdatabase IN (0, (SELECT oid FROM pg_catalog.pg_database
                                             WHERE datname = pg_catalog.current_database()))),
           pg_catalog.pg_stat_get_db_stat_reset_time(oid)::pg_catalog.text
      FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()"""
# TRUNCATE counts nothing, but gives the table another file; so does a rewrite. What else is done to
# a table's form shows in its rows of the catalog.
_MARKS = """
    SELECT c.oid, n.nspname, c.relname, pg_catalog.format('%I.%I', n.nspname, c.relname),
           r.relname IS NOT NULL, rn.nspname, r.relname,
           CASE WHEN r.oid IS NOT NULL THEN pg_catalog.format('%I.%I', rn.nspname, r.relname) END,
           pg_catalog.concat_ws(' ', c.relfilenode, c.xmin, a.form),
           pg_catalog.pg_stat_get_tuples_inserted(c.oid),
           pg_catalog.pg_stat_get_tuples_updated(c.oid),
           pg_catalog.pg_stat_get_tuples_deleted(c.oid)
      FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
           LEFT JOIN pg_catalog.pg_class r
             ON c.relispartition AND r.oid = pg_catalog.pg_partition_root(c.oid)
           LEFT JOIN pg_catalog.pg_namespace rn ON rn.oid = r.relnamespace
           LEFT JOIN (SELECT attrelid, pg_catalog.sum(xmin::pg_catalog.text::bigint) AS form
                        FROM pg_catalog.pg_attribute WHERE attnum > 0 GROUP BY 1) a
             ON a.attrelid = c.oid
     WHERE c.relkind = 'r' AND c.relpersistence <> 't'
       AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"""
_BOUND = "written to since it was counted, and there was no time to count it again: at most so many"


class Mark(NamedTuple):
    """What a table looked like.

    Attributes:
        root: the partitioned table that it is a part of.
        form: of it and its file.
        written: rows inserted, updated and deleted since the server counts.
    """

    relation: Relation
    root: Relation | None
    form: str
    written: tuple[int, int, int]


@dataclass(frozen=True)
class Marks:
    """What the tables of a database looked like at one moment.

    Attributes:
        reliable: whether a table that was written to shows.
        since: when the counters began.
    """

    tables: dict[int, Mark]
    reliable: bool
    since: str | None

    @classmethod
    def of(cls, connection: Connection[Any]) -> Marks:
        """Of the connection's database; the connection must be in no transaction."""
        row = connection.execute(_RELIABLE).fetchone()
        reliable, since = row or (False, None)
        return cls(
            dict(_marks(connection)),
            reliable=bool(reliable) and connection.info.server_version >= _COUNTERS_SINCE,
            since=since,
        )

    def moved(self, later: Marks) -> dict[Relation, int | None]:
        """The tables that may differ later, with how many rows were written at most.

        None where nobody knows. A partition's root stands beside it.
        """
        told = self.reliable and later.reliable and self.since == later.since
        found = dict[Relation, int | None]()
        for number in self.tables.keys() | later.tables.keys():
            mark, now = self.tables.get(number), later.tables.get(number)
            if told and mark == now:
                continue
            written = _written(mark, now) if told else None
            for relation in {
                one for of in (mark, now) if of for one in (of.relation, of.root) if one
            }:
                so_far = found.get(relation, 0)
                unknown = so_far is None or written is None
                found[relation] = None if unknown else (so_far or 0) + (written or 0)
        return found


def _marks(connection: Connection[Any]) -> Iterator[tuple[int, Mark]]:
    for number, schema, name, whole, part, *rest in connection.execute(_MARKS):
        root, (form, *written) = Relation(*rest[:3]) if part else None, rest[3:]
        yield (
            number,
            Mark(Relation(schema, name, whole), root, form, (written[0], written[1], written[2])),
        )


def _written(mark: Mark | None, now: Mark | None) -> int | None:
    if mark is None or now is None or mark[:3] != now[:3]:
        return None
    steps = [after - before for before, after in zip(mark.written, now.written, strict=True)]
    # A counter that went back was begun anew.
    return sum(steps) if min(steps) >= 0 else None


def at_most(loss: Loss, moved: dict[Relation, int | None]) -> int | None:
    """Rows that would vanish if all that was written since did; None where nobody knows."""
    rows = [loss.ceiling, *moved.values()]
    return None if any(one is None for one in rows) else sum(one for one in rows if one)


def recounted(
    loss: Loss, moved: dict[Relation, int | None], again: Callable[[set[Relation]], Loss]
) -> Loss:
    """A loss with the tables that were written to since counted again, or bounded.

    Args:
        loss: as it was.
        moved: which tables were written to since, by how many rows at most.
        again: counts some tables.
    """
    if not moved:
        return loss
    fresh = again(set(moved))
    by_name = {relation.sql: rows for relation, rows in moved.items()}
    before = {table.table: table for table in loss.tables}
    after = {
        one.table: _bounded(one, before.get(one.table), by_name.get(one.table))
        for one in fresh.tables
    }
    kept = {name: one for name, one in before.items() if name not in by_name}
    tables = kept | after
    return Loss(
        at=fresh.at, shape=loss.shape, tables=tuple(tables[name] for name in sorted(tables))
    )


def _bounded(now: TableLoss, before: TableLoss | None, written: int | None) -> TableLoss:
    """What was counted again, or what it was and all that was written since."""
    if now.precision is Precision.EXACT:
        return now
    if before is None or before.vanishing is None or written is None:
        at_most, why = None, now.why
    else:
        at_most = before.vanishing + written
        # What was no bound is none now.
        why = _BOUND if before.precision is Precision.EXACT else before.why
    return TableLoss(
        table=now.table,
        live_rows=now.live_rows,
        restored_rows=now.restored_rows,
        vanishing=at_most,
        returning=None,
        changing=None,
        precision=Precision.UNKNOWN if at_most is None else Precision.ESTIMATED,
        why=why,
        at_least=before is not None and before.at_least,
    )
