"""The rows of named tables that are not as a copy has them: found, and what is right waits."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from lastgood.drivers.database.postgres.client.faults import shown
from lastgood.drivers.database.postgres.loss.differing import Only, differing_rows, source
from lastgood.drivers.database.postgres.loss.pairing import pairs
from lastgood.drivers.database.postgres.repair.changing import Change
from lastgood.drivers.database.postgres.repair.conditions import condition, no_column
from lastgood.drivers.database.postgres.rows.muting import DELETE, INSERT, UPDATE, watching
from lastgood.drivers.database.postgres.rows.place import place_of
from lastgood.drivers.database.postgres.rows.staging import Stage, among, key_texts
from lastgood.drivers.database.postgres.salvage.seeking import BOOKKEEPING, hides_rows
from lastgood.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from psycopg import Connection
    from psycopg.sql import Composed

    from lastgood.drivers.database.postgres.loss.both import Both
    from lastgood.drivers.database.postgres.loss.pairing import Pair
    from lastgood.drivers.database.postgres.rows.place import Place
    from lastgood.model.repair import Wanted
    from lastgood.process.masking import Masker

WRITTEN = INSERT | UPDATE | DELETE
"""A row that is changed may move to another partition: that removes and inserts it."""

_BATCH = 1_000
_LONGEST = 300
# How many names are offered for one that is none, and how much alike they must be.
_NEAR, _ALIKE = 3, 0.5
# What is always the server's to fill cannot be set to another value.
_ALWAYS = """
    SELECT a.attname FROM pg_catalog.pg_attribute a
     WHERE a.attrelid = %s::pg_catalog.regclass AND a.attidentity = 'a'"""
_MAY_CHANGE = "SELECT pg_catalog.has_table_privilege(%s::pg_catalog.regclass, 'UPDATE')"
# Foreign keys of other rows that would be written along with a column: nobody has asked for that.
_FOLLOWED = """
    SELECT k.conname, k.conrelid::pg_catalog.regclass::text FROM pg_catalog.pg_constraint k
     WHERE k.contype = 'f' AND k.confupdtype IN ('c', 'n', 'd')
       AND k.confrelid IN
               (SELECT %(table)s::pg_catalog.regclass::pg_catalog.oid UNION
                SELECT t.relid FROM pg_catalog.pg_partition_tree(%(table)s::pg_catalog.regclass) t)
       AND EXISTS (SELECT FROM pg_catalog.pg_attribute a
                    WHERE a.attrelid = k.confrelid AND a.attnum = ANY (k.confkey)
                      AND a.attname = ANY (%(columns)s))
     ORDER BY 1 LIMIT 1"""


@dataclass
class Spoilt:
    """A table, as far as it was looked through.

    Attributes:
        change: where the right content of rows waits; None where there is none.
        back: where the rows wait that are gone.
        newer: rows that only the live database has.
        missing: rows that only the copy has, and that are not wanted.
    """

    table: str
    change: Change | None = None
    back: Stage | None = None
    newer: int = 0
    missing: int = 0
    said: list[str] = field(default_factory=list)


class Finding:
    """Looks through named tables, in a snapshot of each database.

    Args:
        both: the live database and the copy.
        writer: the session in which the rows will be written.
    """

    def __init__(self, both: Both, writer: Connection[Any], wanted: Wanted, masker: Masker) -> None:
        self._both = both
        self._writer = writer
        self._wanted = wanted
        self._masker = masker
        self._stages = 0

    def tables(self) -> list[Spoilt]:
        """All that are wanted, by name.

        Raises:
            RefusedError: one is not there (`no-table`), or cannot be repaired (`not-repairable`).
        """
        if events := watching(self._both.live):
            raise self._refused("the database", f"event triggers would fire: {self._shown(events)}")
        return [self._table(pair) for pair in self._named()]

    def _named(self) -> list[Pair]:
        found: dict[str, Pair] = {}
        for pair in pairs(self._both):
            relation = pair.relation
            found[relation.sql] = found[f"{relation.schema}.{relation.name}"] = pair
            if relation.schema == "public":
                found[relation.name] = pair
        unknown = [name for name in self._wanted.tables if name not in found]
        if unknown:
            near = get_close_matches(unknown[0], found, _NEAR, _ALIKE) or sorted(found)[:_NEAR]
            raise RefusedError(
                f"there is no table {self._shown(unknown[0])}",
                cause=f"these come nearest: {self._shown(', '.join(near))}",
                mend="write SCHEMA.TABLE; a partition by the name of the whole table",
                code="no-table",
            )
        named = {found[name].relation.sql: found[name] for name in self._wanted.tables}
        return [named[name] for name in sorted(named)]

    def _table(self, pair: Pair) -> Spoilt:
        if why := self._hindrance(pair):
            raise self._refused(pair.relation.sql, why)
        place = place_of(*self._both, pair.relation, pair.key, WRITTEN)
        if place.why:
            raise self._refused(pair.relation.sql, place.why)
        columns = self._columns(pair, place)
        if followed := self._followed(pair, columns):
            raise self._refused(pair.relation.sql, followed)
        spoilt = Spoilt(pair.relation.sql, said=list(map(self._shown, place.said)))
        self._sort(dataclasses.replace(pair, columns=columns), place, spoilt)
        return spoilt

    def _hindrance(self, pair: Pair) -> str:
        if pair.live is None or pair.copy is None:
            return f"{'the live database' if pair.live is None else 'the copy'} has no such table"
        if pair.relation.name in BOOKKEEPING:
            return "a migration tool's own record: it says which schema is here"
        if hides_rows(self._both, pair):
            return "row security hides rows from our role: use one with BYPASSRLS"
        if not pair.key:
            return "it has no key: nobody can say which row was which"
        row = self._both.live.execute(_MAY_CHANGE, (pair.relation.sql,)).fetchone()
        return "" if row and row[0] else "our role may not change it: GRANT UPDATE"

    def _columns(self, pair: Pair, place: Place) -> tuple[str, ...]:
        """Those that are compared, and written where they differ."""
        always = {name for (name,) in self._both.live.execute(_ALWAYS, (pair.relation.sql,))}
        fixed = always | set(pair.key)
        may = [column.name for column in place.columns if column.name not in fixed]
        for name in self._wanted.columns:
            if name not in pair.columns:
                raise no_column(pair.relation, name, self._masker)
            if name not in may:
                raise self._refused(
                    pair.relation.sql, f"the column {name} is its key, or the server's own to fill"
                )
        return self._wanted.columns or tuple(may)

    def _followed(self, pair: Pair, columns: Sequence[str]) -> str:
        row = self._both.live.execute(
            _FOLLOWED, {"table": pair.relation.sql, "columns": list(columns)}
        ).fetchone()
        if row is None:
            return ""
        return f"rows of {row[1]} would be changed along with it, by the foreign key {row[0]}"

    def _sort(self, pair: Pair, place: Place, spoilt: Spoilt) -> None:
        where = self._wanted.where
        conditions = [condition(side, pair.relation, where, self._masker) for side in self._both]
        live, copy = conditions
        for only, keys in _batches(differing_rows(*self._both, pair)):
            if only is Only.LIVE:
                spoilt.newer += len(self._meant(pair, keys, live))
            elif only is Only.CHANGED:
                self._correct(pair, place, spoilt, self._meant(pair, keys, live), live)
            else:
                self._return(pair, place, spoilt, keys, copy)
        for stage in (spoilt.change, spoilt.back):
            if stage is not None:
                stage.analyze()

    def _meant(
        self, pair: Pair, keys: Sequence[tuple[str, ...]], test: Composed
    ) -> list[tuple[str, ...]]:
        """Those of the live database's rows that meet the condition."""
        from psycopg import sql  # noqa: PLC0415 - a quarter of a second, for those who need it

        if not self._wanted.where:
            return list(keys)
        query = sql.SQL("SELECT {} FROM {} AS lg WHERE {} AND {}").format(
            key_texts(pair),
            source(pair.relation, partitioned=pair.partitioned),
            among(self._both.live, pair, keys),
            test,
        )
        return [tuple(key) for (key,) in self._both.live.execute(query)]

    def _correct(
        self,
        pair: Pair,
        place: Place,
        spoilt: Spoilt,
        keys: Sequence[tuple[str, ...]],
        test: Composed,
    ) -> None:
        from psycopg import sql  # noqa: PLC0415 - see above

        if not keys:
            return
        if spoilt.change is None:
            written = {*pair.key, *pair.columns}
            columns = tuple(column for column in place.columns if column.name in written)
            spoilt.change = Change(
                self._writer, place._replace(columns=columns), self._next(),
                condition=test, partitioned=pair.partitioned,
            )  # fmt: skip
            spoilt.change.create()
        always = sql.Composed([sql.SQL("true")])
        spoilt.change.fetch(self._both.copy, pair, keys, always)

    def _return(
        self,
        pair: Pair,
        place: Place,
        spoilt: Spoilt,
        keys: Sequence[tuple[str, ...]],
        test: Composed,
    ) -> None:
        if self._wanted.columns:
            # There is nothing in it that could be repaired alone.
            spoilt.missing += len(keys)
            return
        if spoilt.back is None:
            spoilt.back = Stage(self._writer, place, self._next(), partitioned=pair.partitioned)
            spoilt.back.create()
        spoilt.back.fetch(self._both.copy, pair, keys, test)

    def _next(self) -> int:
        self._stages += 1
        return self._stages

    def _refused(self, table: str, why: str) -> RefusedError:
        return RefusedError(
            f"{self._shown(table)} cannot be repaired; nothing was changed",
            cause=self._shown(why),
            mend="leave it out, or bring the whole database back: lastgood db restore",
            code="not-repairable",
        )

    def _shown(self, text: str) -> str:
        return shown(text, self._masker, _LONGEST)


def _batches(
    rows: Iterator[tuple[tuple[str, ...], Only]],
) -> Iterator[tuple[Only, list[tuple[str, ...]]]]:
    """The keys by what is with them, so many at a time."""
    waiting: dict[Only, list[tuple[str, ...]]] = {only: [] for only in Only}
    for key, only in rows:
        waiting[only].append(key)
        if len(waiting[only]) == _BATCH:
            yield only, waiting[only]
            waiting[only] = []
    yield from ((only, keys) for only, keys in waiting.items() if keys)
