"""A fingerprint is the same after a restore, whatever is in the database, and no other's."""

from __future__ import annotations

import threading
import time
from itertools import chain
from typing import TYPE_CHECKING

import psycopg
import pytest

from lastgood.drivers.database.postgres.client.child import CHUNK

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.drivers.database.postgres.conftest import Case
    from tests.servers import Server

    from lastgood.drivers.database.postgres.driver import PostgresDatabase

AWKWARD = r"""
CREATE SCHEMA "Odd ""schema"" %s";
CREATE TYPE mood AS ENUM ('ok', 'not "ok"', 'it''s');
ALTER TYPE mood ADD VALUE 'between' BEFORE 'it''s';
CREATE DOMAIN positive AS numeric CONSTRAINT above CHECK (VALUE > 0);
CREATE TYPE pair AS (a int, b text);
CREATE TYPE span AS RANGE (subtype = float8);
CREATE TABLE users (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, email varchar(80) UNIQUE,
    status varchar(10) DEFAULT 'new' CHECK (status IN ('new', 'old')), mood mood,
    upper text GENERATED ALWAYS AS (upper(email)) STORED, price positive, p pair, s span,
    dropped int, at timestamptz, took interval, bytes bytea, ratio float8, small real,
    cost money, tags text[], doc jsonb, addr inet, bits varbit);
ALTER TABLE users DROP COLUMN dropped;
INSERT INTO users (email, status, mood, price, p, s, at, took, bytes, ratio, small, cost, tags, doc,
    addr, bits) SELECT 'u' || n, 'new', 'it''s', n + 0.10, ROW(n, E'a\nb')::pair, span(n, n + 1),
    timestamptz '2026-03-29 01:30+01' + n * interval '1 hour', n * interval '1 day 2 min',
    decode(md5(n::text), 'hex'), 1.0 / (n + 2), 0.1, n::money, ARRAY['a,b', NULL, ''],
    '{"a": [1, null]}', '10.0.0.1/8', B'1011' FROM generate_series(0, 400) n;
CREATE TABLE no_key (lg int, t text, "lg.*" text);
INSERT INTO no_key VALUES (1, 'x', 'y'), (1, 'x', 'y'), (NULL, NULL, NULL);
CREATE TABLE no_columns ();
INSERT INTO no_columns DEFAULT VALUES;
CREATE TABLE empty (id int);
CREATE UNLOGGED TABLE fleeting AS SELECT generate_series(1, 7) AS n;
CREATE TABLE "Odd ""schema"" %s"."a
line; -- 'quoted' ünïcode %d {x}" ("select" int PRIMARY KEY, "a %s" text);
INSERT INTO "Odd ""schema"" %s"."a
line; -- 'quoted' ünïcode %d {x}" VALUES (1, 'ünïcode'), (2, E'tab\tand \\ backslash');
CREATE TABLE events (at date, what text) PARTITION BY RANGE (at);
CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2026-06-01');
CREATE TABLE events_2 PARTITION OF events FOR VALUES FROM ('2026-06-01') TO ('2027-01-01')
    PARTITION BY LIST (what);
CREATE TABLE events_2a PARTITION OF events_2 DEFAULT;
CREATE INDEX ON events (at);
INSERT INTO events SELECT '2026-01-01'::date + n, 'w' || n FROM generate_series(0, 360) n;
CREATE TABLE parent (a int);
CREATE TABLE child (b int) INHERITS (parent);
INSERT INTO parent VALUES (1); INSERT INTO child VALUES (2, 3);
CREATE TABLE refers (id int REFERENCES users, other int);
INSERT INTO refers VALUES (1, 99);
ALTER TABLE refers ADD CONSTRAINT later FOREIGN KEY (other) REFERENCES users NOT VALID;
CREATE VIEW seen AS SELECT id, email FROM users WHERE status IN ('new', 'old');
CREATE MATERIALIZED VIEW counted AS SELECT count(*) AS n FROM users;
CREATE MATERIALIZED VIEW unfilled AS SELECT 1 AS n WITH NO DATA;
CREATE FUNCTION double(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 * 2';
CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE FUNCTION fresh(v varchar) RETURNS bool LANGUAGE sql BEGIN ATOMIC
    SELECT v IN ('new', 'fresh'); END;
CREATE FUNCTION indented() RETURNS int LANGUAGE plpgsql AS $$
    BEGIN
        RETURN (1 + 2) * 3;
    END $$;
CREATE PROCEDURE nothing() LANGUAGE sql AS 'SELECT 1';
CREATE AGGREGATE total(int) (SFUNC = int4pl, STYPE = int, INITCOND = '0');
CREATE TRIGGER stamped BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION stamp();
ALTER TABLE users DISABLE TRIGGER stamped;
CREATE INDEX on_double ON users (double(id)) WHERE status = 'new';
CREATE STATISTICS together ON email, status FROM users;
CREATE RULE quiet AS ON DELETE TO no_key DO INSTEAD NOTHING;
CREATE SEQUENCE up; SELECT nextval('up'), nextval('up');
CREATE SEQUENCE down INCREMENT -3 MAXVALUE 10 START 10; SELECT nextval('down');
CREATE SEQUENCE untouched START 7;
CREATE SEQUENCE edge AS bigint; SELECT setval('edge', 9223372036854775807);
SELECT lo_from_bytea(0, decode('00ff', 'hex')), lo_from_bytea(0, ''),
       lo_from_bytea(0, convert_to(repeat('large', 500000), 'UTF8'));
"""


def round_trip(driver: PostgresDatabase) -> None:
    with driver.snapshot(120) as snapshot:
        before = snapshot.fingerprint()
        driver.restore("copy", snapshot.dump())
        assert snapshot.fingerprint() == before
    after = driver.fingerprint("copy")
    assert after.tables == before.tables
    assert after.sequences == before.sequences
    assert after.large_objects == before.large_objects
    assert after.shape == before.shape
    assert after == before


def test_awkward_things_come_back_the_same(case: Case) -> None:
    case.execute(AWKWARD)
    driver = case.driver()

    round_trip(driver)

    found = driver.fingerprint("copy")
    rows = {table.table: table.rows for table in found.tables}
    assert rows["public.users"] == 401
    assert rows["public.no_columns"] == 1
    assert rows["public.fleeting"] == 7
    assert rows["public.events_1"] + rows["public.events_2a"] == 361
    assert (rows["public.parent"], rows["public.child"]) == (1, 1)
    assert not rows.keys() & {"public.events", "public.events_2", "public.seen", "public.counted"}
    assert found.sequences["public.up"] == "3 +1"
    assert found.sequences["public.down"] == "7 -3"
    assert found.sequences["public.untouched"] == "7 +1"
    assert found.sequences["public.edge"] == "9223372036854775808 +1"
    assert found.large_objects.startswith("3 ")


def test_settings_of_role_and_database_change_nothing(case: Case) -> None:
    case.execute(AWKWARD)
    with case.driver().snapshot(60) as snapshot:
        before = snapshot.fingerprint()

    case.server.execute(
        *(
            f"ALTER {whose} SET {setting}"
            for whose in (f'DATABASE "{case.name}"', f'ROLE "{case.role}"')
            for setting in (
                "datestyle TO 'German, DMY'",
                "timezone TO 'Asia/Tokyo'",
                "extra_float_digits TO -5",
                "intervalstyle TO 'sql_standard'",
                "bytea_output TO 'escape'",
                "search_path TO public",
                "quote_all_identifiers TO on",
                "statement_timeout TO '1h'",
            )
        )
    )

    with case.driver().snapshot(60) as snapshot:
        assert snapshot.fingerprint() == before


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE users SET email = 'u0x' WHERE id = 1",
        "UPDATE users SET ratio = ratio + 1e-15 WHERE id = 1",
        "UPDATE no_key SET t = '' WHERE t IS NULL",
        "DELETE FROM users WHERE id = 7",
        "INSERT INTO no_key VALUES (1, 'x', 'y')",
        "SELECT nextval('up')",
        "SELECT lo_put((SELECT min(oid) FROM pg_largeobject_metadata), 0, 'x')",
        "SELECT lo_create(0)",
        "ALTER TABLE refers VALIDATE CONSTRAINT again",
        "DROP INDEX on_double",
        "CREATE INDEX more ON users (status)",
        "ALTER TABLE users ENABLE TRIGGER stamped",
        "CREATE OR REPLACE FUNCTION double(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 3'",
        """CREATE OR REPLACE FUNCTION indented() RETURNS int LANGUAGE plpgsql AS $$
    BEGIN
        RETURN 1 + (2 * 3);
    END $$""",
        "CREATE OR REPLACE VIEW seen AS SELECT id, email FROM users WHERE status IN ('new')",
        "ALTER TABLE users ALTER status SET DEFAULT 'old'",
        "ALTER TABLE empty ADD COLUMN more int",
        "ALTER TABLE empty ALTER id TYPE bigint",
        "ALTER TYPE mood ADD VALUE 'last'",
        "ALTER SEQUENCE untouched INCREMENT 2",
        "ALTER TABLE no_key ENABLE ROW LEVEL SECURITY",
        "CREATE TABLE another ()",
        "DROP TABLE empty",
    ],
)
def test_every_change_shows(awkward: Case, change: str) -> None:
    with awkward.driver().snapshot(60) as snapshot:
        before = snapshot.fingerprint()

    awkward.execute(change)

    with awkward.driver().snapshot(60) as snapshot:
        assert snapshot.fingerprint() != before


@pytest.fixture
def awkward(embedded_case: Case) -> Case:
    embedded_case.execute(
        AWKWARD,
        "INSERT INTO users (id, email) OVERRIDING SYSTEM VALUE SELECT 99999, 'target'",
        "ALTER TABLE refers ADD CONSTRAINT again CHECK (other > 0) NOT VALID",
    )
    return embedded_case


def test_what_is_written_meanwhile_is_not_in_the_snapshot(embedded_case: Case) -> None:
    embedded_case.execute("CREATE TABLE t (n int)", "INSERT INTO t VALUES (1)")
    driver = embedded_case.driver()

    with driver.snapshot(60) as snapshot:
        embedded_case.execute("INSERT INTO t VALUES (2)", "CREATE TABLE later ()")
        before = snapshot.fingerprint()
        driver.restore("copy", snapshot.dump())

    assert [(table.table, table.rows) for table in before.tables] == [("public.t", 1)]
    assert driver.fingerprint("copy") == before


@pytest.mark.parametrize(
    ("like", "text"),
    [
        ("ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'", "é"),
        ("ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'", "é"),
        ("ENCODING 'EUC_JP' LC_COLLATE 'C' LC_CTYPE 'C'", "日本"),
    ],
)
def test_other_encodings(
    server: Server, case_on: Callable[..., Case], like: str, text: str
) -> None:
    case = case_on(server, like=f"TEMPLATE template0 {like}")
    case.execute(f'CREATE TABLE "t {text}" (a text)', f'ALTER TABLE "t {text}" ADD "{text}" text')
    case.execute("CREATE TABLE t (a text)", f"COMMENT ON TABLE t IS '{text}'")
    if "ASCII" in like:
        # Bytes that are no text in any encoding.
        case.execute(r"""INSERT INTO t VALUES (E'\xff\xfe')""")
    driver = case.driver()

    round_trip(driver)

    alike = "SELECT DISTINCT datcollate, encoding FROM pg_database WHERE datname ^@ '{}'"
    assert len(case.databases()) == 2
    assert len(case.rows(alike.format(case.name))) == 1


def test_another_collation_is_kept(debian: Server, case_on: Callable[..., Case]) -> None:
    like = "TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'de-DE' LOCALE 'C'"
    case = case_on(debian, like=like)
    case.execute("CREATE TABLE t (a text)", "INSERT INTO t VALUES ('ä'), ('z')")
    driver = case.driver()

    round_trip(driver)

    row = "SELECT daticulocale FROM pg_database WHERE datname = '{}__lg_copy'"
    assert case.rows(row.format(case.name)) == [("de-DE",)]


def test_a_table_that_is_dropped_while_we_begin_is_no_fault(embedded_case: Case) -> None:
    case = embedded_case
    case.execute("CREATE TABLE stays (n int)", "CREATE TABLE going (n int)")
    found: list[str] = []

    def begin() -> None:
        with case.driver().snapshot(60) as snapshot:
            found.extend(table.table for table in snapshot.fingerprint().tables)

    with psycopg.connect(case.dsn) as migration:
        migration.execute("DROP TABLE going")
        beginning = threading.Thread(target=begin)
        beginning.start()
        while case.rows("SELECT count(*) FROM pg_locks WHERE NOT granted") == [(0,)]:
            time.sleep(0.02)
        migration.commit()
    beginning.join()

    assert found == ["public.stays"]


def test_what_is_emptied_meanwhile_waits_for_us(embedded_case: Case) -> None:
    """TRUNCATE empties a table for older snapshots too."""
    case = embedded_case
    case.execute("CREATE TABLE t AS SELECT md5(n::text) AS t FROM generate_series(1, 999) n")
    driver = case.driver()
    with driver.snapshot(60) as snapshot:
        dump = snapshot.dump()
        first = next(dump)
        emptying = threading.Thread(target=case.execute, args=("TRUNCATE t",))
        emptying.start()
        while case.rows("SELECT count(*) FROM pg_locks WHERE NOT granted") == [(0,)]:
            time.sleep(0.02)
        driver.restore("one", _through(chain([first], dump)))
        # The dump is over, and so are its locks; ours are not.
        before = snapshot.fingerprint()
    emptying.join()

    assert before.rows == 999
    assert driver.fingerprint("one") == before


def test_a_busy_sequence_is_never_behind(embedded_case: Case) -> None:
    embedded_case.execute("CREATE SEQUENCE busy")
    driver = embedded_case.driver()

    with driver.snapshot(60) as snapshot:
        embedded_case.execute("SELECT nextval('busy') FROM generate_series(1, 10)")
        driver.restore("one", snapshot.dump())
        embedded_case.execute("SELECT nextval('busy') FROM generate_series(1, 10)")
        before = snapshot.fingerprint()

    assert before.sequences == {"public.busy": "1 +1"}
    assert driver.fingerprint("one").sequences == {"public.busy": "11 +1"}


def _through(chunks: Iterator[bytes]) -> Iterator[bytes]:
    for chunk in chunks:
        assert 0 < len(chunk) <= CHUNK
        yield chunk
