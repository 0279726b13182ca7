"""Rows written since the backup are brought back: in order, never over others, wholly or not."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from tests.drivers.database.postgres.replaced import ID, Swapped, dropped, swapped_on

from lastgood.model.salvage import Hindrance

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lastgood.model.salvage import Salvage, TableSalvage

ODD = '"Odd ""one"" %s {}"'
SCHEMA = """
CREATE SCHEMA ODD;
CREATE TYPE mood AS ENUM ('good', 'bad');
CREATE DOMAIN short AS varchar(5) CHECK (VALUE <> 'no');
CREATE TABLE users (id serial PRIMARY KEY, email text NOT NULL UNIQUE,
    mood mood DEFAULT 'good', word short, CHECK (email LIKE '%@%' AND '{}'::text[] IS NOT NULL));
CREATE UNIQUE INDEX lower_email ON users (lower(email)) WHERE mood = 'good';
CREATE TABLE orders (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    owner int NOT NULL REFERENCES users, price numeric,
    twice numeric GENERATED ALWAYS AS (price * 2) STORED,
    doc jsonb, blob bytea, tags text[], moods mood[]);
CREATE TABLE items ("order" bigint REFERENCES orders, n int, what text, PRIMARY KEY (n, "order"));
CREATE TABLE tree (id int PRIMARY KEY, parent int REFERENCES tree);
CREATE TABLE hen (id int PRIMARY KEY, egg int NOT NULL);
CREATE TABLE egg (id int PRIMARY KEY, hen int NOT NULL REFERENCES hen);
ALTER TABLE hen ADD FOREIGN KEY (egg) REFERENCES egg;
CREATE TABLE cock (id int PRIMARY KEY, chick int NOT NULL, name text UNIQUE);
CREATE TABLE chick (id int PRIMARY KEY, cock int NOT NULL REFERENCES cock
    DEFERRABLE INITIALLY DEFERRED);
ALTER TABLE cock ADD FOREIGN KEY (chick) REFERENCES chick DEFERRABLE INITIALLY DEFERRED;
CREATE TABLE events (id int, at date, owner int REFERENCES users, PRIMARY KEY (at, id))
    PARTITION BY RANGE (at);
CREATE TABLE events_old PARTITION OF events FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE events_new PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE TABLE rooms (id int PRIMARY KEY, during int4range, EXCLUDE USING gist (during WITH &&));
CREATE TABLE log (line text);
CREATE TABLE ruled (id int PRIMARY KEY);
CREATE RULE nothing AS ON INSERT TO ruled DO INSTEAD NOTHING;
CREATE TABLE secured (id int PRIMARY KEY);
CREATE POLICY hidden ON secured USING (id < 2);
CREATE TABLE changed (id int PRIMARY KEY, dropped text, kept varchar(9), big int);
CREATE TABLE stricter (id int PRIMARY KEY, a int, b int);
CREATE TABLE demanding (id int PRIMARY KEY);
CREATE TABLE ODD.ODD (ODD text PRIMARY KEY, lg_number int);
CREATE TABLE audit (line text);
CREATE SEQUENCE down INCREMENT -1;
CREATE TABLE falling (id int PRIMARY KEY DEFAULT nextval('down'));
CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN INSERT INTO audit VALUES (TG_NAME || ' ' || TG_TABLE_NAME); RETURN NEW; END $$;
CREATE TRIGGER plain BEFORE INSERT OR UPDATE ON users FOR EACH ROW EXECUTE FUNCTION shout();
CREATE TRIGGER always AFTER INSERT ON users FOR EACH ROW EXECUTE FUNCTION shout();
ALTER TABLE users ENABLE ALWAYS TRIGGER always;
CREATE TRIGGER never AFTER INSERT ON users EXECUTE FUNCTION shout();
ALTER TABLE users DISABLE TRIGGER never;
CREATE TRIGGER standby AFTER INSERT ON users EXECUTE FUNCTION shout();
ALTER TABLE users ENABLE REPLICA TRIGGER standby;
CREATE CONSTRAINT TRIGGER late AFTER INSERT ON orders DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION shout();
CREATE TRIGGER parts AFTER INSERT ON events FOR EACH ROW EXECUTE FUNCTION shout();
CREATE TRIGGER part AFTER INSERT ON events_old FOR EACH ROW EXECUTE FUNCTION shout();
ALTER TABLE events_new DISABLE TRIGGER parts;
""".replace("ODD", ODD)
ROWS = """
INSERT INTO users (email) SELECT n || '@shop' FROM generate_series(1, 20) n;
INSERT INTO orders (owner, price) SELECT n, n FROM generate_series(1, 20) n;
INSERT INTO tree VALUES (1, NULL);
INSERT INTO rooms VALUES (1, '[1,2)');
CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY);
INSERT INTO alembic_version VALUES ('0001');
INSERT INTO events VALUES (1, '2026-01-01', 1);
INSERT INTO ODD.ODD VALUES ('same');
GRANT SELECT ON users TO pg_monitor WITH GRANT OPTION;
GRANT UPDATE (email) ON users TO pg_monitor;
GRANT USAGE ON SCHEMA ODD TO PUBLIC;
""".replace("ODD", ODD)
# In the database that was replaced afterwards.
SINCE_THE_BACKUP = """
INSERT INTO users (id, email, mood, word) VALUES (101, 'new@shop', 'bad', 'word'),
    (102, 'taken@shop', 'bad', NULL), (103, 'Clash@shop', 'good', NULL);
UPDATE users SET mood = 'bad' WHERE id = 5;
DELETE FROM users WHERE id = 20 AND false;
INSERT INTO orders (id, owner, price, doc, blob, tags, moods) OVERRIDING SYSTEM VALUE VALUES
    (201, 101, 1.50, '{"a": [1, null]}', '\\x00ff0a5c09',
     '{"a,b",NULL,"\\\\ "}', '{good,bad}'),
    (202, 102, 2, NULL, NULL, NULL, NULL), (203, 3, 3, NULL, NULL, NULL, NULL);
INSERT INTO items VALUES (201, 1, E'tab\\tline\\nend\\\\.'), (202, 1, 'orphan'), (203, 1, 'back');
DELETE FROM orders WHERE id = 7;
INSERT INTO tree VALUES (9, NULL), (8, 9), (7, 8), (6, 7), (5, 1), (4, 5), (3, 99);
WITH e AS (INSERT INTO egg VALUES (1, 1), (2, 2)) INSERT INTO hen VALUES (1, 1), (2, 2);
WITH c AS (INSERT INTO chick VALUES (1, 1), (2, 2))
    INSERT INTO cock VALUES (1, 1, 'free'), (2, 2, 'gone');
INSERT INTO events VALUES (2, '2025-05-05', 101), (3, '2026-05-05', 101), (4, '2026-06-06', 102);
INSERT INTO rooms VALUES (2, '[10,20)'), (3, '[30,40)');
INSERT INTO log VALUES ('a'), ('b');
INSERT INTO secured VALUES (1);
INSERT INTO ruled VALUES (1);
INSERT INTO changed VALUES (1, 'x', 'fits', 1), (2, 'x', 'too long', 1), (3, 'x', 'y', 99999);
INSERT INTO stricter VALUES (1, 1, 1), (2, 7, NULL), (3, 7, 2), (4, -1, 3);
INSERT INTO demanding VALUES (1);
UPDATE alembic_version SET version_num = '0002';
INSERT INTO ODD.ODD VALUES ('it''s "new" %s {}', 1);
INSERT INTO falling DEFAULT VALUES;
INSERT INTO falling DEFAULT VALUES;
CREATE TABLE newer (id int);
GRANT SELECT ON newer TO PUBLIC;
INSERT INTO newer VALUES (1);
REVOKE ALL (email) ON users FROM pg_monitor;
REVOKE GRANT OPTION FOR SELECT ON users FROM pg_monitor;
REVOKE USAGE ON SCHEMA ODD FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION shout() FROM PUBLIC;
""".replace("ODD", ODD)
# In the one that took its place.
SINCE_THE_SWAP = """
INSERT INTO users (id, email) VALUES (90, 'taken@shop'), (91, 'clash@shop');
INSERT INTO cock VALUES (7, 7, 'gone'); INSERT INTO chick VALUES (7, 7);
INSERT INTO rooms VALUES (7, '[15,16)');
ALTER TABLE secured ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE changed DROP COLUMN dropped, ALTER kept TYPE varchar(5), ALTER big TYPE smallint;
ALTER TABLE stricter ADD UNIQUE (a), ADD CHECK (a > 0);
ALTER TABLE demanding ADD COLUMN more int NOT NULL;
"""


@dataclass
class Story:
    """What happened to a database with every kind of table, step by step."""

    swapped: Swapped
    audited: list[Any]
    before: bytes
    rehearsed: Salvage
    after_rehearsal: bytes
    first: Salvage
    after_first: bytes
    second: Salvage
    after_second: bytes

    def table(self, name: str) -> TableSalvage:
        return next(one for one in self.first.tables if one.table == name)

    def outcome(self, name: str) -> tuple[int, int, set[tuple[str, Hindrance, str]]]:
        one = self.table(name)
        found = {("/".join(c.key.values()), c.why, c.said) for c in one.conflicts}
        assert one.found == one.brought + one.left
        assert len(one.conflicts) == (one.left if not one.why else 0)
        return one.brought, one.left, found

    def rows(self, query: str) -> list[Any]:
        return self.swapped.case.rows(query)


@pytest.fixture(scope="module", params=["embedded", "debian"])
def story(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Story]:
    """Salvaged by an ordinary owner."""
    server = request.getfixturevalue(request.param)
    swapped = swapped_on(server, tmp_path_factory.mktemp("salvage"))
    swapped.begin(SCHEMA + ROWS)
    swapped.write(SINCE_THE_BACKUP)
    swapped.swap()
    swapped.write(SINCE_THE_SWAP)
    before = swapped.content()
    rehearsed = swapped.salvage(dry_run=True)
    assert swapped.fences == []
    yield Story(
        swapped,
        audited=swapped.case.rows("SELECT count(*) FROM audit"),
        before=before,
        rehearsed=rehearsed,
        after_rehearsal=swapped.content(),
        first=swapped.salvage(),
        after_first=swapped.content(),
        second=swapped.salvage(),
        after_second=swapped.content(),
    )
    dropped(swapped)


def test_a_rehearsal_says_the_same_and_changes_nothing(story: Story) -> None:
    assert story.after_rehearsal == story.before
    assert story.rehearsed == story.first


def test_the_second_finds_nothing_to_bring(story: Story) -> None:
    assert story.swapped.fences
    assert story.second.brought == 0
    assert story.second.left == story.first.left
    assert story.second.sequences == {}
    assert story.after_second == story.after_first


def test_the_schema_stays_the_one_that_the_migration_tool_is_told_of(story: Story) -> None:
    one = story.table("public.alembic_version")
    assert (one.found, one.brought) == (0, 0)
    assert "migration" in one.why
    assert story.rows("SELECT version_num FROM alembic_version") == [("0001",)]


def test_values_come_back_as_they_were(story: Story) -> None:
    assert story.outcome("public.orders")[0] == 2
    assert story.rows(
        "SELECT owner, price, twice, doc::text, blob, tags, moods::text FROM orders WHERE id = 201"
    ) == [
        (101, Decimal("1.50"), Decimal("3.00"), '{"a": [1, null]}', b"\x00\xff\x0a\x5c\x09",
         ["a,b", None, "\\ "], "{good,bad}"),
    ]  # fmt: skip
    assert story.rows('SELECT what FROM items WHERE "order" = 201') == [("tab\tline\nend\\.",)]
    assert story.rows("SELECT email, mood::text, word FROM users WHERE id = 101") == [
        ("new@shop", "bad", "word")
    ]
    assert story.rows("SELECT ODD FROM ODD.ODD WHERE lg_number = 1".replace("ODD", ODD)) == [
        ('it\'s "new" %s {}',)
    ]


def test_what_is_another_rows_now_is_never_overwritten(story: Story) -> None:
    assert story.outcome("public.users") == (
        1,
        2,
        {
            ("102", Hindrance.TAKEN, "users_email_key"),
            ("103", Hindrance.TAKEN, "lower_email"),
        },
    )
    assert story.outcome("public.rooms") == (1, 1, {("2", Hindrance.TAKEN, "rooms_during_excl")})
    assert story.rows("SELECT mood::text FROM users WHERE id = 5") == [("good",)]
    assert story.table("public.users").updated == 1


def test_children_of_what_was_left_out_are_left_out(story: Story) -> None:
    assert story.outcome("public.orders") == (
        2, 1, {("202", Hindrance.ORPHAN, "orders_owner_fkey")}
    )  # fmt: skip
    assert story.outcome("public.items") == (
        2, 1, {("1/202", Hindrance.ORPHAN, "items_order_fkey")}
    )  # fmt: skip


def test_tables_that_refer_to_themselves_or_in_circles(story: Story) -> None:
    assert story.outcome("public.tree") == (
        6, 1, {("3", Hindrance.ORPHAN, "tree_parent_fkey")}
    )  # fmt: skip
    assert story.outcome("public.hen") == story.outcome("public.egg") == (2, 0, set())
    assert story.outcome("public.cock") == (1, 1, {("2", Hindrance.TAKEN, "cock_name_key")})
    assert story.outcome("public.chick") == (1, 1, {("2", Hindrance.ORPHAN, "chick_cock_fkey")})


def test_partitions_get_what_is_theirs(story: Story) -> None:
    assert story.outcome("public.events") == (
        2, 1, {("2026-06-06/4", Hindrance.ORPHAN, "events_owner_fkey")}
    )  # fmt: skip
    assert story.rows("SELECT id FROM events_old") == [(2,)]


def test_no_trigger_fires_and_all_are_as_before(story: Story) -> None:
    assert story.rows("SELECT count(*) FROM audit") == story.audited
    modes = story.rows(
        "SELECT tgname, tgenabled::text FROM pg_trigger "
        "WHERE tgrelid = 'users'::regclass AND NOT tgisinternal ORDER BY 1"
    )
    assert modes == [("always", "A"), ("never", "D"), ("plain", "O"), ("standby", "R")]
    assert story.rows(
        "SELECT tgrelid::regclass::text, tgname, tgenabled::text FROM pg_trigger "
        "WHERE tgname LIKE 'part%' ORDER BY 1, 2"
    ) == [
        ("events", "parts", "O"),
        ("events_new", "parts", "D"),
        ("events_old", "part", "O"),
        ("events_old", "parts", "O"),
    ]


def test_what_a_changed_table_does_not_take(story: Story) -> None:
    brought, left, conflicts = story.outcome("public.changed")
    assert (brought, left) == (1, 2)
    assert {(key, why) for key, why, _ in conflicts} == {
        ("2", Hindrance.REFUSED),
        ("3", Hindrance.REFUSED),
    }
    assert any("too long" in said for *_, said in conflicts)
    assert any("the column dropped" in said for said in story.table("public.changed").said)
    brought, left, conflicts = story.outcome("public.stricter")
    assert (brought, left) == (2, 2)
    assert ("4", Hindrance.REFUSED, "stricter_a_check") in conflicts
    assert "stricter_a_key" in {said for _, why, said in conflicts if why is Hindrance.TAKEN}


@pytest.mark.parametrize(
    ("table", "found", "why"),
    [
        ("public.log", 2, "no key"),
        ("public.ruled", 1, "a rule"),
        ("public.secured", 0, "BYPASSRLS"),
        ("public.demanding", 1, "the column more"),
        ("public.newer", 1, "no such table"),
    ],
)
def test_tables_that_nothing_is_brought_into(
    story: Story, table: str, found: int, why: str
) -> None:
    one = story.table(table)
    assert (one.found, one.brought, one.left) == (found, 0, found)
    assert why in one.why


def test_sequences_go_on_behind_the_brought_rows(story: Story) -> None:
    assert story.first.sequences == {"down": -3, "orders_id_seq": 204, "users_id_seq": 102}
    assert story.rows("SELECT nextval('down'), nextval('users_id_seq')") == [(-3, 102)]


def test_what_was_deleted_since_the_backup_is_named(story: Story) -> None:
    orders, users = story.table("public.orders"), story.table("public.users")
    assert (orders.deleted, orders.deleted_keys, orders.said) == (1, ({"id": "7"},), ())
    assert users.deleted == 0
    assert users.said == (
        "2 rows that only the live database has were written or changed since the swap",
    )


def test_rights_that_were_taken_away_are_named(story: Story) -> None:
    assert set(story.first.revoked) == {
        "REVOKE EXECUTE ON ROUTINE public.shout() FROM PUBLIC",
        f"REVOKE USAGE ON SCHEMA {ODD} FROM PUBLIC",
        "REVOKE GRANT OPTION FOR SELECT ON TABLE public.users FROM pg_monitor",
        "REVOKE UPDATE (email) ON TABLE public.users FROM pg_monitor",
    }


def test_the_replaced_database_is_closed_again(story: Story) -> None:
    rows = story.swapped.case.rows("SELECT datname, datallowconn FROM pg_database")
    name = f"{story.swapped.case.name}__lgq_{ID}"
    assert [allowed for found, allowed in rows if found == name] == [False]
