"""The driver is what the port describes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lastgood.testing.database import database_conforms

if TYPE_CHECKING:
    from tests.drivers.database.postgres.conftest import Case


def test_it_conforms(case: Case) -> None:
    case.execute(
        "CREATE TABLE users (id serial PRIMARY KEY, name text)",
        "INSERT INTO users (name) SELECT 'u' || n FROM generate_series(1, 1000) n",
    )

    held = database_conforms(
        case.driver, lambda: case.execute("INSERT INTO users (name) VALUES ('new')")
    )

    assert held.rows == 1000
    assert case.databases() == {case.name}
    assert not case.children()
    assert not case.private()
