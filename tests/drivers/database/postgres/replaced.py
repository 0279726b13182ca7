"""A database that another one replaced, by hand, and what is salvaged from it."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql
from tests.drivers.database.postgres.conftest import Case
from tests.servers import PASSWORD

from lastgood.drivers.database.postgres.catalog.content import (
    fingerprint,
    fix_text_forms,
    next_numbers,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.servers import Server

    from lastgood.model.salvage import Salvage

ID = "20260801T120000.000Z-0a1b2c3d"


@dataclass
class Swapped:
    """A database that took another's place, by hand."""

    case: Case
    fences: list[str] = field(default_factory=list)

    def begin(self, content: str) -> None:
        """Fill it, and take its backup's copy."""
        case = self.case
        with psycopg.connect(case.dsn) as connection:
            connection.execute(content.encode())
        case.server.execute(
            f'CREATE DATABASE "{case.name}_copy" OWNER "{case.role}" TEMPLATE "{case.name}"'
        )

    def write(self, statements: str) -> None:
        """In the live one."""
        # By replication's rights: what is checked and done for a row is not the matter here.
        with self.case.server.superuser(self.case.name) as connection:
            connection.autocommit = False
            connection.execute("SET session_replication_role = replica")
            connection.execute(statements.encode())
            connection.commit()

    def swap(self, copy: str = "", quarantine: str = ID) -> None:
        """Let the copy take its place."""
        name = self.case.name
        copy = copy or f"{name}_copy"
        self.case.server.execute(
            f'BEGIN; ALTER DATABASE "{name}" RENAME TO "{name}__lgq_{quarantine}"; '
            f'ALTER DATABASE "{copy}" RENAME TO "{name}"; COMMIT',
            f'ALTER DATABASE "{name}__lgq_{quarantine}" WITH ALLOW_CONNECTIONS false',
        )

    def salvage(
        self,
        quarantine: str = ID,
        *,
        dry_run: bool = False,
        fence: Callable[[], None] | None = None,
        **options: Any,
    ) -> Salvage:
        driver = self.case.driver(**options)
        return driver.salvage(
            quarantine, dry_run=dry_run, fence=fence or (lambda: self.fences.append("asked"))
        )

    def content(self) -> bytes:
        """All of the live one."""
        with self.case.server.superuser(self.case.name) as connection:
            fix_text_forms(connection)
            connection.execute("BEGIN")
            held = fingerprint(connection, next_numbers(connection))
            # How triggers are set is a part of the shape.
            rest = connection.execute(
                "SELECT count(*) FROM pg_class WHERE relpersistence = 't' AND relkind = 'r'"
            ).fetchall()
        return repr((held, rest)).encode()


def swapped_on(server: Server, place: Path, attributes: str = "CREATEDB") -> Swapped:
    suffix = secrets.token_hex(4)
    case = Case(server, f"shop_{suffix}", f"owner {suffix}", place)
    with server.superuser() as connection:
        connection.execute(
            sql.SQL("CREATE ROLE {} LOGIN {} PASSWORD {}").format(
                sql.Identifier(case.role), sql.SQL(attributes), sql.Literal(PASSWORD)
            )
        )
    server.execute(f'CREATE DATABASE "{case.name}" OWNER "{case.role}"')
    return Swapped(case)


def dropped(swapped: Swapped) -> None:
    for name in swapped.case.databases():
        swapped.case.server.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
