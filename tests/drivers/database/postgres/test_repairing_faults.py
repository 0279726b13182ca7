"""Whatever happens while rows are repaired, all of them are or none, and others go on."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
from tests.drivers.database.postgres.repaired import AGAIN, BEFORE, Repaired

from lastgood.errors import LastgoodError, StaleLeaseError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.drivers.database.postgres.conftest import Case
    from tests.servers import Server

CONTENT = """
CREATE TABLE users (id int PRIMARY KEY, name text);
INSERT INTO users SELECT n, 'u' || n FROM generate_series(1, 50) n;
"""
SINCE = "UPDATE users SET name = 'NULL' WHERE id <= 20; DELETE FROM users WHERE id > 40"
_REPAIRING = """
import os, signal, sys
from pathlib import Path
from tests.drivers.database.postgres.conftest import Case
from tests.drivers.database.postgres.repaired import Repaired
from tests.servers import Server
home, name, role, place = sys.argv[1:]
repaired = Repaired(Case(Server(Path(), Path(home)), name, role, Path(place)))
repaired.repair("users", fence=lambda: os.kill(os.getpid(), signal.SIGKILL))
"""
_WAITING = """
    SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND application_name = 'lastgood'
       AND wait_event_type = 'Lock'"""


@pytest.fixture
def spoilt(embedded: Server, case_on: Callable[..., Case]) -> Repaired:
    """A few spoilt rows."""
    repaired = Repaired(case_on(embedded))
    repaired.begin(CONTENT)
    repaired.write(SINCE)
    return repaired


def failed(spoilt: Repaired, code: str, **more: object) -> None:
    before = spoilt.content()
    with pytest.raises(LastgoodError) as error:
        spoilt.repair("users", **more)  # type: ignore[arg-type]
    assert error.value.code == code
    assert spoilt.content() == before
    assert spoilt.befores() == []


def test_killed_before_the_commit_nothing_was_done(spoilt: Repaired) -> None:
    before, case = spoilt.content(), spoilt.case
    arguments = [str(case.server.home), case.name, case.role, str(case.state)]
    done = subprocess.run(
        [sys.executable, "-c", _REPAIRING, *arguments],
        cwd=Path(__file__).parents[4],
        check=False,
        timeout=100,
    )
    assert done.returncode == -signal.SIGKILL
    assert spoilt.content() == before

    # What it had kept was never needed: taking that back does nothing.
    taken = spoilt.take_back()
    assert (taken.overwritten, taken.removed, taken.left) == (0, 0, 30)
    assert spoilt.content() == before
    assert spoilt.repair("users", before=AGAIN).overwritten == 20


def test_who_has_no_say_any_more_changes_nothing(spoilt: Repaired) -> None:
    def fence() -> None:
        raise StaleLeaseError("taken over")

    failed(spoilt, "stale-lease", fence=fence)


def test_the_server_ends_us_before_the_commit(spoilt: Repaired) -> None:
    def fence() -> None:
        with spoilt.case.server.superuser() as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE application_name = 'lastgood' AND datname = %s",
                (spoilt.case.name,),
            )

    failed(spoilt, "database-lost", fence=fence)


def test_what_somebody_mends_meanwhile_is_not_overwritten(spoilt: Repaired) -> None:
    with psycopg.connect(spoilt.case.dsn) as person:
        person.execute("UPDATE users SET name = 'mine' WHERE id = 1")
        waits = threading.Thread(target=_commit_when_waited_for, args=(spoilt.case, person))
        waits.start()
        done = spoilt.repair("users", where=(("name", "=", "NULL"),), accepted=19)
        waits.join()
    assert (done.overwritten, done.left) == (19, 0)
    assert spoilt.case.rows("SELECT name FROM users WHERE id = 1") == [("mine",)]
    assert spoilt.take_back().overwritten == 19
    assert spoilt.befores() == []


def test_no_right_to_make_databases(embedded: Server, case_on: Callable[..., Case]) -> None:
    spoilt = Repaired(case_on(embedded, attributes="NOCREATEDB"))
    spoilt.begin(CONTENT)
    spoilt.write(SINCE)
    before = spoilt.content()
    with pytest.raises(LastgoodError) as error:
        spoilt.repair("users")
    assert error.value.code == "no-createdb"
    assert spoilt.content() == before


def test_an_id_that_is_kept_already(spoilt: Repaired) -> None:
    spoilt.repair("users", where=(("id", "=", "1"),))
    with pytest.raises(LastgoodError) as error:
        spoilt.repair("users")
    assert error.value.code == "side-exists"
    assert spoilt.befores() == [BEFORE]
    assert spoilt.take_back().overwritten == 1


def _commit_when_waited_for(case: Case, person: psycopg.Connection[object]) -> None:
    for _ in range(200):
        with case.server.superuser() as watcher:
            row = watcher.execute(_WAITING, (case.name,)).fetchone()
        if row and row[0]:
            break
        time.sleep(0.05)
    person.commit()
