"""A side database that is kept: closed, told apart, and found when somebody was at it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest
from tests.servers import PASSWORD

from lastgood.errors import LastgoodError, RefusedError, RemoteError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.drivers.database.postgres.conftest import Case
    from tests.servers import Server

SIDE = "20260801T120000.000Z-0a1b2c3d"


def kept(case: Case) -> str:
    """Keeps a copy of the case's database; gives its name."""
    case.execute("CREATE TABLE users AS SELECT n AS id FROM generate_series(1, 10) n")
    driver = case.driver()
    with driver.snapshot(600) as snapshot:
        dump = list(snapshot.dump())
    driver.restore(SIDE, dump)
    driver.keep(SIDE)
    return f"{case.name}__lgwarm_{SIDE}"


def test_nobody_can_enter_it(embedded_case: Case, case_on: Callable[..., Case]) -> None:
    case = embedded_case
    name = kept(case)
    other = case_on(case.server)

    with pytest.raises(psycopg.OperationalError, match="not currently accepting connections"):
        psycopg.connect(case.server.dsn(name))
    case.server.execute(f'ALTER DATABASE "{name}" WITH ALLOW_CONNECTIONS true')
    with pytest.raises(psycopg.OperationalError, match="permission denied"):
        psycopg.connect(case.server.dsn(name, other.role, password=PASSWORD))


def test_it_is_found_when_somebody_opened_it(embedded_case: Case) -> None:
    case, driver = embedded_case, embedded_case.driver()
    name = kept(case)
    assert driver.kept()[0].problems == ()

    case.server.execute(f'ALTER DATABASE "{name}" WITH ALLOW_CONNECTIONS true')
    case.server.execute(f'GRANT CONNECT ON DATABASE "{name}" TO PUBLIC, pg_monitor')
    (found,) = driver.kept()
    assert {one.code for one in found.problems} == {"kept-open", "kept-admits"}
    assert "everybody" in found.problems[1].what
    assert "pg_monitor" in found.problems[1].what

    driver.fingerprint(SIDE, kept=True)
    assert driver.kept()[0].problems == ()


def test_one_that_somebody_is_in_is_not_kept(embedded_case: Case) -> None:
    """Who is in it may be changing it."""
    case, driver = embedded_case, embedded_case.driver()
    case.execute("CREATE TABLE users (id int)")
    with driver.snapshot(600) as snapshot:
        driver.restore(SIDE, list(snapshot.dump()))
    name = f"{case.name}__lg_{SIDE}"
    case.server.execute(f'ALTER DATABASE "{name}" WITH ALLOW_CONNECTIONS true')

    with case.server.superuser(name), pytest.raises(RemoteError, match="cannot be kept"):
        driver.keep(SIDE)

    assert driver.kept() == []
    assert driver.sides() == [SIDE]


def test_a_copy_without_owners_is_not_kept(embedded: Server, case_on: Callable[..., Case]) -> None:
    """All of it would belong to our role: enough for a proof, and not to take over."""
    case = case_on(embedded)
    assert case.driver().why_unkept() == ""

    case.server.execute("CREATE TABLE audit (id int)", name=case.name)

    assert "a member of every owner" in case.driver().why_unkept()


def test_proofs_on_another_server_keep_nothing_here(
    embedded: Server, case_on: Callable[..., Case]
) -> None:
    """What was kept before is still found, and dropped."""
    case, elsewhere = case_on(embedded), case_on(embedded)
    kept(case)
    driver = case.driver(proof_dsn=elsewhere.dsn)

    assert "another server" in driver.why_unkept()
    with pytest.raises(RefusedError) as refused:
        driver.keep(SIDE)
    assert refused.value.code == "kept-elsewhere"
    assert [one.side for one in driver.kept()] == [SIDE]
    assert driver.fingerprint(SIDE, kept=True).rows == 10
    driver.drop_kept(SIDE)
    assert case.driver().kept() == []


def test_a_name_near_the_limit_is_kept_too(embedded: Server, case_on: Callable[..., Case]) -> None:
    case = case_on(embedded, name="x" * 59)
    with pytest.raises(LastgoodError):
        case.driver().keep(SIDE)
    case.execute("CREATE TABLE users (id int)")
    driver = case.driver()
    with driver.snapshot(600) as snapshot:
        driver.restore(SIDE, list(snapshot.dump()))
    driver.keep(SIDE)
    assert [one.side for one in driver.kept()] == [SIDE]
    assert driver.sides() == []
    driver.drop_kept(SIDE)
