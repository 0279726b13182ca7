"""Looking for damage in a database: what the server counted, its indexes, the project's queries."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple

from lastgood.drivers.database.postgres.backup.expectation import Expectation, shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg import AsyncConnection

    from lastgood.drivers.database.postgres.options import Query

# SQLSTATE of what the server itself calls damaged: data, and an index.
DAMAGED = frozenset({"XX001", "XX002"})
# Of the time of a look; the rest is for the queries.
_SHARE_OF_INDEXES = 0.5
_TURN_S = 60
_FAILURES = """
    SELECT pg_catalog.sum(checksum_failures)::bigint, pg_catalog.max(checksum_last_failure)::text
      FROM pg_catalog.pg_stat_database
     WHERE datname = pg_catalog.current_database() OR datid = 0"""
_AMCHECK = """
    SELECT p.oid::pg_catalog.regproc::text
      FROM pg_catalog.pg_extension e
           JOIN pg_catalog.pg_proc p ON p.pronamespace = e.extnamespace
     WHERE e.extname = 'amcheck' AND p.proname = 'bt_index_check' AND p.pronargs = 1
       AND pg_catalog.has_function_privilege(p.oid, 'EXECUTE')
       AND pg_catalog.has_schema_privilege(e.extnamespace, 'USAGE')"""
_INDEXES = """
    SELECT c.oid, c.oid::pg_catalog.regclass::text
      FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
           JOIN pg_catalog.pg_am a ON a.oid = c.relam AND a.amname = 'btree'
           JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE i.indisvalid AND i.indisready AND c.relkind = 'i' AND c.relpersistence = 'p'
       AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' ORDER BY c.oid"""


class Found(NamedTuple):
    """What a look came to.

    Attributes:
        checked: how many indexes were checked, of how many; None where it cannot be done.
        error: what is wrong; None when nothing is.
        damaged: whether the data itself is wrong, not only the look.
    """

    checked: str | None = None
    error: str | None = None
    damaged: bool = False


class Looker:
    """Looks, and remembers between looks which index is next.

    Args:
        known: how many checksum failures are old news.
    """

    def __init__(self, known: int, queries: Sequence[Query]) -> None:
        self._known = known
        self._queries = queries
        self._next: int | None = None

    async def look(self, connection: AsyncConnection[Any], seconds: float) -> Found:
        """Look for as long as that, in order of what is cheapest."""
        end = time.monotonic() + seconds
        failures = await self._failures(connection)
        if failures is not None:
            return Found(error=failures, damaged=True)
        half = time.monotonic() + seconds * _SHARE_OF_INDEXES
        found = await self._indexes(connection, half)
        if found.error is None:
            await _limit(connection, end)
            wrong = await self._asked(connection)
            found = wrong._replace(checked=found.checked) if wrong else found
        return found

    async def _failures(self, connection: AsyncConnection[Any]) -> str | None:
        row = await (await connection.execute(_FAILURES)).fetchone()
        # Nothing where the server keeps no checksums.
        if row is None or row[0] is None or row[0] <= self._known:
            return None
        return f"{row[0]} pages did not have their checksum, the last one at {row[1]}"

    async def _indexes(self, connection: AsyncConnection[Any], end: float) -> Found:
        function = await (await connection.execute(_AMCHECK)).fetchone()
        if function is None:
            return Found()
        indexes = await (await connection.execute(_INDEXES)).fetchall()
        checked = 0
        for oid, name in self._turned(indexes):
            if time.monotonic() >= end:
                break
            self._next = oid
            await _limit(connection, end)
            error = await _index(connection, str(function[0]), oid, name)
            if error is not None:
                return Found(error=error, damaged=True)
            checked += 1
        return Found(checked=f"{checked} of {len(indexes)} indexes")

    def _turned(self, indexes: Sequence[Any]) -> list[Any]:
        """Begin behind the last one; a command that looks once begins where the clock says."""
        if not indexes:
            return []
        start = int(time.time() // _TURN_S) % len(indexes)
        if self._next is not None:
            last = self._next
            start = next((at for at, (oid, _) in enumerate(indexes) if oid > last), 0)
        return [*indexes[start:], *indexes[:start]]

    async def _asked(self, connection: AsyncConnection[Any]) -> Found | None:
        from psycopg import Error  # noqa: PLC0415 - a quarter of a second, for those who need it

        for query in self._queries:
            try:
                cursor = await connection.execute(query.sql.encode())
                rows = await cursor.fetchmany(2) if cursor.description else []
            except Error as error:
                if error.sqlstate is None:
                    raise
                said = f"{query.name}: {error.diag.message_primary}"
                return Found(error=said, damaged=error.sqlstate in DAMAGED)
            if len(rows) != 1 or len(rows[0]) != 1:
                return Found(error=f"{query.name}: the answer is not one row with one column")
            if not Expectation.parse(query.expect).holds(rows[0][0]):
                said = f"{query.name}: {shown(rows[0][0])}, expected {query.expect}"
                return Found(error=said, damaged=True)
        return None


async def _index(
    connection: AsyncConnection[Any], function: str, oid: int, name: str
) -> str | None:
    """What is wrong with an index; one that is too large for the time, or gone, is passed over."""
    from psycopg import Error  # noqa: PLC0415 - see above

    try:
        await connection.execute(f"SELECT {function}(%s::oid)".encode(), (oid,))
    except Error as error:
        if error.sqlstate in DAMAGED:
            return f"index {name}: {error.diag.message_primary}"
        if error.sqlstate is None:
            raise
    return None


async def _limit(connection: AsyncConnection[Any], end: float) -> None:
    # A number of zero would mean no limit at all.
    limit = max(1, int((end - time.monotonic()) * 1000))
    await connection.execute(f"SET statement_timeout TO {limit}".encode())
