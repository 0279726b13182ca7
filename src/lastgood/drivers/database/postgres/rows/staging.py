"""Rows on their way into a table: they wait in a temporary one, of the session that inserts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lastgood.drivers.database.postgres.catalog.texts import text_of
from lastgood.drivers.database.postgres.loss.differing import source

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import LiteralString

    from psycopg import Connection
    from psycopg.sql import Composed

    from lastgood.drivers.database.postgres.loss.pairing import Pair
    from lastgood.drivers.database.postgres.rows.place import Place

_NUMBER = "lg_number"
_TYPES = """
    SELECT a.attname, pg_catalog.format_type(a.atttypid, -1) FROM pg_catalog.pg_attribute a
     WHERE a.attrelid = %s::pg_catalog.regclass AND a.attnum > 0 AND NOT a.attisdropped"""


class Stage:
    """The rows that wait for one table.

    Each has a number. Those that are let go are removed; what is left at the end was inserted.

    Attributes:
        number: the column with a row's number, in `rows`.
        table: the temporary table.
        inserts: whether they are new to the table.
        partitioned: whether the table's rows are in others.
    """

    inserts = True
    _MORE = ""
    """Columns of the temporary table that a kind of its own needs, as SQL."""

    def __init__(
        self, connection: Connection[Any], place: Place, at: int, *, partitioned: bool = False
    ) -> None:
        from psycopg import sql  # noqa: PLC0415 - a quarter of a second, for those who need it

        self._connection = connection
        self.place = place
        self.partitioned = partitioned
        self.table = sql.Identifier("pg_temp", f"lg_salvage_{at}")
        names = {column.name for column in place.columns}
        number = _NUMBER
        while number in names:
            number += "_"
        self.number = sql.Identifier(number)

    def create(self) -> None:
        """Make it; the session's end removes it."""
        from psycopg import sql  # noqa: PLC0415 - see above

        columns = [
            sql.SQL("c{} {}").format(sql.SQL(str(at)), sql.SQL(column.waits_as))
            for at, column in enumerate(self.place.columns)
        ]
        self._connection.execute(
            sql.SQL(
                "CREATE TEMPORARY TABLE {} (n pg_catalog.int8 GENERATED ALWAYS AS IDENTITY "
                "PRIMARY KEY, done pg_catalog.bool NOT NULL DEFAULT false, {}{})"
            ).format(self.table, sql.SQL(", ").join(columns), sql.SQL(self._MORE))
        )

    def fetch(
        self,
        copy: Connection[Any],
        pair: Pair,
        keys: Sequence[tuple[str, ...]],
        condition: Composed,
    ) -> int:
        """Copy rows `lg` from the other database, by their keys, if they meet a condition.

        Gives how many those are.
        """
        from psycopg import sql  # noqa: PLC0415 - see above

        names = [sql.Identifier(column.name) for column in self.place.columns]
        out = sql.SQL("COPY (SELECT {} FROM {} AS lg WHERE {} AND {}) TO STDOUT").format(
            sql.SQL(", ").join(sql.SQL("lg.{}").format(name) for name in names),
            source(pair.relation, partitioned=pair.partitioned),
            among(copy, pair, keys),
            condition,
        )
        into = sql.SQL("COPY {} ({}) FROM STDIN").format(
            self.table, sql.SQL(", ".join(f"c{at}" for at in range(len(names))))
        )
        return piped(copy, out, self._connection, into)

    def analyze(self) -> None:
        """Let the planner know how many there are."""
        from psycopg import sql  # noqa: PLC0415 - see above

        self._connection.execute(sql.SQL("ANALYZE {}").format(self.table))

    @property
    def rows(self) -> Composed:
        """Those that are not inserted yet, as the table would hold them, and their numbers."""
        return self.chosen("NOT done")

    def chosen(self, which: LiteralString) -> Composed:
        """As `rows`, those that meet a condition on the temporary table."""
        from psycopg import sql  # noqa: PLC0415 - see above

        columns = [
            sql.SQL("{} AS {}").format(self._value(at), sql.Identifier(column.name))
            for at, column in enumerate(self.place.columns)
        ]
        return sql.SQL("(SELECT n AS {}, {} FROM {} WHERE {})").format(
            self.number, sql.SQL(", ").join(columns), self.table, sql.SQL(which)
        )

    @property
    def key(self) -> Composed:
        """The key's values as an array of text, in the temporary table."""
        from psycopg import sql  # noqa: PLC0415 - see above

        at = {column.name: at for at, column in enumerate(self.place.columns)}
        values = [sql.SQL("c{}::pg_catalog.text").format(sql.SQL(str(at[name])))
                  for name in self.place.key]  # fmt: skip
        return sql.SQL("ARRAY[{}]").format(sql.SQL(", ").join(values))

    def column(self, name: str) -> Composed:
        """A column of the temporary table, by the table's own name for it."""
        names = [column.name for column in self.place.columns]
        return self._value(names.index(name))

    def write(self, low: int | None = None, high: int | None = None) -> Composed:
        """The statement that inserts `rows`, in their order; of all, or of numbers in between."""
        from psycopg import sql  # noqa: PLC0415 - see above

        relation = self.place.relation
        names = sql.SQL(", ").join(sql.Identifier(one.name) for one in self.place.columns)
        return sql.SQL(
            "INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE SELECT {} FROM {} AS s WHERE {} "
            "ORDER BY s.{}"
        ).format(
            sql.Identifier(relation.schema, relation.name), names, names, self.rows,
            self._between(low, high), self.number,
        )  # fmt: skip

    def _between(self, low: int | None, high: int | None) -> Composed:
        """The condition on the numbers of rows `s`."""
        from psycopg import sql  # noqa: PLC0415 - see above

        if low is None or high is None:
            return sql.Composed([sql.SQL("true")])
        span = sql.SQL("s.{} BETWEEN {} AND {}")
        return span.format(self.number, sql.Literal(low), sql.Literal(high))

    def _value(self, at: int) -> Composed:
        from psycopg import sql  # noqa: PLC0415 - see above

        becomes = self.place.columns[at].becomes
        cast = sql.SQL(f"::{becomes}" if becomes else "")
        return sql.SQL("c{}{}").format(sql.SQL(str(at)), cast)


def key_texts(pair: Pair) -> Composed:
    """The key of a row `lg` as an array of text."""
    from psycopg import sql  # noqa: PLC0415 - see above

    texts = sql.SQL(", ").join(text_of(pair, name) for name in pair.key)
    return sql.SQL("ARRAY[{}]").format(texts)


def among(connection: Connection[Any], pair: Pair, keys: Sequence[tuple[str, ...]]) -> Composed:
    """The condition that a row `lg` of a table has one of these keys, on this side."""
    from psycopg import sql  # noqa: PLC0415 - see above

    types = dict(connection.execute(_TYPES, (pair.relation.sql,)).fetchall())
    numbered = [(sql.SQL(f"k{at}"), name) for at, name in enumerate(pair.key)]
    return sql.SQL("({}) IN (SELECT {} FROM ROWS FROM ({}) AS u({}))").format(
        sql.SQL(", ").join(sql.SQL("lg.{}").format(sql.Identifier(name)) for name in pair.key),
        sql.SQL(", ").join(
            sql.SQL("u.{}::{}").format(column, sql.SQL(types[name])) for column, name in numbered
        ),
        sql.SQL(", ").join(
            sql.SQL("pg_catalog.unnest({}::pg_catalog.text[])").format(
                sql.Literal([key[at] for key in keys])
            )
            for at in range(len(pair.key))
        ),
        sql.SQL(", ").join(column for column, _ in numbered),
    )


def piped(of: Connection[Any], out: Composed, to: Connection[Any], into: Composed) -> int:
    """Copy rows from one connection to another; gives how many."""
    rows = 0
    with (
        of.cursor() as theirs,
        to.cursor() as ours,
        theirs.copy(out) as read,
        ours.copy(into) as write,
    ):
        for block in read:
            # A line is a row: line ends in values are written in another way.
            rows += bytes(block).count(b"\n")
            write.write(block)
    return rows
