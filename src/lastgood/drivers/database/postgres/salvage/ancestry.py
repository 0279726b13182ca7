"""Which rows of a replaced database were in the backup: those that the live one lacks were deleted.

The server numbers transactions, and each row has the number of the one that wrote it. A row that is
the same on both sides was in the backup; so was what is as old, or older. The youngest such row
tells where the backup was taken, as nearly as the writes of that time lie together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lastgood.drivers.database.postgres.loss.differing import source
from lastgood.drivers.database.postgres.rows.staging import among, key_texts
from lastgood.drivers.database.postgres.salvage.since import BEFORE, is_restored

if TYPE_CHECKING:
    from collections.abc import Iterable

    from psycopg import Connection
    from psycopg.sql import Composed

    from lastgood.drivers.database.postgres.loss.both import Both
    from lastgood.drivers.database.postgres.loss.pairing import Pair

# The first number that the restore wrote with, by the definitions of columns; the last, by indexes.
# What was written later than the first cannot have been in the backup, even if it is the same.
_BEGAN = """
    SELECT a.xmin::text FROM pg_catalog.pg_attribute a
      JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'p') AND a.attnum > 0 AND n.nspname !~ '^pg_'
       AND n.nspname <> 'information_schema'
     ORDER BY pg_catalog.age(a.xmin) DESC LIMIT 1"""
_ENDED = """
    SELECT c.xmin::text FROM pg_catalog.pg_class c
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'p', 'i', 'I') AND n.nspname !~ '^pg_'
       AND n.nspname <> 'information_schema'
     ORDER BY pg_catalog.age(c.xmin) LIMIT 1"""
# How many of a table's youngest rows are looked at: some may have been written a little later.
_LOOKED_AT = 500


class Ancestry:
    """Knows the youngest row that was in the backup.

    Attributes:
        youngest: the number of the transaction that wrote it; None when none can be told.
    """

    def __init__(self, both: Both) -> None:
        self._both = both
        self._restored = is_restored(*both)
        # After an undo it is the replaced one that was restored.
        row = (
            both.live.execute(_BEGAN) if self._restored else both.copy.execute(_ENDED)
        ).fetchone()
        self._limit: str | None = row[0] if row else None
        self.youngest: str | None = None

    def look(self, pairs: Iterable[Pair]) -> None:
        """Look for it in these tables; one that cannot be read says nothing."""
        import psycopg  # noqa: PLC0415 - a quarter of a second, for those who need it

        for pair in pairs:
            if self._limit is None or not (pair.key and pair.live and pair.copy):
                continue
            try:
                with self._both.undone():
                    self._look(pair)
            except psycopg.Error:
                if self._both.lost:
                    raise

    def since(self) -> Composed:
        """The condition that a row `lg` of the replaced database was written since the backup."""
        from psycopg import sql  # noqa: PLC0415 - see above

        if self.youngest is None:
            return sql.Composed([sql.SQL("true")])
        return sql.SQL("pg_catalog.age(lg.xmin) < {}").format(_age(self.youngest))

    def _look(self, pair: Pair) -> None:
        from psycopg import sql  # noqa: PLC0415 - see above

        query = sql.SQL(
            "SELECT {}, {}, lg.xmin::text FROM {} AS lg WHERE pg_catalog.age(lg.xmin) {} {} AND {} "
            "ORDER BY pg_catalog.age(lg.xmin) LIMIT {}"
        ).format(
            key_texts(pair), _row(pair), source(pair.relation, partitioned=pair.partitioned),
            sql.SQL(">" if self._restored else ">="), _age(self._limit or ""), self.since(),
            sql.Literal(_LOOKED_AT),
        )  # fmt: skip
        theirs = [(tuple(key), row, by) for key, row, by in self._both.copy.execute(query)]
        if not theirs:
            return
        ours = self._same(self._both.live, pair, [key for key, *_ in theirs])
        self.youngest = next((by for key, row, by in theirs if ours.get(key) == row), self.youngest)

    def _same(
        self, live: Connection[Any], pair: Pair, keys: list[tuple[str, ...]]
    ) -> dict[tuple[str, ...], int]:
        from psycopg import sql  # noqa: PLC0415 - see above

        query = sql.SQL("SELECT {}, {} FROM {} AS lg WHERE {} AND {}").format(
            key_texts(pair),
            _row(pair),
            source(pair.relation, partitioned=pair.partitioned),
            among(live, pair, keys),
            sql.SQL(BEFORE if self._restored else "true"),
        )
        return {tuple(key): row for key, row in live.execute(query)}


def _age(number: str) -> Composed:
    from psycopg import sql  # noqa: PLC0415 - see above

    return sql.SQL("pg_catalog.age({}::text::pg_catalog.xid)").format(sql.Literal(number))


def _row(pair: Pair) -> Composed:
    from psycopg import sql  # noqa: PLC0415 - see above

    columns = [sql.SQL("lg.{}").format(sql.Identifier(name)) for name in pair.columns]
    return sql.SQL('pg_catalog.hashtextextended(ROW({})::pg_catalog.text COLLATE "C", 0)').format(
        sql.SQL(", ").join(columns)
    )
