"""Rows of named tables are made as a copy has them, and nothing else is touched."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.drivers.database.postgres.repaired import AGAIN, BEFORE, Repaired, left, table

from lastgood.errors import LastgoodError, RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.drivers.database.postgres.conftest import Case
    from tests.servers import Server

ODD = '"Odd ""one"" %s {}"'
SCHEMA = """
CREATE SCHEMA ODD;
CREATE TYPE mood AS ENUM ('good', 'bad');
CREATE TABLE users (id serial PRIMARY KEY, name text NOT NULL, email text UNIQUE,
    plan text DEFAULT 'free', mood mood DEFAULT 'good', number int GENERATED ALWAYS AS IDENTITY,
    loud text GENERATED ALWAYS AS (upper(name)) STORED, at timestamptz, blob bytea, tags text[]);
CREATE TABLE orders (id bigint PRIMARY KEY, owner int NOT NULL REFERENCES users ON DELETE CASCADE,
    price numeric);
CREATE TABLE items (n int, "order" bigint REFERENCES orders, what char(3),
    PRIMARY KEY (n, "order"));
CREATE TABLE tree (id int PRIMARY KEY, parent int REFERENCES tree);
CREATE TABLE events (id int, at date, what text, PRIMARY KEY (at, id)) PARTITION BY RANGE (at);
CREATE TABLE events_old PARTITION OF events FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE events_new PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE TABLE ODD.ODD (ODD text PRIMARY KEY, lg_number int, s text);
CREATE TABLE log (line text);
CREATE TABLE audit (line text);
CREATE TABLE countries (id int PRIMARY KEY, code text UNIQUE);
CREATE TABLE towns (id int PRIMARY KEY, country text REFERENCES countries (code)
    ON UPDATE CASCADE);
CREATE TABLE guests (id int, at date, event int, FOREIGN KEY (at, event)
    REFERENCES events_old (at, id) ON DELETE CASCADE);
CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY);
CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN INSERT INTO audit VALUES (TG_OP || TG_TABLE_NAME); RETURN NULL; END $$;
""".replace("ODD", ODD)
ROWS = """
INSERT INTO users (name, email, at, blob, tags)
    SELECT 'u' || n, n || '@shop', '2026-01-01', '\\x00ff', ARRAY['a,b', NULL]
      FROM generate_series(1, 1000) n;
INSERT INTO orders SELECT n, n, n + 0.50 FROM generate_series(1, 100) n;
INSERT INTO items SELECT 1, n, 'a' FROM generate_series(1, 100) n;
INSERT INTO tree VALUES (1, NULL), (2, 1), (3, 2);
INSERT INTO events VALUES (1, '2025-05-05', 'old'), (2, '2026-05-05', 'new');
INSERT INTO ODD.ODD VALUES ('it''s', 1, 'right');
INSERT INTO countries VALUES (1, 'de'), (2, 'at');
INSERT INTO towns VALUES (1, 'de');
CREATE TRIGGER shout AFTER INSERT OR UPDATE OR DELETE ON users
    FOR EACH ROW EXECUTE FUNCTION shout();
CREATE TRIGGER shout AFTER UPDATE ON events FOR EACH ROW EXECUTE FUNCTION shout();
CREATE TRIGGER gone AFTER DELETE ON orders FOR EACH ROW EXECUTE FUNCTION shout();
""".replace("ODD", ODD)
# The release's damage, and what users did rightly meanwhile.
SINCE = """
UPDATE users SET name = 'NULL', mood = 'bad', blob = NULL, tags = NULL WHERE id <= 500;
UPDATE users SET plan = 'paid' WHERE id % 100 = 0;
INSERT INTO users (name, email) VALUES ('new', 'new@shop');
INSERT INTO orders VALUES (101, 1001, 7), (102, 7, 7);
DELETE FROM items WHERE "order" <= 20;
DELETE FROM orders WHERE id <= 20;
UPDATE items SET what = 'z' WHERE "order" = 30;
DELETE FROM tree WHERE id > 1;
UPDATE events SET at = at + 365, what = 'moved' WHERE id = 1;
UPDATE ODD.ODD SET s = 'it''s %s {} "wrong"';
""".replace("ODD", ODD)


@pytest.fixture
def spoilt(case: Case) -> Repaired:
    """Half of the users are spoilt, and orders are gone; on each server."""
    repaired = Repaired(case)
    repaired.begin(SCHEMA + ROWS)
    repaired.write(SINCE)
    return repaired


@pytest.fixture
def small(embedded: Server, case_on: Callable[..., Case]) -> Repaired:
    """On one server."""
    repaired = Repaired(case_on(embedded))
    repaired.begin(SCHEMA + ROWS)
    return repaired


def refused(repaired: Repaired, code: str, *tables: str, **more: object) -> LastgoodError:
    before = repaired.content()
    with pytest.raises(LastgoodError) as error:
        repaired.repair(*tables, **more)  # type: ignore[arg-type]
    assert error.value.code == code
    assert repaired.content() == before
    assert repaired.befores() == []
    return error.value


def test_one_column_is_repaired_and_later_changes_to_others_stay(spoilt: Repaired) -> None:
    rows = spoilt.case.rows
    before = spoilt.content()

    rehearsed = spoilt.repair("public.users", columns=("name",), dry_run=True)
    assert spoilt.content() == before
    assert (spoilt.befores(), spoilt.fences) == ([], [])

    done = spoilt.repair("public.users", columns=("name",), accepted=500)

    one = table(done, "public.users")
    assert (one.overwritten, one.returned, one.newer, one.left) == (500, 0, 1, 0)
    assert rehearsed.tables == done.tables
    assert (done.before, spoilt.befores(), spoilt.fences) == (BEFORE, [BEFORE], ["asked"])
    assert rows("SELECT count(*) FROM users WHERE name = 'u' || id AND loud = 'U' || id") == [
        (1000,)
    ]
    assert rows("SELECT count(*) FROM users WHERE plan = 'paid'") == [(10,)]
    assert rows("SELECT count(*) FROM users WHERE mood = 'bad'") == [(500,)]
    assert rows("SELECT count(*) FROM audit") == [(0,)]

    again = spoilt.repair("public.users", columns=("name",), before=AGAIN, accepted=0)
    assert (again.overwritten, again.before, spoilt.befores()) == (0, "", [BEFORE])

    taken = spoilt.take_back()
    assert (taken.overwritten, taken.left) == (500, 0)
    assert (spoilt.content(), spoilt.befores()) == (before, [])


def test_whole_tables_come_back_in_order_and_go_again(spoilt: Repaired) -> None:
    rows, before = spoilt.case.rows, spoilt.content()
    names = ("public.items", "orders", "users", "tree", "events", f"{ODD}.{ODD}")

    done = spoilt.repair(*names)

    assert {one.table: (one.overwritten, one.returned, one.newer) for one in done.tables} == {
        "public.users": (505, 0, 1),
        "public.orders": (0, 20, 2),
        "public.items": (1, 20, 0),
        "public.tree": (0, 2, 0),
        "public.events": (0, 1, 1),
        f"{ODD}.{ODD}": (1, 0, 0),
    }
    assert done.left == 0
    assert rows("SELECT count(*) FROM users WHERE blob = '\\x00ff' AND tags[1] = 'a,b'") == [
        (1000,)
    ]
    assert rows("SELECT count(*) FROM users WHERE plan = 'paid'") == [(0,)]
    assert rows("SELECT price FROM orders WHERE id IN (1, 101) ORDER BY id::int")[0][0] == 1.5
    assert rows("SELECT s FROM ODD.ODD".replace("ODD", ODD)) == [("right",)]
    assert rows("SELECT id, at::text FROM events_old") == [(1, "2025-05-05")]
    assert rows("SELECT count(*) FROM audit") == [(0,)]
    modes = "SELECT DISTINCT tgenabled::text FROM pg_trigger WHERE NOT tgisinternal"
    assert rows(modes) == [("O",)]

    # What came back is used since: it stays, with what refers to it.
    spoilt.case.execute("INSERT INTO items VALUES (9, 5, 'x'), (9, 6, 'x')")
    spoilt.case.execute("UPDATE users SET plan = 'gold' WHERE id = 7")
    spoilt.case.execute("INSERT INTO guests VALUES (1, '2025-05-05', 1)")
    taken = spoilt.take_back()
    assert left(table(taken, "public.events")) == {("2025-05-05/1", "needed", "")}
    assert left(table(taken, "public.orders")) == {("5", "needed", ""), ("6", "needed", "")}
    assert left(table(taken, "public.users")) == {("7", "changed", "")}
    assert table(taken, "public.tree").removed == 2
    assert table(taken, "public.items").removed == 20
    assert spoilt.befores() == [BEFORE]
    spoilt.case.execute(
        "DELETE FROM guests",
        "ALTER TABLE events DISABLE TRIGGER shout",
        "DELETE FROM events WHERE at = '2025-05-05'",
        "ALTER TABLE events ENABLE TRIGGER shout",
        "DELETE FROM items WHERE n = 9",
        "DELETE FROM orders WHERE id IN (5, 6)",
        "ALTER TABLE users DISABLE TRIGGER shout",
        "UPDATE users SET name = 'NULL', mood = 'bad', blob = NULL, tags = NULL, plan = 'free' "
        "WHERE id = 7",
        "ALTER TABLE users ENABLE TRIGGER shout",
        "DELETE FROM audit",
    )
    assert spoilt.content() == before


def test_only_rows_that_meet_conditions(spoilt: Repaired) -> None:
    where = (("name", "=", "NULL"), ("id", ">", "100"), ("plan", "!=", "paid"))
    assert spoilt.repair("users", where=where).overwritten == 396
    assert spoilt.case.rows("SELECT count(*) FROM users WHERE plan = 'paid'") == [(10,)]
    some = spoilt.repair("orders", where=(("id", "<=", "5"),), before=AGAIN)
    assert (some.returned, some.tables[0].newer) == (5, 0)
    assert spoilt.befores() == [BEFORE, AGAIN]
    spoilt.case.driver().drop_before(AGAIN)
    assert spoilt.befores() == [BEFORE]
    with pytest.raises(RefusedError) as error:
        spoilt.take_back(AGAIN)
    assert error.value.code == "no-before"


def test_what_the_table_does_not_take_is_left_out_and_said(small: Repaired) -> None:
    small.write(
        """
        UPDATE users SET email = 'x' WHERE id = 1;
        INSERT INTO users (id, name, email) VALUES (2000, 'thief', '1@shop');
        UPDATE users SET email = 'free' WHERE id = 13;
        UPDATE users SET email = '13@shop' WHERE id = 12;
        UPDATE users SET email = '12@shop' WHERE id = 11;
        UPDATE users SET email = '11@shop' WHERE id = 10;
        DELETE FROM users WHERE id = 50;
        DELETE FROM orders WHERE id IN (50, 51);
        UPDATE orders SET owner = 51 WHERE id = 60; DELETE FROM users WHERE id = 60;
        """
    )

    orders = small.repair("orders")
    assert left(orders.tables[0]) == {
        ("50", "orphan", "orders_owner_fkey"),
        ("60", "orphan", "orders_owner_fkey"),
    }
    assert (orders.returned, orders.overwritten) == (1, 0)

    both = small.repair("orders", "users", before=AGAIN)
    users = table(both, "public.users")
    assert left(users) == {("1", "taken", "users_email_key")}
    # Each of a chain gets back what the next one had taken; whose parents came back come back.
    assert (users.overwritten, users.returned) == (4, 2)
    assert table(both, "public.orders").returned == 1
    assert both.left == 1


def test_sequences_go_on_behind_what_came_back(small: Repaired) -> None:
    small.write("DELETE FROM users WHERE id > 990; SELECT setval('users_id_seq', 990)")
    assert small.repair("users").sequences == {"users_id_seq": 1001}
    assert small.case.rows("SELECT nextval('users_id_seq')") == [(1001,)]


@pytest.mark.parametrize(
    ("name", "cause"),
    [
        ("log", "no key"),
        ("alembic_version", "migration tool"),
        ("countries", "towns_country_fkey"),
        ("copied", "copy has no such table"),
        ("ruled", "a rule"),
        ("secured", "row security"),
        ("demanding", "must have a value"),
    ],
)
def test_tables_that_cannot_be_repaired(small: Repaired, name: str, cause: str) -> None:
    if name == "ruled":
        small.case.execute("CREATE RULE none AS ON UPDATE TO towns DO INSTEAD NOTHING")
    elif name == "secured":
        small.case.execute("ALTER TABLE towns ENABLE ROW LEVEL SECURITY")
        small.case.execute("ALTER TABLE towns FORCE ROW LEVEL SECURITY")
    elif name == "demanding":
        small.case.execute("DELETE FROM towns", "ALTER TABLE towns ADD more int NOT NULL")
    elif name == "copied":
        small.case.execute("CREATE TABLE copied (id int PRIMARY KEY)")
    wanted = name if name in ("log", "alembic_version", "countries", "copied") else "towns"
    error = refused(small, "not-repairable", "users", wanted)
    assert cause in error.cause


def test_names_and_values_that_mean_nothing(small: Repaired) -> None:
    small.write("UPDATE users SET name = 'x' WHERE id < 4")
    assert "users" in refused(small, "no-table", "usres").cause
    refused(small, "no-column", "users", columns=("nam",))
    refused(small, "no-column", "users", where=(("nam", "=", "x"),))
    refused(small, "no-value", "users", where=(("id", "=", "one"),))
    refused(small, "no-value", "users", where=(("blob", "<", "\\x0"),))
    for fixed in ("id", "number", "loud"):
        refused(small, "not-repairable", "users", columns=(fixed,))
    refused(small, "loss-over-accepted", "users", accepted=2)
    hostile = (("name", "=", "x' OR true; DROP TABLE users; --"),)
    assert small.repair("users", where=hostile).overwritten == 0


def test_columns_that_only_one_side_has(small: Repaired) -> None:
    small.write("UPDATE users SET name = 'x' WHERE id = 1")
    small.case.execute(
        "ALTER TABLE users DROP COLUMN tags, ADD COLUMN more text, ALTER mood TYPE text"
    )
    done = small.repair("users", accepted=1)
    assert (done.overwritten, done.left) == (1, 0)
    assert any("tags" in said for said in done.tables[0].said)
    small.case.execute("ALTER TABLE users DROP COLUMN plan")
    with pytest.raises(RefusedError) as error:
        small.take_back()
    assert error.value.code == "not-repairable"


def test_event_triggers_refuse(small: Repaired) -> None:
    small.write(
        "CREATE FUNCTION told() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN END $$;"
        "CREATE EVENT TRIGGER told ON ddl_command_end EXECUTE FUNCTION told()"
    )
    assert "told" in refused(small, "not-repairable", "users").cause
