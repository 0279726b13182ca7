"""Names with everything in them, and very many of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lastgood.drivers.database.postgres.closed.sides import LONGEST_NAME, named
from lastgood.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.drivers.database.postgres.conftest import Case
    from tests.servers import Server

STRANGE = [
    "with space",
    "with \"quotes\" and 'others'",
    "with\nnewline",
    "with % and %s and {braces}",
    "dbname=postgres host=nowhere",
    "postgresql://nowhere/postgres",
    "back\\slash",
    "ünïcödé-日本語",
    "x" * 63,
    "é" * 31,
    "-d",
]


@pytest.mark.parametrize("name", STRANGE)
def test_strange_databases(embedded: Server, case_on: Callable[..., Case], name: str) -> None:
    case = case_on(embedded, name)
    case.execute("CREATE TABLE t AS SELECT 1 AS n")
    driver = case.driver()

    with driver.snapshot(60) as snapshot:
        before = snapshot.fingerprint()
        driver.restore("2026-11-25", snapshot.dump())
        assert b"CREATE ROLE" in snapshot.roles()
        assert b"ALTER DATABASE" in snapshot.settings()

    assert driver.facts().name == name
    assert driver.sides() == ["2026-11-25"]
    assert driver.fingerprint("2026-11-25") == before
    driver.drop("2026-11-25")
    assert driver.sides() == []


def test_a_side_name_fits_and_is_its_own() -> None:
    lives = ["shop", *STRANGE, "x" * 62, "é" * 30 + "a"]
    names = {named(live, side) for live in lives for side in ("a", "b", "c" * 40)}

    assert len(names) == 3 * len(lives)
    assert max(len(name.encode()) for name in names) <= LONGEST_NAME
    assert named("shop", "1") == "shop__lg_1"


@pytest.mark.parametrize("side", ["", "a b", "a'b", "..", "a__lg_b", "x" * 41, "é", "a\n"])
def test_an_id_is_plain(embedded_case: Case, side: str) -> None:
    with pytest.raises(UsageError) as error:
        embedded_case.driver().drop(side)

    assert error.value.code == "side-name"


def test_others_databases_are_no_sides_of_ours(
    embedded: Server, case_on: Callable[..., Case]
) -> None:
    case = case_on(embedded)
    for name in (f"{case.name}__lg_", f"{case.name}x__lg_a", f"{case.name}_lg_b"):
        embedded.execute(f'CREATE DATABASE "{name}"')

    assert case.driver().sides() == []


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_ten_thousand_tables(case_on: Callable[..., Case], many_locks: Server) -> None:
    case = case_on(many_locks)
    for start in range(0, 10_000, 500):
        case.execute(
            f"DO $$BEGIN FOR n IN {start}..{start + 499} LOOP"
            " EXECUTE format('CREATE TABLE %I (n int)', 'table ' || n); END LOOP; END$$"
        )
    driver = case.driver()

    with driver.snapshot(240) as snapshot:
        before = snapshot.fingerprint()
        driver.restore("one", snapshot.dump())

    assert len(before.tables) == 10_000
    assert driver.fingerprint("one") == before
