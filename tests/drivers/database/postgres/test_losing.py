"""What would be lost: exact against a model of random edits, honest where it cannot be."""

from __future__ import annotations

import os
import signal
import threading
import time
from contextlib import ExitStack, contextmanager, suppress
from random import Random
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from tests.drivers.database.postgres.test_content import AWKWARD

from lastgood.drivers.database.postgres.loss import losing
from lastgood.drivers.database.postgres.loss.both import snapshots
from lastgood.drivers.database.postgres.loss.differing import Only, differing_rows
from lastgood.drivers.database.postgres.loss.losing import compare
from lastgood.drivers.database.postgres.loss.pairing import pairs
from lastgood.errors import LastgoodError, RefusedError
from lastgood.model.loss import Precision
from lastgood.ports.swapping import Closed, Copy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.drivers.database.postgres.conftest import Case
    from tests.servers import Server

    from lastgood.model.loss import Loss, TableLoss

LONGEST_S = 60.0


@contextmanager
def sides(case: Case) -> Iterator[tuple[psycopg.Connection[Any], psycopg.Connection[Any]]]:
    """The live database and a copy of it that differs since."""
    with ExitStack() as stack:
        dsns = case.dsn, case.server.dsn(f"{case.name}_copy")
        live, copy = (
            stack.enter_context(psycopg.connect(dsn, autocommit=True, client_encoding="UTF8"))
            for dsn in dsns
        )
        yield live, copy


def copied(case: Case) -> None:
    case.server.execute(f'CREATE DATABASE "{case.name}_copy" TEMPLATE "{case.name}"')


def changed(case: Case, *statements: str) -> None:
    """Changes the copy."""
    case.server.execute(*statements, name=f"{case.name}_copy")


def lost(case: Case, longest_s: float = LONGEST_S) -> Loss:
    with sides(case) as (live, copy):
        return compare(live, copy, None, longest_s)


def numbers(loss: Loss) -> dict[str, tuple[int | None, ...]]:
    return {table.table: counts(table) for table in loss.tables}


def counts(table: TableLoss) -> tuple[int | None, ...]:
    return (
        table.live_rows, table.restored_rows, table.vanishing, table.returning, table.changing
    )  # fmt: skip


def test_a_cast_that_others_made_is_not_run(case: Case) -> None:
    case.execute(
        "CREATE TYPE kind AS ENUM ('a', 'b')",
        "CREATE TABLE one (k kind PRIMARY KEY, n int)",
        "CREATE TABLE two (k kind, n int, PRIMARY KEY (k, n))",
        "INSERT INTO one VALUES ('a', 1), ('b', 2)",
        "INSERT INTO two VALUES ('a', 1), ('b', 2)",
        "CREATE FUNCTION spy(kind) RETURNS text LANGUAGE plpgsql "
        "AS $$ BEGIN RAISE 'it ran as %', current_user; END $$",
        "CREATE CAST (kind AS text) WITH FUNCTION spy(kind)",
    )
    copied(case)
    changed(case, "DELETE FROM public.one WHERE n = 2", "DELETE FROM public.two WHERE n = 2")
    loss = lost(case)
    assert {table.why for table in loss.tables} == {""}
    assert numbers(loss) == {"public.one": (2, 1, 1, 0, 0), "public.two": (2, 1, 1, 0, 0)}
    with sides(case) as (live, copy), snapshots(live, copy) as both:
        found = {pair.relation.name: list(differing_rows(live, copy, pair)) for pair in pairs(both)}
    assert found == {"one": [(("b",), Only.LIVE)], "two": [(("b", "2"), Only.LIVE)]}


@pytest.mark.parametrize("seed", range(3))
def test_random_edits_are_counted_exactly(case: Case, seed: int) -> None:
    random = Random(seed)  # noqa: S311 - edits, no secrets
    case.execute(
        """CREATE TABLE users (a int, "B b" text, v text, w numeric, PRIMARY KEY ("B b", a));
        INSERT INTO users SELECT n % 700, 'k' || n / 700, 'v' || n, n
          FROM generate_series(1, 3000) n;
        ANALYZE users;
        CREATE TABLE bag AS SELECT n % 100 AS n, 'x' AS x FROM generate_series(1, 500) n"""
    )
    copied(case)
    keys = [(n % 700, f"k{n // 700}") for n in range(1, 3001)]
    gone, other = keys[: (some := random.randint(0, 300))], random.sample(keys, 200)
    edited = set(other) - set(gone)
    fresh = random.randint(0, 50)
    with psycopg.connect(case.dsn) as live:
        for a, b in gone:
            live.execute('DELETE FROM users WHERE a = %s AND "B b" = %s', (a, b))
        for a, b in other:
            live.execute('UPDATE users SET w = w + 1 WHERE a = %s AND "B b" = %s', (a, b))
        for n in range(fresh):
            live.execute("INSERT INTO users VALUES (%s, 'new')", (n,))
        live.execute("INSERT INTO bag SELECT 7, 'x' FROM generate_series(1, 12)")
        live.execute("DELETE FROM bag WHERE n = 8")
        live.execute("UPDATE bag SET x = 'y' WHERE n = 9")

    loss = lost(case)

    assert numbers(loss) == {
        "public.bag": (507, 500, 17, 10, 0),
        "public.users": (3000 - some + fresh, 3000, fresh, some, len(edited)),
    }
    assert loss.complete
    with sides(case) as (live, copy), snapshots(live, copy) as both:
        (_, users) = pairs(both)
        found = list(differing_rows(live, copy, users))
    named = {only: {key for key, one in found if one is only} for only in Only}
    assert named[Only.LIVE] == {("new", str(n)) for n in range(fresh)}
    assert named[Only.COPY] == {(b, str(a)) for a, b in gone}
    assert named[Only.CHANGED] == {(b, str(a)) for a, b in edited}
    assert len(found) == fresh + some + len(edited)


def test_nothing_is_lost_to_an_equal_copy(embedded_case: Case) -> None:
    case = embedded_case
    case.execute("CREATE TABLE users AS SELECT n AS id FROM generate_series(1, 10) n")
    copied(case)

    loss = lost(case)

    assert numbers(loss) == {"public.users": (10, 10, 0, 0, 0)}
    assert [table.precision for table in loss.tables] == [Precision.EXACT]
    assert not loss.tables[0].differs


@pytest.mark.parametrize(("kind", "mark"), [(Closed.KEPT, "lgwarm"), (Closed.QUARANTINED, "lgq")])
def test_a_closed_copy_is_read_and_closed_again(
    embedded_case: Case, kind: Closed, mark: str
) -> None:
    case = embedded_case
    case.execute("CREATE TABLE users AS SELECT n AS id FROM generate_series(1, 10) n")
    name = f"{case.name}__{mark}_one"
    case.server.execute(
        f'CREATE DATABASE "{name}" TEMPLATE "{case.name}" OWNER "{case.role}" '
        "ALLOW_CONNECTIONS false"
    )
    case.execute("DELETE FROM users WHERE id < 4")

    loss = case.driver().loss(Copy(kind=kind, id="one"), longest_s=LONGEST_S)

    assert numbers(loss) == {"public.users": (7, 10, 0, 3, 0)}
    with pytest.raises(psycopg.OperationalError, match="not currently accepting"):
        psycopg.connect(case.server.dsn(name))
    with pytest.raises(RefusedError) as error:
        case.driver().loss(Copy(kind=kind, id="two"), longest_s=LONGEST_S)
    assert error.value.code == "no-copy"


def test_what_differs_in_the_schema_is_said(case: Case) -> None:
    case.execute(
        """CREATE TABLE users (id int PRIMARY KEY, n int, old text);
        INSERT INTO users SELECT n, n, 'x' FROM generate_series(1, 9) n;
        CREATE TYPE mood AS ENUM ('ok');
        CREATE FUNCTION one() RETURNS int LANGUAGE sql AS 'SELECT 1';
        SELECT lo_create(1000), lo_create(1001)"""
    )
    copied(case)
    case.execute(
        """ALTER TABLE users ADD "nick name" text, ALTER n TYPE bigint, DROP old;
        UPDATE users SET "nick name" = 'x' WHERE id < 4;
        ALTER TYPE mood ADD VALUE 'bad';
        CREATE OR REPLACE FUNCTION one() RETURNS int LANGUAGE sql AS 'SELECT 2';
        CREATE INDEX ON users (n);
        CREATE TABLE fresh (id int PRIMARY KEY);
        INSERT INTO fresh VALUES (1), (2);
        SELECT lo_unlink(1000), lo_create(1002), lo_create(1003)"""
    )
    changed(case, "CREATE TABLE gone AS SELECT 1 AS n", "CREATE VIEW seen AS SELECT 1 AS n")

    loss = lost(case)

    column = 'public.users: column "nick name"'
    there = "in the live database and integer in the copy: compared as text"
    assert loss.shape == (
        f"{column} is only in the live database: its content would be lost (3 rows have a value)",
        "public.users: column old is only in the copy: it comes back",
        f"public.users: column n is bigint {there}",
        "2 large objects would vanish (counted; content is not compared)",
        "1 large objects would come back (counted; content is not compared)",
        "function public.one() differs",
        "public.users: 1 index is only in the live database",
        "table public.fresh is only in the live database",
        "table public.gone is only in the copy",
        "view public.seen is only in the copy",
        "type public.mood differs",
    )
    assert numbers(loss) == {
        "public.fresh": (2, None, 2, 0, 0),
        "public.gone": (None, 1, 0, 1, 0),
        "public.users": (9, 9, 0, 0, 0),
    }


def test_a_row_that_moved_to_another_partition_is_the_same_row(case: Case) -> None:
    case.execute(
        """CREATE TABLE events (id int, at date, what text, PRIMARY KEY (id, at))
            PARTITION BY RANGE (at);
        CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2026-07-01');
        CREATE TABLE events_2 PARTITION OF events FOR VALUES FROM ('2026-07-01') TO ('2027-01-01');
        INSERT INTO events SELECT n, '2026-01-01'::date + n, 'w' FROM generate_series(0, 360) n;
        CREATE TABLE leaves (id int, part int) PARTITION BY LIST (part);
        CREATE TABLE leaf PARTITION OF leaves (PRIMARY KEY (id)) FOR VALUES IN (1);
        INSERT INTO leaves SELECT n, 1 FROM generate_series(1, 5) n"""
    )
    copied(case)
    case.execute(
        """ALTER TABLE events DETACH PARTITION events_2;
        CREATE TABLE events_3 PARTITION OF events FOR VALUES FROM ('2026-07-01') TO ('2028-01-01');
        INSERT INTO events SELECT * FROM events_2; DROP TABLE events_2;
        UPDATE events SET what = 'x' WHERE id = 300; DELETE FROM events WHERE id = 301;
        DELETE FROM leaf WHERE id = 1"""
    )

    loss = lost(case)

    # Only its partition has a key.
    assert numbers(loss) == {
        "public.events": (360, 361, 0, 1, 1),
        "public.leaf": (4, 5, 0, 1, 0),
    }
    assert loss.shape[-2:] == (
        "table public.events_2 is only in the copy",
        "table public.events_3 is only in the live database",
    )


def test_every_kind_of_value_is_compared(case: Case) -> None:
    case.execute(
        AWKWARD,
        """CREATE TABLE odd (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), n numeric,
            t timestamptz, j json, p point, x xml, big text);
        INSERT INTO odd (n, t, j, p, big) VALUES ('NaN', 'infinity', '{"a": 1}', '(1,2)',
            repeat('large', 100000)), (NULL, '-infinity', '[]', NULL, NULL)""",
    )
    copied(case)
    odd = '"Odd ""schema"" %s"."a\nline; -- \'quoted\' ünïcode %d {x}"'
    assert not any(table.differs for table in lost(case).tables)
    assert lost(case).shape == ()

    changed(
        case,
        "UPDATE odd SET j = '{\"a\": 2}', big = big || 'r' WHERE n = 'NaN'",
        "UPDATE users SET p = ROW(0, NULL)::pair WHERE id = 1",
        "UPDATE users SET tags = '{}' WHERE id = 2",
        "INSERT INTO no_columns DEFAULT VALUES",
        f"TRUNCATE {odd}",
    )

    differing = {table.table: counts(table)[2:] for table in lost(case).tables if table.differs}
    assert differing == {
        "public.odd": (0, 0, 1),
        "public.users": (0, 0, 2),
        "public.no_columns": (0, 1, 0),
        odd: (2, 0, 0),
    }


def test_what_there_is_no_time_for_is_estimated_or_unknown(embedded_case: Case) -> None:
    case = embedded_case
    case.execute(
        """CREATE TABLE users AS SELECT n AS id FROM generate_series(1, 1000) n; ANALYZE users;
        CREATE TABLE unseen AS SELECT 1 AS n"""
    )
    copied(case)
    changed(case, "DELETE FROM users WHERE id < 100", "VACUUM FULL ANALYZE users")

    unseen, users = lost(case, 0).tables

    assert users.precision is Precision.ESTIMATED
    assert counts(users) == (1000, 901, 99, 0, None)
    assert "no time left" in users.why
    assert unseen.precision is Precision.UNKNOWN
    assert counts(unseen) == (None, None, None, None, None)
    assert lost(case, 0).vanishing is None


def test_a_query_that_takes_too_long_is_ended_by_the_server(embedded_case: Case) -> None:
    case = embedded_case
    case.execute(
        """CREATE TABLE users AS SELECT n AS id FROM generate_series(1, 10) n; ANALYZE users;
        ALTER TABLE users ALTER id SET DEFAULT 1; CREATE TABLE few AS SELECT 1 AS id"""
    )
    copied(case)
    with case.server.superuser(case.name) as other, other.transaction():
        other.execute("LOCK TABLE users IN ACCESS EXCLUSIVE MODE")
        loss = lost(case, 1.5)
    few, users = loss.tables

    assert few.precision is Precision.EXACT
    assert users.precision is Precision.ESTIMATED
    assert "took too long" in users.why
    assert loss.shape == (
        "what else differs in the schema is unknown: canceling statement due to lock timeout",
    )
    assert case.rows("SELECT count(*) FROM pg_locks WHERE NOT granted") == [(0,)]


def test_what_cannot_be_read_is_unknown(embedded_case: Case) -> None:
    """Hidden rows are not rows that are not there."""
    case = embedded_case
    case.execute(
        """CREATE TABLE forbidden AS SELECT 1 AS n; CREATE TABLE hidden AS SELECT 1 AS n;
        CREATE TABLE users AS SELECT 1 AS n; ALTER TABLE hidden ENABLE ROW LEVEL SECURITY;
        CREATE POLICY none ON hidden USING (false)"""
    )
    case.server.execute(
        "ALTER TABLE forbidden OWNER TO postgres", "ALTER TABLE hidden OWNER TO postgres",
        f'GRANT SELECT ON hidden TO "{case.role}"', name=case.name,
    )  # fmt: skip
    copied(case)

    forbidden, hidden, users = lost(case).tables

    assert {forbidden.precision, hidden.precision} == {Precision.UNKNOWN}
    assert "permission denied" in forbidden.why
    assert "row-level security" in hidden.why
    assert users.precision is Precision.EXACT
    assert forbidden.differs


def test_a_lost_connection_is_an_error(restartable: Server, case_on: Callable[..., Case]) -> None:
    case = case_on(restartable)
    case.execute("CREATE TABLE users AS SELECT n AS id FROM generate_series(1, 10) n")
    copied(case)
    case.server.execute(
        f'ALTER DATABASE "{case.name}_copy" RENAME TO "{case.name}__lgq_one"',
        f'ALTER DATABASE "{case.name}__lgq_one" OWNER TO "{case.role}"',
    )
    driver, failed = case.driver(), list[LastgoodError]()

    def look() -> None:
        try:
            driver.loss(Copy(kind=Closed.QUARANTINED, id="one"), longest_s=LONGEST_S)
        except LastgoodError as error:
            failed.append(error)

    with suppress(psycopg.OperationalError), case.server.superuser(case.name) as other:
        other.execute("BEGIN; LOCK TABLE users IN ACCESS EXCLUSIVE MODE")
        looking = threading.Thread(target=look)
        looking.start()
        while case.rows("SELECT FROM pg_locks WHERE NOT granted", "postgres") == []:
            time.sleep(0.05)
        case.server.stop()
        looking.join(60)
    assert [error.code for error in failed] == ["database-lost"]
    assert failed[0].retryable
    case.server.start()


def test_a_server_that_hangs_is_taken_for_lost(
    embedded_case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = embedded_case
    case.execute("CREATE TABLE users AS SELECT n AS id FROM generate_series(1, 10) n")
    copied(case)
    monkeypatch.setattr(losing, "_GRACE_S", 1.0)
    with sides(case) as (live, copy):
        hanging = live.info.backend_pid
        os.kill(hanging, signal.SIGSTOP)
        try:
            with pytest.raises(psycopg.OperationalError):
                compare(live, copy, None, 0.5)
        finally:
            os.kill(hanging, signal.SIGCONT)
