"""Rows that are there and get another content, or go: they are locked, looked at, and written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lastgood.drivers.database.postgres.loss.differing import source
from lastgood.drivers.database.postgres.rows.staging import Stage, piped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psycopg import Connection
    from psycopg.sql import Composable, Composed

    from lastgood.drivers.database.postgres.rows.place import Place


# Each foreign key to a table or to a part of it.
_REFERRING = """
    SELECT k.conrelid::pg_catalog.regclass::text, pg_catalog.row_security_active(k.conrelid),
           ARRAY(SELECT a.attname::text FROM pg_catalog.unnest(k.conkey) WITH ORDINALITY c(n, p)
                   JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = c.n
                  ORDER BY c.p),
           ARRAY(SELECT a.attname::text FROM pg_catalog.unnest(k.confkey) WITH ORDINALITY c(n, p)
                   JOIN pg_catalog.pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = c.n
                  ORDER BY c.p),
           ARRAY(SELECT pg_catalog.format('OPERATOR(%%I.%%s)', n.nspname, o.oprname)
                   FROM pg_catalog.unnest(k.conpfeqop) WITH ORDINALITY one(operator, p)
                        JOIN pg_catalog.pg_operator o ON o.oid = one.operator
                        JOIN pg_catalog.pg_namespace n ON n.oid = o.oprnamespace
                  ORDER BY one.p)
      FROM pg_catalog.pg_constraint k
     WHERE k.contype = 'f' AND k.confrelid IN
               (SELECT %(table)s::pg_catalog.regclass::pg_catalog.oid UNION
                SELECT t.relid FROM pg_catalog.pg_partition_tree(%(table)s::pg_catalog.regclass) t)
     ORDER BY 1, k.conname"""


class Change(Stage):
    """New content that waits for rows of one table.

    Attributes:
        condition: what a row `lg` of the table must still meet when it is locked, if anything.
    """

    inserts = False
    _removes = False
    _MORE = ", before pg_catalog.text[], expected pg_catalog.text[]"

    def __init__(
        self,
        connection: Connection[Any],
        place: Place,
        at: int,
        *,
        partitioned: bool,
        condition: Composable | None = None,
    ) -> None:
        super().__init__(connection, place, at, partitioned=partitioned)
        self.condition = condition

    def lock(self) -> list[list[str]]:
        """Lock the rows until the transaction ends, and note how they are.

        What waits for a row that is gone, meets the condition no more, or is not as it was
        expected, is let go. Gives the keys of those.
        """
        from psycopg import sql  # noqa: PLC0415 - a quarter of a second, for those who need it

        self._connection.execute(
            sql.SQL(
                "WITH locked AS MATERIALIZED (SELECT s.{number} AS n, {image} AS image "
                "FROM {table} AS lg, {rows} AS s, {waiting} AS e WHERE {met} AND ({condition}) "
                "AND e.n = s.{number} AND (e.expected IS NULL OR e.expected = {image}) "
                "ORDER BY s.{number} FOR UPDATE OF lg) "
                "UPDATE {waiting} AS w SET before = locked.image FROM locked WHERE locked.n = w.n"
            ).format(
                number=self.number,
                image=image(self.place),
                table=self._table,
                rows=self.rows,
                met=met(self),
                condition=self.condition or sql.SQL("true"),
                waiting=self.table,
            )
        )
        gone = sql.SQL("DELETE FROM {} WHERE before IS NULL RETURNING {}")
        return [key for (key,) in self._connection.execute(gone.format(self.table, self.key))]

    def fill(self, kept: Connection[Any], number: int) -> None:
        """Take what `befores` keeps of rows under a number: the way back, if they are unchanged."""
        from psycopg import sql  # noqa: PLC0415 - see above

        which = sql.Identifier("after" if self._removes else "before")
        count = len(self.place.columns)
        values = [sql.SQL("r.{}[{}]").format(which, sql.Literal(at + 1)) for at in range(count)]
        out = sql.SQL(
            "COPY (SELECT {}, r.after FROM lastgood.rows r WHERE r.number = {}) TO STDOUT"
        ).format(sql.SQL(", ").join(values), sql.Literal(number))
        names = ", ".join([*(f"c{at}" for at in range(count)), "expected"])
        into = sql.SQL("COPY {} ({}) FROM STDIN").format(self.table, sql.SQL(names))
        piped(kept, out, self._connection, into)
        self.analyze()

    def write(self, low: int | None = None, high: int | None = None) -> Composed:
        """The statement that changes the rows."""
        from psycopg import sql  # noqa: PLC0415 - see above

        names = [sql.Identifier(column.name) for column in self.place.columns
                 if column.name not in self.place.key]  # fmt: skip
        return sql.SQL("UPDATE {} AS lg SET {} FROM {} AS s WHERE {} AND {}").format(
            self._table,
            sql.SQL(", ").join(sql.SQL("{0} = s.{0}").format(name) for name in names),
            self.rows,
            met(self),
            self._between(low, high),
        )

    @property
    def _table(self) -> Composed:
        return source(self.place.relation, partitioned=self.partitioned)


class Removal(Change):
    """Rows that go, but for those that others refer to.

    Nothing that refers to them goes along, whatever the foreign keys would do: no row is locked by
    its reader, but what is locked here gets no new one.
    """

    _removes = True

    def remove(self) -> int:
        """Remove the locked rows that can be; gives how many."""
        from psycopg import sql  # noqa: PLC0415 - see above

        free = [sql.SQL(" AND NOT EXISTS ({})").format(one) for one in self._referring()]
        statement = sql.SQL(
            "WITH gone AS (DELETE FROM {table} AS lg USING {rows} AS s WHERE {met}{free} "
            "RETURNING s.{number} AS n) "
            "UPDATE {waiting} AS w SET done = true FROM gone WHERE gone.n = w.n"
        ).format(
            table=self._table,
            rows=self.rows,
            met=met(self),
            free=sql.Composed(free),
            number=self.number,
            waiting=self.table,
        )
        return self._connection.execute(statement).rowcount

    def kept(self) -> list[list[str]]:
        """The keys of those that could not be."""
        from psycopg import sql  # noqa: PLC0415 - see above

        found = sql.SQL("SELECT {} FROM {} WHERE NOT done").format(self.key, self.table)
        return [key for (key,) in self._connection.execute(found)]

    def _referring(self) -> Iterator[Composed]:
        """Queries of the rows that refer to a row `lg`."""
        from psycopg import sql  # noqa: PLC0415 - see above

        rows = self._connection.execute(_REFERRING, {"table": self.place.relation.sql}).fetchall()
        for table, hidden, theirs, ours, operators in rows:
            if hidden:
                yield sql.Composed([sql.SQL("SELECT")])  # who could say that there is none
                continue
            meets = [
                sql.SQL("lg.{} {} r.{}").format(
                    sql.Identifier(mine), sql.SQL(operator), sql.Identifier(other)
                )
                for mine, operator, other in zip(ours, operators, theirs, strict=True)
            ]
            # Its name was written by the server, quoted where it needs to be.
            yield sql.SQL("SELECT FROM {} AS r WHERE {}").format(
                sql.SQL(table), sql.SQL(" AND ").join(meets)
            )


def image(place: Place) -> Composed:
    """What a row `lg` of the table has in the columns that are written, as an array of text."""
    from psycopg import sql  # noqa: PLC0415 - see above

    texts = [sql.SQL("lg.{}::pg_catalog.text").format(sql.Identifier(column.name))
             for column in place.columns]  # fmt: skip
    return sql.SQL("ARRAY[{}]").format(sql.SQL(", ").join(texts))


def met(stage: Stage) -> Composed:
    """The condition that a row `lg` of the table is the one that a row `s` waits for."""
    from psycopg import sql  # noqa: PLC0415 - see above

    return sql.SQL(" AND ").join(
        sql.SQL("lg.{0} = s.{0}").format(sql.Identifier(name)) for name in stage.place.key
    )
