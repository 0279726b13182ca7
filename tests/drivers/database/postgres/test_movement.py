"""Which tables were written to: none is missed, whatever is done to it."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from lastgood.drivers.database.postgres.catalog.tables import Relation
from lastgood.drivers.database.postgres.swap.movement import Marks, at_most, recounted
from lastgood.model.loss import Loss, Precision, TableLoss

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.drivers.database.postgres.conftest import Case
    from tests.servers import Server

TABLES = (
    "CREATE TABLE a (id int PRIMARY KEY, x text)",
    "CREATE TABLE b (id int PRIMARY KEY, a int REFERENCES a ON DELETE CASCADE)",
    "CREATE TABLE parts (id int, x text) PARTITION BY RANGE (id)",
    "CREATE TABLE part PARTITION OF parts FOR VALUES FROM (0) TO (100)",
    "CREATE TABLE other PARTITION OF parts FOR VALUES FROM (100) TO (200)",
    "INSERT INTO a VALUES (1, 'x'), (2, 'y')",
    "INSERT INTO b VALUES (1, 1), (2, 2)",
    "INSERT INTO parts VALUES (1, 'x'), (101, 'y')",
)


def marks(case: Case) -> Marks:
    with psycopg.connect(case.dsn, autocommit=True) as connection:
        return Marks.of(connection)


def wait_for_end(case: Case, pid: int) -> None:
    while (pid,) in case.rows("SELECT pid FROM pg_stat_activity"):
        pass


def moved(case: Case, *statements: str) -> dict[str, int | None]:
    """What is told of statements whose sessions are over."""
    before = marks(case)
    with psycopg.connect(case.dsn, autocommit=True) as connection:
        for statement in statements:
            with contextlib.suppress(psycopg.errors.CheckViolation):
                connection.execute(statement.encode())
        gone = connection.info.backend_pid
    wait_for_end(case, gone)
    return {one.name: rows for one, rows in before.moved(marks(case)).items()}


def test_what_was_written_shows(case: Case) -> None:
    case.execute(*TABLES)
    steps: list[tuple[tuple[str, ...], dict[str, int | None]]] = [
        (("SELECT * FROM a", "ANALYZE", "VACUUM a"), {}),
        (("INSERT INTO a VALUES (3, 'z'), (4, 'z')",), {"a": 2}),
        (("UPDATE a SET x = 'w' WHERE id = 3", "DELETE FROM a WHERE id = 4"), {"a": 2}),
        (("DELETE FROM a WHERE id = 1",), {"a": 1, "b": 1}),
        (("BEGIN", "INSERT INTO b VALUES (3, 3)", "ROLLBACK"), {"b": 1}),
        (("UPDATE parts SET id = 102 WHERE id = 1",), {"parts": 2, "part": 1, "other": 1}),
        (("TRUNCATE b",), {"b": None}),
        (("ALTER TABLE a ADD COLUMN more int DEFAULT 1",), {"a": None}),
        (("ALTER TABLE a DROP COLUMN x",), {"a": None}),
        (("ALTER TABLE part RENAME TO piece",), {"part": None, "piece": None, "parts": None}),
        (("CREATE TABLE made AS SELECT 1",), {"made": None}),
        (("DROP TABLE made",), {"made": None}),
        (("VACUUM FULL a",), {"a": None}),
    ]  # fmt: skip
    for statements, expected in steps:
        assert moved(case, *statements) == expected, statements


def test_counters_that_may_miss_something_are_not_believed(
    embedded: Server, case_on: Callable[..., Case]
) -> None:
    case = case_on(embedded)
    case.execute("CREATE TABLE a (id int)")
    assert moved(case) == {}
    case.server.execute(
        f'ALTER ROLE "{case.role}" IN DATABASE "{case.name}" SET track_counts = off'
    )
    assert moved(case) == {"a": None}
    case.server.execute(f'ALTER ROLE "{case.role}" IN DATABASE "{case.name}" RESET track_counts')
    before = marks(case)
    case.server.execute("SELECT pg_stat_reset()", name=case.name)
    assert before.moved(marks(case)) != {}


@pytest.mark.parametrize("how", ["idle", "in a transaction"])
def test_a_session_that_is_ended_has_told(case: Case, how: str) -> None:
    """Its counters are there when it is gone, though it never was idle for long."""
    case.execute("CREATE TABLE a (id int)")
    before = marks(case)
    somebody: psycopg.Connection[Any] = psycopg.connect(case.dsn, autocommit=how == "idle")
    somebody.execute("INSERT INTO a VALUES (1)")
    pid = somebody.info.backend_pid
    case.server.execute(f"SELECT pg_terminate_backend({pid})")
    wait_for_end(case, pid)
    after = marks(case)
    somebody.close()
    assert {one.name: rows for one, rows in before.moved(after).items()} == {"a": 1}


def test_what_was_no_bound_is_none_after_it_was_counted_again() -> None:
    at, users = datetime(2026, 11, 26, tzinfo=UTC), Relation("public", "users", "public.users")

    def about(precision: Precision, *, at_least: bool) -> Loss:
        table = TableLoss(
            table=users.sql, live_rows=9, restored_rows=2, vanishing=7, returning=None,
            changing=None, precision=precision, at_least=at_least,
        )  # fmt: skip
        return Loss(at=at, tables=(table,))

    late = about(Precision.ESTIMATED, at_least=True)
    moved: dict[Relation, int | None] = {users: 5}
    for before, ceiling in ((about(Precision.EXACT, at_least=False), 12), (late, None)):
        assert at_most(before, moved) == ceiling
        assert recounted(before, moved, lambda _: late).ceiling == ceiling
