"""Rows as they were before a repair: kept in a small closed database beside the live one.

Not in the live one: they would be in its backups, its dumps and its comparisons. They are there for
good before the repair is; one that came to nothing leaves at worst rows that nobody needs.
"""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from lastgood.drivers.database.postgres.catalog.content import fix_text_forms
from lastgood.drivers.database.postgres.catalog.template import Template
from lastgood.drivers.database.postgres.client.faults import told
from lastgood.drivers.database.postgres.closed.beside import entered
from lastgood.drivers.database.postgres.closed.keeping import Keeping
from lastgood.drivers.database.postgres.closed.sides import BEFORE_MARK, role_of
from lastgood.drivers.database.postgres.loss.differing import source
from lastgood.drivers.database.postgres.repair.changing import image, met
from lastgood.drivers.database.postgres.rows.staging import piped
from lastgood.errors import LastgoodError, RefusedError
from lastgood.ports.repairing import Before
from lastgood.process.masking import harmless

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psycopg import Connection

    from lastgood.drivers.database.postgres.client.address import Address
    from lastgood.drivers.database.postgres.rows.staging import Stage
    from lastgood.process.masking import Masker

# A value is kept as text: the types of the live database are not here.
_MAKE = """
    CREATE SCHEMA lastgood;
    CREATE TABLE lastgood.tables (number int PRIMARY KEY, schema text NOT NULL, name text NOT NULL,
        sql text NOT NULL, key text[] NOT NULL, columns text[] NOT NULL, partitioned bool NOT NULL,
        returned bool NOT NULL);
    CREATE TABLE lastgood.rows (number int NOT NULL, before text[], after text[] NOT NULL)"""
_FOUND = """
    SELECT d.datname, pg_catalog.pg_database_size(d.oid) FROM pg_catalog.pg_database d
     WHERE pg_catalog.strpos(d.datname, %s) > 0 ORDER BY d.datname"""
_NOTE = "INSERT INTO lastgood.tables VALUES (%s, %s, %s, %s, %s, %s, %s, %s)"
_NOTED = "SELECT * FROM lastgood.tables ORDER BY number"
_WHAT = "the rows as they were before a repair cannot be kept or read"


class Noted(NamedTuple):
    """Rows of one table that a repair has written.

    Attributes:
        columns: those that are kept of each row, its key among them.
        returned: whether the rows were gone before.
    """

    number: int
    schema: str
    name: str
    sql: str
    key: list[str]
    columns: list[str]
    partitioned: bool
    returned: bool


class Befores:
    """What is kept for one database.

    Args:
        live: the live database's address, whose role owns what is kept.
        admin: an address on its server whose role may make databases.
    """

    def __init__(self, live: Address, admin: Address, masker: Masker) -> None:
        self._live = live
        self._masker = masker
        self._keeping = Keeping(live.name, admin, masker, BEFORE_MARK)

    def found(self) -> list[Before]:
        """All that is there, the oldest first."""
        sides = self._keeping.sides
        with sides.connected("the rows before repairs cannot be listed") as connection:
            return [
                Before(id=one, bytes=size)
                for name, size in connection.execute(_FOUND, (BEFORE_MARK,))
                if (one := sides.id_of(name)) is not None
            ]

    def drop(self, before: str) -> None:
        """Remove one."""
        self._keeping.sides.drop(before)

    @contextmanager
    def made(self, before: str, unknown: str) -> Iterator[Connection[Any]]:
        """Make one, and enter it.

        When the repair fails it is removed again, unless the error says that it may have been done:
        its code is `unknown` then.
        """
        with self._live.connected() as live, told(_WHAT, self._masker):
            template, owner = Template.of(live, self._live.name), role_of(live)
        self._keeping.sides.create(before, template, owner)
        try:
            with self.entered(before) as connection:
                with told(_WHAT, self._masker):
                    connection.execute(_MAKE)
                yield connection
        except BaseException as error:
            if not isinstance(error, LastgoodError) or error.code != unknown:
                with suppress(LastgoodError):  # what went wrong matters more
                    self.drop(before)
            raise

    @contextmanager
    def entered(self, before: str) -> Iterator[Connection[Any]]:
        """A connection to one.

        Raises:
            RefusedError: there is none of this id (`no-before`).
        """
        missing = RefusedError(
            f"no rows of a repair {harmless(before)} are kept",
            cause="they were removed, all of them were taken back, or it never was",
            mend="see which there are: lastgood db quarantine",
            code="no-before",
        )
        with entered(self._keeping, before, self._live, missing) as connection:
            with told(_WHAT, self._masker):
                fix_text_forms(connection)
            yield connection


def note(live: Connection[Any], into: Connection[Any], stages: list[Stage]) -> list[int]:
    """Keep the rows that were written as they were and as they are; gives how many of each stage.

    A row that has the content that it had before is none. What was noted by a try that came to
    nothing is replaced. It is on the server's disk when this returns.
    """
    counts = list[int]()
    with into.transaction():
        into.execute("SET LOCAL synchronous_commit = on")
        into.execute("TRUNCATE lastgood.tables, lastgood.rows")
        for number, stage in enumerate(stages):
            place = stage.place
            columns = [column.name for column in place.columns]
            noted = Noted(
                number, place.relation.schema, place.relation.name, place.relation.sql,
                list(place.key), columns, stage.partitioned, stage.inserts,
            )  # fmt: skip
            into.execute(_NOTE, noted)
            counts.append(_copied(live, into, stage, number))
    return counts


def noted(connection: Connection[Any]) -> list[Noted]:
    """What is kept in one."""
    return [Noted(*row) for row in connection.execute(_NOTED)]


def _copied(live: Connection[Any], into: Connection[Any], stage: Stage, number: int) -> int:
    from psycopg import sql  # noqa: PLC0415 - a quarter of a second, for those who need it

    before = sql.SQL("NULL::pg_catalog.text[]" if stage.inserts else "w.before")
    out = sql.SQL(
        "COPY (SELECT {number}, {before}, {after} FROM {table} AS lg, {rows} AS s, {waiting} AS w "
        "WHERE {met} AND w.n = s.{row} AND {before} IS DISTINCT FROM {after}) TO STDOUT"
    ).format(
        number=sql.Literal(number),
        before=before,
        after=image(stage.place),
        table=source(stage.place.relation, partitioned=stage.partitioned),
        rows=stage.chosen("true"),
        waiting=stage.table,
        met=met(stage),
        row=stage.number,
    )
    return piped(live, out, into, sql.SQL("COPY lastgood.rows FROM STDIN").format())
