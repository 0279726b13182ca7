"""Real servers: the embedded one, and Debian's where it is installed."""

from __future__ import annotations

import contextlib
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from lastgood.demo.database import (
    SETTINGS,
    UNPRIVILEGED,
    _linked,
    _open_to_all,
    _programs,
    is_root,
)
from lastgood.drivers.database.postgres.driver import PostgresDatabase, make
from lastgood.drivers.database.postgres.options import PostgresOptions
from lastgood.ports.toolbox import Toolbox
from lastgood.process.children import PlainChildren
from lastgood.process.masking import Masker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DEBIAN = Path("/usr/lib/postgresql/15")
# What a password may hold and a password file, a service file or a shell would trip over.
PASSWORD = r"p:a\s's @w/o%r#d" + '"'
ACCESS = "local all postgres trust\nlocal all all scram-sha-256\n"


@dataclass
class Server:
    """A server that runs unprivileged, without a port."""

    programs: Path
    home: Path
    settings: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    def create(self) -> None:
        if is_root():
            shutil.chown(self.home, UNPRIVILEGED)
        data = str(self.home / "data")
        self._run(
            *("initdb", "-D", data, "--no-sync", "--no-instructions", "--username=postgres"),
            *("--auth=trust", "--encoding=UTF8", "--locale=C"),
        ).wait(60)
        (self.home / "data" / "pg_hba.conf").write_text(ACCESS, encoding="utf-8")

    def start(self) -> None:
        arguments = [
            word
            for name, value in (SETTINGS | self.settings).items()
            for word in ("-c", f"{name}={value}")
        ]
        data = str(self.home / "data")
        place = f"unix_socket_directories={self.home}"
        self.process = self._run("postgres", "-D", data, *arguments, "-c", place)
        for _ in range(600):
            with contextlib.suppress(psycopg.OperationalError), self.superuser():
                return
            assert self.process.poll() is None, (self.home / "log").read_text("utf-8")
            time.sleep(0.1)
        raise AssertionError((self.home / "log").read_text("utf-8"))

    def stop(self, how: int = signal.SIGQUIT) -> None:
        assert self.process is not None
        self.process.send_signal(how)
        self.process.wait(60)

    def superuser(self, name: str = "postgres") -> psycopg.Connection[Any]:
        return psycopg.connect(self.dsn(name), autocommit=True)

    def dsn(self, name: str, user: str = "postgres", **more: str) -> str:
        return make_conninfo(host=str(self.home), dbname=name, user=user, **more)

    def execute(self, *statements: str, name: str = "postgres") -> None:
        with self.superuser(name) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def _run(self, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        who: dict[str, Any] = {}
        if is_root():
            found = pwd.getpwnam(UNPRIVILEGED)
            who = {"user": found.pw_uid, "group": found.pw_gid, "extra_groups": []}
        with (self.home / "log").open("ab") as log:
            return subprocess.Popen(
                [str(self.programs / "bin" / program), *arguments],
                cwd=self.home,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **who,
            )


@contextlib.contextmanager
def running(programs: Path, **settings: str) -> Iterator[Server]:
    # Short: the path of a socket has at most 107 bytes.
    home = Path(tempfile.mkdtemp(prefix="lg-pg-"))
    try:
        home.chmod(0o755)
        if is_root() and not _open_to_all(programs):
            programs = _linked(programs, home / "programs")
        server = Server(programs, home, settings)
        server.create()
        server.start()
        yield server
        server.stop()
    finally:
        shutil.rmtree(home)


@pytest.fixture(scope="session")
def embedded() -> Iterator[Server]:
    """The server from PyPI, one for all tests."""
    with running(_programs()) as server:
        yield server


@pytest.fixture(scope="session")
def debian() -> Iterator[Server]:
    """Debian's server, another major version."""
    if not (DEBIAN / "bin" / "initdb").exists():
        pytest.skip("Debian's PostgreSQL 15 is not installed: apt install postgresql-15")
    with running(DEBIAN) as server:
        yield server


@pytest.fixture
def restartable() -> Iterator[Server]:
    """A server of a test's own, that it may stop."""
    with running(_programs()) as server:
        yield server


@pytest.fixture
def many_locks() -> Iterator[Server]:
    """A server that can hold a lock on very many tables."""
    with running(_programs(), max_locks_per_transaction="512") as server:
        yield server


@pytest.fixture(params=["embedded", "debian"])
def server(request: pytest.FixtureRequest) -> Server:
    """Each server in turn."""
    found: Server = request.getfixturevalue(request.param)
    return found


@dataclass
class Case:
    """A database that an ordinary role owns, and the driver for it."""

    server: Server
    name: str
    role: str
    state: Path

    @property
    def dsn(self) -> str:
        return self.server.dsn(self.name, self.role, password=PASSWORD)

    def execute(self, *statements: str) -> None:
        with psycopg.connect(self.dsn, autocommit=True, client_encoding="UTF8") as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def rows_of_side(self, side: str, query: str) -> list[Any]:
        self.server.execute(f'ALTER DATABASE "{side}" WITH ALLOW_CONNECTIONS true')
        found = self.rows(query, side)
        self.server.execute(f'ALTER DATABASE "{side}" WITH ALLOW_CONNECTIONS false')
        return found

    def rows(self, query: str, name: str | None = None) -> list[Any]:
        with self.server.superuser(name or self.name) as connection:
            return connection.execute(query.encode()).fetchall()

    def driver(self, **options: Any) -> PostgresDatabase:
        toolbox = Toolbox(
            environment="production",
            name="main",
            base=self.state,
            state=self.state,
            children=PlainChildren(Masker()),
        )
        return make(PostgresOptions.model_validate({"dsn": self.dsn, **options}), toolbox)

    def children(self, program: str = "") -> dict[int, str]:
        """The living programs that the driver started, as number and all that `ps` could show."""
        found = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and int(entry.name) != os.getpid():
                with contextlib.suppress(OSError):
                    line = (entry / "cmdline").read_bytes()
                    around = (entry / "environ").read_bytes()
                    ours = str(self.state).encode() in around and b"LASTGOOD" in around
                    if ours and line.split(b"\0")[0].endswith(program.encode()):
                        found[int(entry.name)] = (line + around).decode(errors="replace")
        return found

    def private(self) -> list[Path]:
        """The password files and their like that are there."""
        return list((self.state / "postgres").rglob("*/*/*"))

    def databases(self) -> set[str]:
        found = self.rows("SELECT datname FROM pg_database", "postgres")
        return {name for (name,) in found if name.startswith(self.name[:20])}


@pytest.fixture
def case_on(tmp_path: Path) -> Iterator[Callable[..., Case]]:
    """Makes databases on a server; they are removed afterwards."""
    made: list[Case] = []

    def build(server: Server, name: str = "", attributes: str = "CREATEDB", like: str = "") -> Case:
        suffix = secrets.token_hex(4)
        case = Case(server, name or f"shop_{suffix}", f"owner {suffix}", tmp_path / "state")
        with server.superuser() as connection:
            connection.execute(
                sql.SQL("CREATE ROLE {} LOGIN {} PASSWORD {}").format(
                    sql.Identifier(case.role), sql.SQL(attributes), sql.Literal(PASSWORD)
                )
            )
            connection.execute(
                sql.SQL("CREATE DATABASE {} OWNER {} {}").format(
                    sql.Identifier(case.name), sql.Identifier(case.role), sql.SQL(like)
                )
            )
        made.append(case)
        return case

    yield build
    for case in made:
        with contextlib.suppress(psycopg.OperationalError), case.server.superuser() as connection:
            for name in case.databases():
                drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
                connection.execute(drop.format(sql.Identifier(name)))


@pytest.fixture
def case(server: Server, case_on: Callable[..., Case]) -> Case:
    """A database on each server in turn."""
    return case_on(server)


@pytest.fixture
def embedded_case(embedded: Server, case_on: Callable[..., Case]) -> Case:
    """A database on the embedded server, for what does not depend on the version."""
    return case_on(embedded)
