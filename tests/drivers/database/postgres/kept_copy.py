"""A database with a kept copy of itself, for what is done with it then."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lastgood.ports.swapping import Closed, Copy

if TYPE_CHECKING:
    from tests.drivers.database.postgres.conftest import Case

BACKUP = "20260801T120000.000Z-0a1b2c3d"
COPY = Copy(kind=Closed.KEPT, id=BACKUP)
CONTENT = (
    "CREATE TABLE users (id serial PRIMARY KEY, name text)",
    "INSERT INTO users (name) SELECT 'u' || n FROM generate_series(1, 100) n",
    "CREATE TABLE which (side text)",
    "INSERT INTO which VALUES ('copy')",
)


LATER = (
    "INSERT INTO users (name) SELECT 'new' || n FROM generate_series(1, 7) n",
    "UPDATE which SET side = 'live'",
)


def keep_copy(case: Case, *more: str, later: tuple[str, ...] = LATER) -> str:
    """Fill the database, keep a copy of it, and write on; gives the copy's name."""
    case.execute(*CONTENT, *more)
    driver = case.driver()
    with driver.snapshot(600) as snapshot:
        dump = list(snapshot.dump())
    driver.restore(BACKUP, dump)
    driver.keep(BACKUP)
    case.execute(*later)
    return f"{case.name}__lgwarm_{BACKUP}"


def side(case: Case) -> str:
    """Which of the two has the name."""
    return str(case.rows("SELECT side FROM which")[0][0])


def free() -> None:
    """Whose lock nobody took over."""
