"""A database whose rows are repaired from a closed copy of it, made by hand."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.drivers.database.postgres.kept_copy import BACKUP, COPY

from lastgood.drivers.database.postgres.catalog.content import (
    fingerprint,
    fix_text_forms,
    next_numbers,
)
from lastgood.model.repair import Condition, Wanted

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.drivers.database.postgres.conftest import Case

    from lastgood.model.repair import Repair, TableRepair

BEFORE = "20260802T120000.000Z-0a1b2c3d"
AGAIN = "20260803T120000.000Z-0a1b2c3d"


@dataclass
class Repaired:
    """A database with a closed copy of what it was."""

    case: Case
    fences: list[str] = field(default_factory=list)

    def begin(self, content: str) -> None:
        """Fill it, and take its copy."""
        case, copy = self.case, f"{self.case.name}__lgwarm_{BACKUP}"
        case.execute(content)
        case.server.execute(
            f'CREATE DATABASE "{copy}" OWNER "{case.role}" TEMPLATE "{case.name}"',
            f'ALTER DATABASE "{copy}" WITH ALLOW_CONNECTIONS false',
        )

    def write(self, statements: str) -> None:
        """In the live one, without what is checked and done for a row."""
        with self.case.server.superuser(self.case.name) as connection:
            connection.execute("SET session_replication_role = replica")
            connection.execute(statements.encode())

    def repair(
        self,
        *tables: str,
        columns: tuple[str, ...] = (),
        where: tuple[tuple[str, str, str], ...] = (),
        before: str = BEFORE,
        accepted: int | None = None,
        dry_run: bool = False,
        fence: Callable[[], None] | None = None,
        **options: Any,
    ) -> Repair:
        conditions = tuple(Condition(column=c, operator=o, value=v) for c, o, v in where)
        wanted = Wanted(tables=tables, columns=columns, where=conditions)
        return self.case.driver(**options).repair(
            COPY, wanted, before, accepted,
            dry_run=dry_run, fence=fence or (lambda: self.fences.append("asked")),
        )  # fmt: skip

    def take_back(self, before: str = BEFORE, *, dry_run: bool = False) -> Repair:
        return self.case.driver().take_back(
            before, dry_run=dry_run, fence=lambda: self.fences.append("asked")
        )

    def befores(self) -> list[str]:
        return [one.id for one in self.case.driver().befores()]

    def content(self) -> bytes:
        """All of the live one; how triggers are set is a part of the shape."""
        with self.case.server.superuser(self.case.name) as connection:
            fix_text_forms(connection)
            connection.execute("BEGIN")
            return repr(fingerprint(connection, next_numbers(connection))).encode()


def table(done: Repair, name: str) -> TableRepair:
    return next(one for one in done.tables if one.table == name)


def left(one: TableRepair) -> set[tuple[str, str, str]]:
    assert len(one.conflicts) == one.left
    return {("/".join(c.key.values()), c.why.value, c.said) for c in one.conflicts}
