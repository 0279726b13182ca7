"""What a replaced database has that the live one has not: found, and fetched to wait there."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lastgood.drivers.database.postgres.catalog.content import fix_text_forms
from lastgood.drivers.database.postgres.client.faults import shown
from lastgood.drivers.database.postgres.loss.both import Both, snapshots
from lastgood.drivers.database.postgres.loss.differing import (
    Only,
    counted,
    differing_buckets,
    differing_rows,
    source,
)
from lastgood.drivers.database.postgres.loss.pairing import pairs
from lastgood.drivers.database.postgres.rows.muting import watching
from lastgood.drivers.database.postgres.rows.place import place_of
from lastgood.drivers.database.postgres.rows.staging import Stage, among
from lastgood.drivers.database.postgres.salvage.ancestry import Ancestry
from lastgood.drivers.database.postgres.salvage.regained import regained
from lastgood.drivers.database.postgres.salvage.since import before_swap, is_restored

if TYPE_CHECKING:
    from psycopg import Connection
    from psycopg.sql import Composed

    from lastgood.drivers.database.postgres.loss.pairing import Pair
    from lastgood.process.masking import Masker

SHOWN = 100
BOOKKEEPING = frozenset(
    {
        *("alembic_version", "schema_migrations", "ar_internal_metadata", "django_migrations"),
        *("flyway_schema_history", "databasechangelog", "databasechangeloglock"),
        *("_prisma_migrations", "knex_migrations", "knex_migrations_lock", "SequelizeMeta"),
        *("goose_db_version", "__EFMigrationsHistory", "ecto_migrations"),
    }
)
"""The tables in which migration tools write down what they have done, by the tools' own names."""

_BATCH = 1_000
_LONGEST = 300
# By whether the live database is the restored one.
_NEWER = {
    True: "{} rows that only the live database has were written or changed since the swap",
    False: "{} rows that only the live database has were written before it was live again, or "
    "deleted in the other one",
}
_GONE = (
    "{} rows of the replaced database were in the backup: they were deleted in the live one, and "
    "left so"
)
_HIDDEN = "SELECT pg_catalog.row_security_active(%s::pg_catalog.regclass)"


@dataclass
class Sought:
    """A table, as far as it was looked through.

    Attributes:
        stage: where the rows wait that were written since the backup.
        found: how many those are.
        gone: others that only the replaced one has, because the live one's were deleted.
        deleted: rows that the live one was swapped in with and the replaced one has not.
        why: why nothing waits, although something was found.
    """

    table: str
    stage: Stage | None = None
    found: int = 0
    gone: int = 0
    updated: int = 0
    deleted: int = 0
    deleted_keys: list[dict[str, str]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    why: str = ""


class Seeking:
    """Looks through all tables, in a snapshot of each database.

    Args:
        both: the live database and the replaced one.
        writer: the session in which the rows will be inserted.
    """

    def __init__(self, both: Both, writer: Connection[Any], masker: Masker) -> None:
        self._masker = masker
        self._both = both
        self._writer = writer
        self._restored = is_restored(*both)
        self._ancestry = Ancestry(both)
        self._events = watching(both.live)
        self._stages = 0

    def tables(self) -> list[Sought]:
        """All of them."""
        found = pairs(self._both)
        self._ancestry.look(found)
        return [self._table(pair) for pair in found]

    def _table(self, pair: Pair) -> Sought:
        """One table; that it cannot be read is no error of all."""
        import psycopg  # noqa: PLC0415 - a quarter of a second, for those who need it

        sought = Sought(pair.relation.sql)
        try:
            with self._both.undone():
                self._look(pair, sought)
        except psycopg.Error as error:
            if self._both.lost or self._writer.closed:
                raise
            # What waits is only a part.
            sought.stage = None
            sought.why = self._shown(error.diag.message_primary or str(error))
        return sought

    def _look(self, pair: Pair, sought: Sought) -> None:
        if pair.copy is None:
            return
        if pair.live is None:
            sought.found = self._all(pair)
            sought.why = "the live database has no such table"
        elif pair.relation.name in BOOKKEEPING:
            # Whoever brought these rows would tell the next migration of a schema that is gone.
            sought.why = "a migration tool's own record: it says which schema is here"
        elif hides_rows(self._both, pair):
            sought.why = "row security hides rows from our role: use one with BYPASSRLS"
        elif not pair.key:
            self._count(pair, sought)
        else:
            self._sort(pair, sought)

    def _all(self, pair: Pair) -> int:
        from psycopg import sql  # noqa: PLC0415 - see above

        query = sql.SQL("SELECT pg_catalog.count(*) FROM {}").format(
            source(pair.relation, partitioned=pair.partitioned)
        )
        row = self._both.copy.execute(query).fetchone()
        return int(row[0]) if row else 0

    def _count(self, pair: Pair, sought: Sought) -> None:
        buckets = differing_buckets(self._both, pair)
        rows = counted(self._both, pair, buckets, lambda: None)
        sought.found = rows.get(Only.COPY, 0) + rows.get(Only.CHANGED, 0)
        sought.why = "it has no key: a new row cannot be told from one that was changed"

    def _sort(self, pair: Pair, sought: Sought) -> None:
        only_live = 0
        missing, alone = list[tuple[str, ...]](), list[tuple[str, ...]]()
        for key, only in differing_rows(*self._both, pair):
            if only is Only.CHANGED:
                sought.updated += 1
            elif only is Only.COPY:
                missing.append(key)
            else:
                only_live += 1
                alone.append(key)
            if len(missing) == _BATCH:
                self._fetch(pair, sought, missing)
                missing = []
            if len(alone) == _BATCH:
                self._date(pair, sought, alone)
                alone = []
        self._fetch(pair, sought, missing)
        self._date(pair, sought, alone)
        if not sought.found:
            sought.stage, sought.why = None, ""
        if sought.stage:
            sought.stage.analyze()
        if sought.gone:
            sought.said.append(_GONE.format(sought.gone))
        if newer := only_live - sought.deleted:
            sought.said.append(_NEWER[self._restored].format(newer))

    def _fetch(self, pair: Pair, sought: Sought, keys: list[tuple[str, ...]]) -> None:
        if not keys:
            return
        if not sought.stage and not sought.why:
            self._prepare(pair, sought)
        since = self._ancestry.since()
        new = (
            sought.stage.fetch(self._both.copy, pair, keys, since)
            if sought.stage
            else self._new(pair, keys, since)
        )
        sought.found += new
        sought.gone += len(keys) - new

    def _new(self, pair: Pair, keys: list[tuple[str, ...]], since: Composed) -> int:
        from psycopg import sql  # noqa: PLC0415 - see above

        query = sql.SQL("SELECT pg_catalog.count(*) FROM {} AS lg WHERE {} AND {}").format(
            source(pair.relation, partitioned=pair.partitioned),
            among(self._both.copy, pair, keys),
            since,
        )
        row = self._both.copy.execute(query).fetchone()
        return int(row[0]) if row else 0

    def _prepare(self, pair: Pair, sought: Sought) -> None:
        """Let the first rows have a place to wait, if they can be brought at all."""
        if self._events:
            sought.why = f"event triggers of the database would fire: {self._shown(self._events)}"
            return
        place = place_of(*self._both, pair.relation, pair.key)
        sought.why = self._shown(place.why)
        sought.said.extend(map(self._shown, place.said))
        if not place.why:
            self._stages += 1
            sought.stage = Stage(self._writer, place, self._stages)
            sought.stage.create()

    def _date(self, pair: Pair, sought: Sought, keys: list[tuple[str, ...]]) -> None:
        if not keys or not self._restored:
            return
        before = before_swap(self._both.live, pair, keys)
        sought.deleted += len(before)
        for key in before[: SHOWN - len(sought.deleted_keys)]:
            values = zip(pair.key, key, strict=True)
            sought.deleted_keys.append(
                {self._shown(name): self._shown(value) for name, value in values}
            )

    def _shown(self, text: str) -> str:
        return shown(text.strip(), self._masker, _LONGEST)


def hides_rows(both: Both, pair: Pair) -> bool:
    """Whether row security hides rows of a table from our role, on either side."""
    rows = [side.execute(_HIDDEN, (pair.relation.sql,)).fetchone() for side in both]
    return any(row and row[0] for row in rows)


def seek(
    live: Connection[Any],
    copy: Connection[Any],
    writer: Connection[Any],
    longest_s: float,
    masker: Masker,
) -> tuple[list[Sought], tuple[str, ...]]:
    """Look through all tables; gives the rights, too, that only the live database's have.

    `writer` is a second connection to the live database: the rows wait in it. No single question to
    a server may take longer than `longest_s`.
    """
    fix_text_forms(writer)
    with snapshots(live, copy) as both:
        both.limit(longest_s)
        seeking = Seeking(both, writer, masker)
        return seeking.tables(), regained(live, copy)
