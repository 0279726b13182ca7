"""The driver is what the port describes."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from tests.drivers.database.postgres.kept_copy import COPY, keep_copy

from lastgood.testing.database import database_conforms
from lastgood.testing.swapping import swapping_conforms

if TYPE_CHECKING:
    from tests.drivers.database.postgres.conftest import Case

    from lastgood.ports.swapping import Swapping


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


def test_a_copy_takes_its_place(case: Case) -> None:
    keep_copy(case, later=())

    swapping_conforms(
        lambda: cast("Swapping", case.driver()),
        COPY,
        lambda: case.execute("INSERT INTO users (name) VALUES ('new')"),
        lambda: int(case.rows("SELECT count(*) FROM users")[0][0]),
    )

    assert case.databases() == {case.name}
