"""Whatever happens while rows are brought back, all of them are there or none."""

from __future__ import annotations

import contextlib
import select
import signal
import socket
import socketserver
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from tests.drivers.database.postgres.replaced import ID, Swapped, dropped, swapped_on
from tests.servers import PASSWORD

from lastgood.errors import LastgoodError, RefusedError, RemoteError, StaleLeaseError
from lastgood.model.salvage import Hindrance

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.drivers.database.postgres.conftest import Case
    from tests.servers import Server

CONTENT = """
CREATE TABLE users (id serial PRIMARY KEY, email text UNIQUE);
CREATE TABLE notes (id int PRIMARY KEY, owner int NOT NULL REFERENCES users, text varchar(9));
CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'a mail'; END $$;
INSERT INTO users VALUES (1, 'one');
CREATE TRIGGER shout BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION shout();
"""
SINCE = """
INSERT INTO users VALUES (1001, 'new'), (1002, 'newer');
INSERT INTO notes VALUES (1, 1001, 'note');
"""
BROUGHT = [(1001,), (1002,)]
NEW = "SELECT id FROM users WHERE id > 1 ORDER BY id"
_SALVAGING = """
import os, signal, sys
from pathlib import Path
from tests.drivers.database.postgres.conftest import Case
from tests.drivers.database.postgres.replaced import Swapped
from tests.servers import Server
home, name, role, place = sys.argv[1:]
swapped = Swapped(Case(Server(Path(), Path(home)), name, role, Path(place)))
swapped.salvage(fence=lambda: os.kill(os.getpid(), signal.SIGKILL))
"""


@pytest.fixture
def swapped(embedded: Server, tmp_path: Path) -> Iterator[Swapped]:
    """A small database that was replaced."""
    yield from replaced(embedded, tmp_path / "state")


@pytest.fixture(scope="module")
def untouched(embedded: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Swapped]:
    """One for all tests that must not change it."""
    yield from replaced(embedded, tmp_path_factory.mktemp("state"))


def replaced(server: Server, place: Path) -> Iterator[Swapped]:
    swapped = swapped_on(server, place)
    swapped.begin(CONTENT)
    swapped.write(SINCE)
    swapped.swap()
    yield swapped
    dropped(swapped)


def refused(swapped: Swapped, code: str, **options: object) -> LastgoodError:
    before = swapped.content()
    with pytest.raises(LastgoodError) as error:
        swapped.salvage(**options)  # type: ignore[arg-type]
    assert error.value.code == code
    assert swapped.content() == before
    return error.value


def test_killed_before_the_commit_nothing_was_done(untouched: Swapped) -> None:
    before, case = untouched.content(), untouched.case
    arguments = [str(case.server.home), case.name, case.role, str(case.state)]
    done = subprocess.run(
        [sys.executable, "-c", _SALVAGING, *arguments],
        cwd=Path(__file__).parents[4],
        check=False,
        timeout=100,
    )
    assert done.returncode == -signal.SIGKILL

    assert untouched.content() == before


def test_who_has_no_say_any_more_changes_nothing(untouched: Swapped) -> None:
    def fence() -> None:
        raise StaleLeaseError("taken over")

    refused(untouched, "stale-lease", fence=fence)


def test_an_id_that_is_none(untouched: Swapped) -> None:
    assert isinstance(refused(untouched, "no-copy", quarantine="other"), RefusedError)


def test_the_server_ends_us_before_the_commit(untouched: Swapped) -> None:
    def fence() -> None:
        with untouched.case.server.superuser() as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE application_name = 'lastgood' AND datname = %s",
                (untouched.case.name,),
            )

    refused(untouched, "database-lost", fence=fence)


class Relay(socketserver.ThreadingUnixStreamServer):
    """Passes on what both sides say, but the answer to a commit: it hangs up instead.

    Attributes:
        deaf: whether nobody is let in after that.
    """

    daemon_threads = True

    def __init__(self, home: Path, server: Server) -> None:
        super().__init__(str(home / ".s.PGSQL.5432"), _Passing)
        self.home = home
        self.server = str(server.home / ".s.PGSQL.5432")
        self.deaf = False
        self.lost = False


class _Passing(socketserver.BaseRequestHandler):
    server: Relay

    def handle(self) -> None:
        if self.server.lost and self.server.deaf:
            return
        with socket.socket(socket.AF_UNIX) as inner, contextlib.suppress(OSError):
            inner.connect(self.server.server)
            committing = False
            while True:
                ready, _, _ = select.select([self.request, inner], [], [])
                for one in ready:
                    data = one.recv(65536)
                    if not data or (one is inner and committing):
                        self.server.lost |= committing
                        return
                    committing |= one is self.request and b"COMMIT\0" in data
                    (inner if one is self.request else self.request).sendall(data)


@pytest.fixture
def relay(embedded: Server) -> Iterator[Relay]:
    # Short: the path of a socket has at most 107 bytes.
    home = tempfile.TemporaryDirectory(prefix="lg-relay-")
    with home as place, Relay(Path(place), embedded) as relay:
        thread = threading.Thread(target=relay.serve_forever)
        thread.start()
        yield relay
        relay.shutdown()
        thread.join()


def through(swapped: Swapped, relay: Relay) -> str:
    return make_conninfo(swapped.case.dsn, host=str(relay.home), password=PASSWORD)


def test_the_answer_to_the_commit_is_lost(swapped: Swapped, relay: Relay) -> None:
    """The server is asked what became of it."""
    assert swapped.salvage(dsn=through(swapped, relay)).brought == 3
    assert relay.lost
    assert swapped.case.rows(NEW) == BROUGHT


def test_the_server_cannot_be_asked_either(swapped: Swapped, relay: Relay) -> None:
    relay.deaf = True

    with pytest.raises(RemoteError) as error:
        swapped.salvage(dsn=through(swapped, relay))

    assert error.value.code == "salvage-unknown"
    assert "not brought twice" in error.value.mend
    assert swapped.salvage().brought == 0
    assert swapped.case.rows(NEW) == BROUGHT


def test_a_lock_that_others_hold_is_waited_for(swapped: Swapped) -> None:
    with psycopg.connect(swapped.case.dsn) as other:
        other.execute("LOCK TABLE users IN ROW EXCLUSIVE MODE")
        timer = threading.Timer(1.5, other.rollback)
        timer.start()
        assert swapped.salvage().brought == 3
        timer.join()
    assert swapped.case.rows(NEW) == BROUGHT


def test_what_takes_too_long_is_given_up(swapped: Swapped) -> None:
    swapped.write("ALTER TABLE notes ADD CHECK (pg_sleep(2) IS NOT NULL)")
    refused(swapped, "query-cancelled", salvage_limit=1)


def test_event_triggers_would_fire(swapped: Swapped) -> None:
    server, name = swapped.case.server, swapped.case.name
    server.execute(
        "CREATE FUNCTION seen() RETURNS event_trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'seen'; END $$",
        "CREATE EVENT TRIGGER seen ON ddl_command_end EXECUTE FUNCTION seen()",
        name=name,
    )
    found = swapped.salvage()
    assert found.brought == 0
    assert {one.why for one in found.tables} == {"event triggers of the database would fire: seen"}

    server.execute("ALTER EVENT TRIGGER seen DISABLE", name=name)
    assert swapped.salvage().brought == 3


def test_who_does_not_own_a_table_cannot_keep_its_triggers_from_firing(swapped: Swapped) -> None:
    name = swapped.case.name
    swapped.case.server.execute(
        "ALTER TABLE users OWNER TO postgres",
        f'GRANT ALL ON users TO "{swapped.case.role}"',
        name=name,
    )
    found = {one.table: one for one in swapped.salvage().tables}
    assert "only its owner" in found["public.users"].why
    assert [one.why for one in found["public.notes"].conflicts] == [Hindrance.ORPHAN]


def test_after_an_undo_rows_come_the_other_way(swapped: Swapped) -> None:
    """What was written to the restored copy is salvaged from it."""
    name = swapped.case.name
    swapped.write("INSERT INTO users VALUES (2001, 'late')")
    swapped.swap(f"{name}__lgq_20260801T120000.000Z-0a1b2c3d", "undone")
    swapped.case.server.execute(f'ALTER DATABASE "{name}" WITH ALLOW_CONNECTIONS true')

    (found,) = swapped.salvage("undone").tables

    assert (found.table, found.brought, found.deleted) == ("public.users", 1, 0)
    assert "written before it was live again" in found.said[0]
    assert swapped.case.rows(NEW) == [*BROUGHT, (2001,)]


def test_many_rows_and_few_that_are_not_taken(swapped: Swapped) -> None:
    """Those are found among them, and only the first of them are listed."""
    case = swapped.case
    name = f"{case.name}__lgq_20260801T120000.000Z-0a1b2c3d"
    case.server.execute(f'ALTER DATABASE "{name}" WITH ALLOW_CONNECTIONS true')
    with case.server.superuser(name) as old:
        old.execute("SET session_replication_role = replica")
        old.execute("ALTER TABLE notes ALTER text TYPE text")
        old.execute(
            "INSERT INTO notes SELECT n, CASE WHEN n % 20 = 0 THEN -1 ELSE 1 END, "
            "CASE WHEN n % 501 = 0 THEN 'much too long' END FROM generate_series(2, 5001) n"
        )

    found = next(one for one in swapped.salvage().tables if one.table == "public.notes")

    assert (found.found, found.left) == (5001, 250 + 9)
    assert len(found.conflicts) == 100
    assert {one.why for one in found.conflicts} == {Hindrance.ORPHAN}
    assert case.rows("SELECT count(*) FROM notes") == [(5001 - 259,)]


def test_what_was_deleted_since_the_swap_stays_deleted(embedded_case: Case) -> None:
    """Rows that were in the backup are no new ones, whatever was written while it was made."""
    case, driver = embedded_case, embedded_case.driver()
    case.execute(CONTENT, "ALTER TABLE users DISABLE TRIGGER shout")
    for _ in range(10):
        case.execute(
            "INSERT INTO users SELECT max(id) + 1, max(id) + 1 FROM users",
            "INSERT INTO notes SELECT max(id), 1 FROM users",
        )
    with driver.snapshot(600) as snapshot:
        dump = list(snapshot.dump())
    case.execute("INSERT INTO users VALUES (1001, 'while it was restored')")
    driver.restore("copy", dump)
    case.execute("INSERT INTO users VALUES (1002, 'since'); INSERT INTO notes VALUES (1002, 1002)")
    swapped = Swapped(case)
    swapped.swap(f"{case.name}__lg_copy")
    case.server.execute(f'ALTER DATABASE "{case.name}" WITH ALLOW_CONNECTIONS true')
    case.execute("DELETE FROM notes WHERE id IN (3, 4); DELETE FROM users WHERE id = 3")

    found = {one.table: one for one in swapped.salvage().tables}

    assert case.rows(NEW) == [*((n,) for n in (2, *range(4, 12))), *BROUGHT]
    assert (found["public.users"].brought, found["public.notes"].brought) == (2, 1)
    assert found["public.notes"].said[0].startswith("2 rows of the replaced database were in")

    # And the other way round: what was written here is new there, what was deleted there stays so.
    case.execute("INSERT INTO users VALUES (2001, 'late')")
    swapped.swap(f"{case.name}__lgq_{ID}", "undone")
    case.server.execute(f'ALTER DATABASE "{case.name}" WITH ALLOW_CONNECTIONS true')
    case.execute("DELETE FROM notes WHERE id = 5")

    found = {one.table: one for one in swapped.salvage("undone").tables}

    assert (found["public.users"].brought, found["public.notes"].brought) == (1, 0)
    assert case.rows("SELECT count(*) FROM notes WHERE id IN (3, 4, 5)") == [(2,)]
