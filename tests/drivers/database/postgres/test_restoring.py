"""A restore in two halves: the rows from the stream, what follows them by several processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from lastgood.app.backups.proving import speaks_against
from lastgood.drivers.database.postgres.backup import head, restoring
from lastgood.errors import ChildError
from lastgood.ports.database import Progress

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.drivers.database.postgres.conftest import Case
    from tests.servers import Server

    from lastgood.ports.database import Heard

# Each kind of thing that a dump holds, and whose place in its two halves is easily got wrong.
OF_A_ROLE = (
    "CREATE TABLE users (id int PRIMARY KEY, email text NOT NULL, age int)",
    "INSERT INTO users SELECT n, 'user' || n, n FROM generate_series(1, 300) n",
    "CREATE INDEX ON users (email)",
    """CREATE TABLE trades (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
       owner int REFERENCES users DEFERRABLE INITIALLY DEFERRED, amount int CHECK (amount > 0))""",
    "INSERT INTO trades (owner, amount) SELECT n, n FROM generate_series(1, 300) n",
    "ALTER TABLE trades ADD CONSTRAINT later CHECK (amount < 9) NOT VALID",
    "CREATE VIEW grouped AS SELECT id, email FROM users GROUP BY id",
    "CREATE MATERIALIZED VIEW totals AS SELECT count(*) c FROM trades",
    "CREATE UNIQUE INDEX ON totals (c)",
    "CREATE MATERIALIZED VIEW twice AS SELECT c * 2 c FROM totals",
    "CREATE MATERIALIZED VIEW empty AS SELECT 1 AS one WITH NO DATA",
    "CREATE TABLE parts (id int, day date, PRIMARY KEY (id, day)) PARTITION BY RANGE (day)",
    "CREATE TABLE parts_26 PARTITION OF parts FOR VALUES FROM ('2026-01-01') TO ('2027-01-01')",
    "INSERT INTO parts SELECT n, '2026-05-05' FROM generate_series(1, 100) n",
    "CREATE INDEX ON parts (day)",
    "SELECT lo_from_bytea(77, 'abc'), lo_from_bytea(78, 'def')",
    "CREATE FUNCTION kept() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END'",
    "CREATE TRIGGER kept BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION kept()",
    "ALTER TABLE users DISABLE TRIGGER kept",
    "ALTER TABLE users ENABLE ROW LEVEL SECURITY",
    "CREATE POLICY own ON users USING (age > 1)",
    "CREATE RULE never AS ON DELETE TO trades DO INSTEAD NOTHING",
    "CREATE STATISTICS both_of ON email, age FROM users",
    "ALTER TABLE users CLUSTER ON users_pkey",
    "ALTER TABLE trades REPLICA IDENTITY USING INDEX trades_pkey",
    "CREATE PUBLICATION shown FOR TABLE users",
    "COMMENT ON TABLE users IS 'of the shop'",
    "COMMENT ON COLUMN users.email IS E'two\\nlines; 7; 0 0 ACL'",
    "COMMENT ON CONSTRAINT trades_owner_fkey ON trades IS 'whose'",
    "COMMENT ON INDEX users_email_idx IS 'found by it'",
    "COMMENT ON TRIGGER kept ON users IS 'off'",
    "COMMENT ON MATERIALIZED VIEW totals IS 'sums'",
    "COMMENT ON LARGE OBJECT 77 IS 'large'",
    """DO $$ BEGIN
       EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database()); END $$""",
    "GRANT SELECT ON users, totals TO PUBLIC",
    "GRANT UPDATE (email) ON users TO PUBLIC",
    "GRANT SELECT ON LARGE OBJECT 77 TO PUBLIC",
    "REVOKE EXECUTE ON FUNCTION kept() FROM PUBLIC",
    "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC",
    'CREATE TABLE "pg_restore: error: "" ; x" (id int PRIMARY KEY)',
    'CREATE TABLE "a\npg_dump: dumping contents of table ""b" (id int PRIMARY KEY)',
)
# The owner has taken from itself what a foreign key and a trigger need when they are made.
REVOKED = (
    "REVOKE ALL ON users FROM CURRENT_USER",
    "REVOKE ALL ON FUNCTION kept() FROM CURRENT_USER",
)
OF_A_SUPERUSER = (
    "CREATE FUNCTION seen() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'",
    "CREATE EVENT TRIGGER seen ON ddl_command_end EXECUTE FUNCTION seen()",
    "COMMENT ON EVENT TRIGGER seen IS 'every change'",
    "CREATE PUBLICATION whole FOR ALL TABLES",
)
# Its index takes no time here, and for ever wherever it is restored.
SLOW = (
    "CREATE TABLE slow (id int)",
    "INSERT INTO slow SELECT generate_series(1, 2)",
    r"""CREATE FUNCTION slowly(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN
       IF current_database() LIKE '%\_\_lg%' THEN PERFORM pg_sleep(600); END IF;
       RETURN $1; END $$""",
    "CREATE INDEX one ON slow (slowly(id))",
    "CREATE INDEX two ON slow (slowly(id + 1))",
)


def dump_of(case: Case, heard: Heard | None = None, **options: Any) -> bytes:
    with case.driver(**options).snapshot(60) as snapshot:
        return b"".join(snapshot.dump(heard))


def text_of(case: Case, name: str) -> list[str]:
    program = case.server.programs / "bin" / "pg_dump"
    written = subprocess.run([program, case.server.dsn(name)], check=True, capture_output=True)
    lines = written.stdout.decode().splitlines()
    return [line for line in lines if not line.startswith(("\\restrict", "\\unrestrict"))]


def restored_text(case: Case, side: str) -> list[str]:
    name = next(name for name in case.databases() if name.endswith(side))
    case.server.execute(f'ALTER DATABASE "{name}" WITH ALLOW_CONNECTIONS true')
    found = text_of(case, name)
    case.server.execute(f'ALTER DATABASE "{name}" WITH ALLOW_CONNECTIONS false')
    return found


@pytest.mark.parametrize("jobs", [1, 3])
def test_all_of_a_roles_database_comes_back(case: Case, jobs: int) -> None:
    case.execute(*OF_A_ROLE)
    dumped, heard = list[Progress](), list[Progress]()
    dump = dump_of(case, dumped.append)
    assert dumped[-1] == Progress(tables=5, of_tables=5)

    case.driver(restore_jobs=jobs).restore("one", [dump], heard.append)

    assert restored_text(case, "one") == text_of(case, case.name)
    last = heard[-1]
    if jobs > 1:
        assert (last.tables, last.of_tables) == (5, 5)
        assert last.later > 10
        assert [one.tables for one in heard if not one.later][:5] == [1, 2, 3, 4, 5]
    else:
        # Names that look like news are counted as such where nothing says how many there are.
        assert last.tables >= 5
        assert last.of_tables == last.later == 0


def test_an_owner_without_rights_gets_them_back_last(case: Case) -> None:
    case.execute(*OF_A_ROLE, *REVOKED)
    # A superuser dumps what the owner may not read any more.
    dump = dump_of(case, dsn=case.server.dsn(case.name))

    case.driver().restore("one", [dump])

    assert restored_text(case, "one") == text_of(case, case.name)


def test_all_of_a_superusers_database_comes_back(case: Case) -> None:
    case.execute(*OF_A_ROLE)
    case.server.execute(*OF_A_SUPERUSER, name=case.name)
    dsn = case.server.dsn(case.name)
    dump = dump_of(case, dsn=dsn)

    case.driver(dsn=dsn).restore("one", [dump])

    assert restored_text(case, "one") == text_of(case, case.name)


@pytest.mark.parametrize("way", ["no room", "no memory", "cut"])
def test_where_there_is_no_head_it_is_one_stream(
    embedded_case: Case, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    embedded_case.execute(*OF_A_ROLE)
    dump, heard = dump_of(embedded_case), list[Progress]()
    if way == "no room":
        monkeypatch.setattr(head, "FIRST", 1_000)
        monkeypatch.setattr(head, "LARGEST", 4_000)
    if way == "no memory":
        monkeypatch.setattr(restoring, "memory_has_files", lambda: False)
    pieces = [dump[start : start + 1_000] for start in range(0, len(dump), 1_000)]

    if way == "cut":
        with pytest.raises(ChildError, match="pg_restore failed"):
            embedded_case.driver().restore("one", pieces[:3], heard.append)
    else:
        embedded_case.driver().restore("one", pieces, heard.append)
        assert restored_text(embedded_case, "one") == text_of(embedded_case, embedded_case.name)
        assert heard[-1].of_tables == heard[-1].later == 0


def test_who_hears_may_fail_and_nothing_waits(embedded_case: Case) -> None:
    embedded_case.execute(*OF_A_ROLE)
    dump = dump_of(embedded_case)

    def deaf(_: Progress) -> None:
        raise RuntimeError("the terminal is gone")

    with pytest.raises(RuntimeError, match="gone"):
        embedded_case.driver().restore("one", [dump], deaf)
    with (
        embedded_case.driver().snapshot(60) as snapshot,
        pytest.raises(RuntimeError, match="gone"),
    ):
        list(snapshot.dump(deaf))

    assert nothing_is_left(embedded_case)


def nothing_is_left(case: Case) -> bool:
    return case.databases() == {case.name} and not case.children() and not case.private()


@pytest.fixture
def slow(embedded_case: Case) -> Case:
    embedded_case.execute(*SLOW)
    return embedded_case


def later(case: Case) -> list[int]:
    """The leader of the second half and its workers, once these make indexes."""
    query = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname ~ '{}'"
    while case.rows(query.format(case.name), "postgres") != [(2,)]:
        time.sleep(0.05)
    found = case.children("pg_restore")
    assert all("--jobs=2" in line for line in found.values())
    return sorted(found)


@pytest.mark.parametrize("who", [slice(0, 1), slice(1, 2), slice(0, 3)])
def test_a_kill_in_the_second_half_leaves_nothing(slow: Case, who: slice) -> None:
    dump = dump_of(slow)

    def kill(found: list[int]) -> None:
        assert len(found) == 3
        for child in found[who]:
            os.kill(child, signal.SIGKILL)

    thread = threading.Thread(target=lambda: kill(later(slow)), daemon=True)
    thread.start()
    with pytest.raises(ChildError) as error:
        slow.driver().restore("one", [dump])
    thread.join()

    assert error.value.code == "pg-restore-failed"
    assert not speaks_against(error.value)
    assert nothing_is_left(slow)


def test_a_server_that_ends_in_the_second_half(
    restartable: Server, case_on: Callable[..., Case]
) -> None:
    case = case_on(restartable)
    case.execute(*SLOW)
    dump = dump_of(case)

    def restart() -> None:
        later(case)
        restartable.stop()
        restartable.start()

    thread = threading.Thread(target=restart, daemon=True)
    thread.start()
    with pytest.raises(ChildError) as error:
        case.driver().restore("one", [dump])
    thread.join()
    assert error.value.code == "pg-restore-failed"
    assert not speaks_against(error.value)
    # It may have been away while its removal was tried.
    for side in case.driver().sides():
        assert "drop the side database one" in error.value.mend
        case.driver().drop(side)

    assert nothing_is_left(case)


def test_what_fails_in_the_second_half_is_said(embedded_case: Case) -> None:
    raises = SLOW[2].replace("PERFORM pg_sleep(600)", "RAISE EXCEPTION 'not %%', $1")
    embedded_case.execute(*SLOW[:2], raises.replace("%%", "%"), *SLOW[3:])
    dump = dump_of(embedded_case)

    with pytest.raises(ChildError) as error:
        embedded_case.driver().restore("one", [dump], lambda _: None)

    assert error.value.code == "pg-restore-failed"
    assert "not " in error.value.cause
    assert nothing_is_left(embedded_case)


VICTIM = """
import sys
from pathlib import Path
from lastgood.drivers.database.postgres.driver import make
from lastgood.drivers.database.postgres.options import PostgresOptions
from lastgood.ports.toolbox import Toolbox
state, dsn = Path(sys.argv[1]), sys.stdin.readline().strip()
toolbox = Toolbox(environment="p", name="main", base=state, state=state, children=None)
driver = make(PostgresOptions.model_validate({"dsn": dsn}), toolbox)
with driver.snapshot(60) as snapshot:
    dump = list(snapshot.dump())
driver.restore("one", dump)
"""


@pytest.mark.linux
def test_our_own_death_in_the_second_half_leaves_no_program(slow: Case) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", VICTIM, str(slow.state)], stdin=subprocess.PIPE, text=True
    ) as victim:
        assert victim.stdin is not None
        victim.stdin.write(f"{slow.dsn}\n")
        victim.stdin.flush()
        later(slow)
        victim.kill()
        victim.wait()

    while slow.children():
        time.sleep(0.05)
    driver = slow.driver()
    assert driver.sides() == ["one"]
    driver.drop("one")
    assert dump_of(slow)
    assert nothing_is_left(slow)
