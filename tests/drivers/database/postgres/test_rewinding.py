"""A whole server goes back in time by pgBackRest, and forward again."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import sql
from tests.drivers.database.postgres.conftest import DEBIAN, Case
from tests.servers import Server, running
from tests.shop import shop_on

from lastgood.demo.database import UNPRIVILEGED
from lastgood.errors import LastgoodError, StaleLeaseError
from lastgood.ports.rewinding import Point, PointKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lastgood.drivers.database.postgres.driver import PostgresDatabase

KILLED = "20260808T120000.000Z-0a1b2c3d"
_KILLED = """
import os, sys
from datetime import datetime
from pathlib import Path
from tests.drivers.database.postgres.conftest import Case
from tests.drivers.database.postgres.test_rewinding import Archived
from tests.servers import Server
from lastgood.ports.rewinding import Point, PointKind
home, place, at, rewind = sys.argv[1:]
case = Case(Server(Path(), Path(home)), "shop", "owner", Path(place))
point = Point(kind=PointKind.TIME, at=datetime.fromisoformat(at))
start = ["sh", "-c", f"kill -9 {os.getpid()}"]
Archived(case, Path(home)).goes(point, rewind, start=start)
"""
FIRST, SECOND = "20260801T120000.000Z-0a1b2c3d", "20260802T120000.000Z-0a1b2c3d"
CONFIG = """
[global]
repo1-path={home}/repo
log-path={home}
lock-path={home}/lock
spool-path={home}/spool
log-level-file=off
start-fast=y
compress-type=none
repo1-retention-full=9
archive-timeout=60
[main]
pg1-path={home}/data
pg1-socket-path={home}
pg1-user=postgres
"""
SWITCH = """
import os, pwd, subprocess, sys
words = sys.argv[1:]
if os.geteuid() == 0:
    user = pwd.getpwnam({user!r})
    os.setgroups([]); os.setgid(user.pw_gid); os.setuid(user.pw_uid)
os.chdir({home!r})
os.execvpe(words[0], words, os.environ | {{"HOME": {home!r}}})
"""


class Archived:
    """A server whose files are backed up, with a database on it."""

    def __init__(self, case: Case, home: Path) -> None:
        self.case = case
        self.home = home
        self.fences: list[str] = []

    def driver(self, **more: Any) -> PostgresDatabase:
        dsn = self.case.server.dsn(self.case.name)
        return self.case.driver(dsn=dsn, physical=self.physical() | more)

    def physical(self) -> dict[str, Any]:
        server = str(DEBIAN / "bin" / "pg_ctl")
        control = [*self.words(), server, "-D", str(self.home / "data"), "-w", "-t", "20"]
        log = ["-l", str(self.home / "server.log"), "-o", f"-c unix_socket_directories={self.home}"]
        return {
            "stanza": "main",
            "config": str(self.home / "pgbackrest.conf"),
            "program": [*self.words(), "pgbackrest"],
            "stop": ["sh", "-c", '"$@" -m fast stop || ! "$@" status', "-", *control],
            # It may not be there yet when it has much to replay: it is waited for.
            "start": ["sh", "-c", '"$@" start || true', "-", *control, *log],
            "patience": "3s",
        }

    def words(self) -> list[str]:
        script = SWITCH.format(user=UNPRIVILEGED, home=str(self.home))
        return [sys.executable, "-I", "-c", script]

    def write(self, text: str) -> None:
        with self.case.server.superuser(self.case.name) as connection:
            connection.execute(sql.SQL("INSERT INTO notes VALUES ({})").format(sql.Literal(text)))

    def notes(self) -> list[str]:
        return [text for (text,) in self.case.rows("SELECT text FROM notes ORDER BY 1")]

    def backs_up(self, *words: str) -> None:
        config = f"--config={self.home / 'pgbackrest.conf'}"
        subprocess.run(
            [*self.words(), "pgbackrest", config, "--stanza=main", *words],
            check=True,
            timeout=100,
        )

    def now(self) -> datetime:
        """A moment between two writes; the backups' ends are told in whole seconds."""
        time.sleep(1.1)
        at = datetime.now(UTC)
        time.sleep(0.1)
        return at

    def goes(self, point: Point, rewind: str, **more: Any) -> Any:
        return self.driver(**more).rewind(point, rewind, fence=lambda: self.fences.append(rewind))


@pytest.fixture(scope="module")
def archived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archived]:
    if shutil.which("pgbackrest") is None or not (DEBIAN / "bin" / "pg_ctl").exists():
        pytest.skip("pgBackRest or Debian's PostgreSQL 15 is not installed: apt install both")
    settings = {"archive_mode": "on", "wal_level": "replica", "archive_command": "/bin/true"}
    with running(DEBIAN, **settings) as server:
        home = server.home
        (home / "pgbackrest.conf").write_text(CONFIG.format(home=home), encoding="utf-8")
        # From its own settings on: whoever starts it later gives it no others.
        server.stop()
        with (home / "data" / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.write(
                "listen_addresses = ''\nfsync = off\narchive_mode = on\n"
                f"unix_socket_directories = '{home}'\narchive_command = "
                f"'pgbackrest --config={home}/pgbackrest.conf --stanza=main archive-push %p'\n"
            )
        case = Case(server, "shop", "owner", tmp_path_factory.mktemp("state"))
        found = Archived(case, home)
        _control(found, "start")
        try:
            _filled(server)
            found.backs_up("stanza-create")
            found.backs_up("--type=full", "backup")
            yield found
        finally:
            _control(found, "-m", "immediate", "stop")


def _filled(server: Server) -> None:
    server.execute('CREATE DATABASE "shop"', 'CREATE DATABASE "other"')
    server.execute("CREATE TABLE notes (text text)", name="shop")


def _control(archived: Archived, *words: str) -> None:
    data = str(archived.home / "data")
    subprocess.run(
        [*archived.words(), str(DEBIAN / "bin" / "pg_ctl"), "-D", data, "-w",
         "-l", str(archived.home / "server.log"), *words],
        check=False, timeout=60, stdout=subprocess.DEVNULL,
    )  # fmt: skip


def test_there_and_forward_again(archived: Archived) -> None:
    archived.write("right")
    point = Point(kind=PointKind.TIME, at=archived.now())
    archived.write("wrong")
    driver = archived.driver()

    found = driver.rewindable()
    assert found is not None
    assert "other" in found.others
    assert (found.problems, len(found.backups)) == ((), 1)

    # One that was given up before the server was stopped has marked a place that is left behind.
    def taken_over() -> None:
        raise StaleLeaseError("taken over")

    with pytest.raises(StaleLeaseError):
        driver.rewind(point, FIRST, fence=taken_over)
    archived.write("wrong, too")

    archived.goes(point, FIRST)
    assert FIRST in archived.fences
    assert {"right", "wrong", "later"} & set(archived.notes()) == {"right"}
    archived.write("later")

    # Done twice, e.g. by a run that was killed before it could say so.
    assert archived.goes(point, FIRST).down_s == 0
    assert {"right", "wrong", "later"} & set(archived.notes()) == {"right", "later"}

    driver.forward(FIRST, SECOND, fence=lambda: None)
    assert {"right", "wrong", "wrong, too", "later"} & set(archived.notes()) == {
        "right", "wrong", "wrong, too"
    }  # fmt: skip
    with pytest.raises(LastgoodError) as error:
        driver.forward("20260901T120000.000Z-0a1b2c3d", "x", fence=lambda: None)
    assert error.value.code == "no-rewind"


def test_killed_with_the_server_down_it_is_done_again(archived: Archived) -> None:
    point = Point(kind=PointKind.TIME, at=archived.now())
    archived.write("after the kill's moment")
    case = archived.case
    arguments = [str(archived.home), str(case.state), point.at.isoformat(), KILLED]
    done = subprocess.run(
        [sys.executable, "-c", _KILLED, *arguments],
        cwd=Path(__file__).parents[4],
        check=False,
        timeout=100,
    )
    assert done.returncode == -signal.SIGKILL
    with pytest.raises(psycopg.OperationalError):
        archived.notes()

    assert not archived.driver().rewound(KILLED)
    assert archived.goes(point, KILLED).down_s > 0
    assert archived.driver().rewound(KILLED)
    assert "after the kill's moment" not in archived.notes()


def test_a_run_brings_the_server_back_and_an_undo_forward(
    archived: Archived, tmp_path: Path
) -> None:
    stall = shop_on(archived.case.server, tmp_path / "shop")
    name = stall.name
    stall.database["dsn"] = archived.case.server.dsn(name)
    stall.database["warm_target"] = "off"
    stall.database["physical"] = archived.physical()
    stall.configure()
    users = sql.SQL("SELECT count(*) FROM users")

    def count() -> int:
        with archived.case.server.superuser(name) as connection:
            row = connection.execute(users).fetchone()
        return int(row[0]) if row else -1

    # Before a deployment a restore point is made, too.
    backup = stall.said("create", "--before-deploy", "c" * 40)["id"]
    with archived.case.server.superuser(name) as connection:
        connection.execute("DELETE FROM trades")
        connection.execute("DELETE FROM users")
    back = ("db", "restore", "--physical", "--backup", backup)
    planned = stall.types(*back, "--dry-run", "--json")
    assert planned.code == 5
    assert {one["code"] for one in planned.json["refusals"]} == {"whole-server"}
    assert "shop" in str(planned.json["refusals"])
    meant = (*back, "--whole-server", "--confirm", "production")
    unaccepted = stall.types(*meant, "--accept-loss", "1000", "--json")
    assert (unaccepted.code, count()) == (5, 0), unaccepted

    done = stall.types(*meant, "--accept-loss", "unknown", "--json")
    assert (done.code, done.json["outcome"]) == (0, "recovered"), done
    assert count() == 300
    assert "physical" in stall.types("report", done.json["run"]).out

    undone = stall.types(
        "db", "undo", "--accept-loss", "unknown", "--confirm", "production", "--json"
    )
    assert (undone.code, undone.json["outcome"]) == (0, "recovered"), undone
    assert count() == 0


def test_moments_that_are_none(archived: Archived, tmp_path: Path) -> None:
    stall = shop_on(archived.case.server, tmp_path / "shop")
    sure = ("--confirm", "production", "--accept-loss", "unknown")
    for words in (
        ("--at", "2026-11-22 03:15", "--physical"),
        ("--at", "yesterday", "--physical"),
        ("--at", "2026-11-22T03:15:00Z"),
        ("--whole-server",),
        ("--at", "2026-11-22T03:15:00Z", "--physical", "--backup", "b"),
    ):
        assert stall.types("db", "restore", *words, *sure).code == 2
    none = stall.types("db", "restore", "--physical", *sure, "--json")
    assert (none.code, none.json["error"]["code"]) == (5, "no-physical"), none


def test_a_restore_point_and_one_that_is_not_there(archived: Archived) -> None:
    at = archived.now()
    archived.write("named")
    archived.driver().restore_point("lastgood_here")
    archived.write("not wanted")
    before = archived.notes()

    missing = Point(kind=PointKind.NAME, name="lastgood_nowhere", at=at)
    with pytest.raises(LastgoodError) as error:
        archived.goes(missing, "20260803T120000.000Z-0a1b2c3d")
    assert error.value.code == "rewind-undone"
    assert archived.notes() == before

    here = Point(kind=PointKind.NAME, name="lastgood_here", at=archived.now())
    archived.goes(here, "20260804T120000.000Z-0a1b2c3d")
    assert "named" in archived.notes()
    assert "not wanted" not in archived.notes()


def test_what_is_refused_before_anything_is_stopped(archived: Archived) -> None:
    before = archived.notes()
    old = Point(kind=PointKind.TIME, at=datetime(2020, 1, 1, tzinfo=UTC))
    with pytest.raises(LastgoodError) as error:
        archived.goes(old, "20260805T120000.000Z-0a1b2c3d")
    assert error.value.code == "before-file-backups"
    with pytest.raises(LastgoodError) as error:
        archived.goes(
            Point(kind=PointKind.TIME, at=archived.now()),
            "20260806T120000.000Z-0a1b2c3d",
            stanza="another",
        )
    assert error.value.code == "no-file-backup"

    archived.case.server.execute("ALTER SYSTEM SET archive_command = '/bin/false'")
    archived.case.server.execute("SELECT pg_reload_conf()")
    with pytest.raises(LastgoodError) as error:
        archived.goes(
            Point(kind=PointKind.TIME, at=archived.now()), "20260807T120000.000Z-0a1b2c3d"
        )
    assert error.value.code == "archive-behind"
    archived.case.server.execute("ALTER SYSTEM RESET archive_command", "SELECT pg_reload_conf()")
    assert archived.notes() == before
