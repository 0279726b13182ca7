"""Real servers: the embedded one, and Debian's where it is installed."""

from __future__ import annotations

import contextlib
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import sql
from tests.servers import PASSWORD, Server, running

from lastgood.demo.database import _programs
from lastgood.drivers.database.postgres.driver import PostgresDatabase, make
from lastgood.drivers.database.postgres.options import PostgresOptions
from lastgood.ports.toolbox import Toolbox
from lastgood.process.children import PlainChildren
from lastgood.process.masking import Masker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DEBIAN = Path("/usr/lib/postgresql/15")


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


@pytest.fixture(scope="session")
def logical() -> Iterator[Server]:
    """A server with logical replication and prepared transactions."""
    settings = {"wal_level": "logical", "max_prepared_transactions": "5"}
    with running(_programs(), **settings) as server:
        yield server


@pytest.fixture
def lasting() -> Iterator[Server]:
    """As `restartable`; what it has answered it has on its disk."""
    with running(_programs(), synchronous_commit="on") as server:
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
