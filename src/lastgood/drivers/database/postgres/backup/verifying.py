"""The project's own queries, asked of a restored copy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lastgood.drivers.database.postgres.backup.expectation import Expectation, shown
from lastgood.drivers.database.postgres.client.faults import told
from lastgood.errors import LastgoodError
from lastgood.model.problem import Problem
from lastgood.process.masking import harmless

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from psycopg import Connection

    from lastgood.drivers.database.postgres.options import Query
    from lastgood.process.masking import Masker

_LONGEST = 200


def verified(
    connection: Connection[Any], queries: Iterable[Query], timeout_s: float, masker: Masker
) -> list[Problem]:
    """What is not as expected; each query is read-only, limited, and on its own."""
    connection.execute("SET default_transaction_read_only TO on")
    connection.execute("SET search_path TO DEFAULT")
    # A number of zero would mean no limit at all.
    limit = max(1, int(timeout_s * 1000))
    connection.execute(f"SET statement_timeout TO {limit}")
    return [problem for query in queries for problem in _asked(connection, query, masker)]


def _asked(connection: Connection[Any], query: Query, masker: Masker) -> Iterator[Problem]:
    try:
        with told("the query failed", masker), connection.transaction():
            cursor = connection.execute(query.sql.encode())
            rows = cursor.fetchmany(2) if cursor.description else []
            columns = len(cursor.description or ())
    except LastgoodError as error:
        if error.code == "database-lost":
            raise
        yield Problem(
            code="verify-failed",
            what=f"{query.name}: the query failed: {error.cause}"[: 2 * _LONGEST],
            mend="correct the query, or find out what the backup lacks",
        )
        return
    if len(rows) != 1 or columns != 1:
        yield Problem(
            code="verify-failed",
            what=f"{query.name}: the answer is not one row with one column",
            mend="let the query give a single value, e.g. by count(*)",
        )
    elif not Expectation.parse(query.expect).holds(rows[0][0]):
        answer = masker.mask(harmless(shown(rows[0][0])))[:_LONGEST]
        yield Problem(
            code="verify-unexpected",
            what=f"{query.name}: {answer}, expected {query.expect}",
            mend="take an older backup, or correct the expectation",
        )
