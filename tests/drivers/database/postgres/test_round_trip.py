"""A dump, its restore, and the comparison of both, on real servers."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.drivers.database.postgres.conftest import Case

SHOP = (
    "CREATE TABLE users (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, email varchar(80))",
    "INSERT INTO users (email) SELECT 'user' || n FROM generate_series(1, 500) n",
)


def test_what_was_dumped_comes_back(case: Case) -> None:
    case.execute(*SHOP)
    driver = case.driver()

    with driver.snapshot(60) as snapshot:
        before = snapshot.fingerprint()
        chunks = list(snapshot.dump())
    driver.restore("one", chunks)

    assert driver.sides() == ["one"]
    assert driver.fingerprint("one") == before
    assert before.rows == 500
    driver.drop("one")
    driver.drop("one")
    assert driver.sides() == []
