"""A real PgBouncer: never swapped through, and its clients notice nothing."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from tests.drivers.database.postgres.kept_copy import COPY, free, keep_copy
from tests.servers import PASSWORD

from lastgood.demo.database import UNPRIVILEGED, is_root
from lastgood.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.drivers.database.postgres.conftest import Case

PGBOUNCER = shutil.which("pgbouncer", path="/usr/sbin:/usr/bin:/usr/local/bin")
PATIENCE_S = 60.0


@pytest.fixture
def pooled(embedded_case: Case) -> Iterator[str]:
    """The address of the case's database by a pooler."""
    if PGBOUNCER is None:
        pytest.skip("PgBouncer is not installed: apt install pgbouncer")
    case = embedded_case
    home = Path(tempfile.mkdtemp(prefix="lg-pool-"))
    home.chmod(0o777)
    password = PASSWORD.replace('"', '""')
    (home / "users").write_text(f'"{case.role}" "{password}"\n')
    (home / "ini").write_text(
        f"[databases]\n{case.name} = host={case.server.home}\n[pgbouncer]\n"
        f"unix_socket_dir={home}\nlisten_port=6432\nauth_type=plain\nauth_file={home}/users\n"
        "pool_mode=transaction\ndefault_pool_size=5\nserver_login_retry=0.1\n"
    )
    who = ["-u", UNPRIVILEGED] if is_root() else []
    with (home / "log").open("wb") as log:
        process = subprocess.Popen([PGBOUNCER, *who, str(home / "ini")], stdout=log, stderr=log)
    dsn = make_conninfo(
        host=str(home), port="6432", dbname=case.name, user=case.role, password=PASSWORD
    )
    until = time.monotonic() + PATIENCE_S
    while not (home / ".s.PGSQL.6432").exists():
        assert process.poll() is None, (home / "log").read_text()
        assert time.monotonic() < until
        time.sleep(0.01)
    yield dsn
    process.kill()
    process.wait()
    shutil.rmtree(home)


def test_nothing_is_swapped_through_it(embedded_case: Case, pooled: str) -> None:
    case = embedded_case
    keep_copy(case)

    for options in ({"dsn": pooled}, {"dsn": pooled, "direct_dsn": pooled}):
        driver = case.driver(**options)
        assert [one.code for one in driver.obstacles(None)] == ["through-pooler"]
        with pytest.raises(RefusedError) as refused:
            driver.swap(COPY, "run-1", None, fence=free)
        assert refused.value.code == "through-pooler"
    assert case.driver(dsn=pooled, direct_dsn=case.dsn, admin_dsn=case.dsn).obstacles(COPY) == []


def test_its_clients_wait_and_go_on(embedded_case: Case, pooled: str) -> None:
    case = embedded_case
    keep_copy(case)
    seen: list[list[str]] = [[] for _ in range(8)]
    over = threading.Event()

    def work(number: int) -> None:
        with psycopg.connect(pooled, autocommit=True, prepare_threshold=None) as connection:
            while not over.is_set():
                try:
                    row = connection.execute("SELECT side FROM which").fetchone()
                except psycopg.OperationalError:
                    break  # its query was under way when the session was ended
                assert row is not None
                seen[number].append(row[0])

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    while not all(seen):
        over.wait(0.01)
    case.driver(dsn=pooled, direct_dsn=case.dsn).swap(COPY, "run-1", None, fence=free)
    while any(
        thread.is_alive() and one[-1] != "copy" for thread, one in zip(threads, seen, strict=True)
    ):
        over.wait(0.01)
    over.set()
    for thread in threads:
        thread.join()

    assert any(one[-1] == "copy" for one in seen)
    for one in seen:
        assert one == sorted(one, reverse=True)
