"""The project's own check of a restored copy: what it is given, and what it may not do."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from tests.servers import PASSWORD

if TYPE_CHECKING:
    from pathlib import Path

    from tests.drivers.database.postgres.conftest import Case

    from lastgood.model.problem import Problem

SIDE = "20260801T120000.000Z-0a1b2c3d"
RELEASES = {"api": "c0ffee", "web": "c0ffee"}
# What a smoke test is: a program that finds its database in a variable and looks for what it needs.
SMOKE = """
import os, sys, psycopg
with psycopg.connect(os.environ["SHOP_DB"], autocommit=True) as db:
    assert db.execute("SELECT count(*) FROM users").fetchone() == (3,)
    assert db.info.dbname.endswith(sys.argv[2]), db.info.dbname
    for statement in ("INSERT INTO users VALUES (4)", "SELECT nextval('numbers')", "DROP SCHEMA x"):
        try:
            db.execute(statement)
            sys.exit(statement)
        except psycopg.errors.ReadOnlySqlTransaction:
            pass
    db.execute("SELECT " + sys.argv[3])
open(sys.argv[4], "w").write(" ".join(sys.argv))
"""


@pytest.fixture
def smoke(tmp_path: Path) -> Path:
    program = tmp_path / "smoke.py"
    program.write_text(SMOKE, encoding="utf-8")
    return program


def asked(case: Case, argv: list[str], releases: dict[str, str], **more: Any) -> list[Problem]:
    """What the command says of a copy, which stays as it was."""
    case.execute(
        "CREATE TABLE users AS SELECT generate_series(1, 3) AS id", "CREATE SEQUENCE numbers"
    )
    driver = case.driver(contract={"command": argv, "url_variable": "SHOP_DB", **more})
    with driver.snapshot(60) as snapshot:
        driver.restore(SIDE, snapshot.dump())
    before = driver.fingerprint(SIDE)
    found = driver.contract(SIDE, releases)
    assert driver.fingerprint(SIDE) == before
    admits = dict(case.rows("SELECT datname, datallowconn FROM pg_database"))
    assert admits[f"{case.name}__lg_{SIDE}"] is False
    assert not case.children()
    return found


def test_a_release_looks_at_the_copy_and_writes_nothing(case: Case, smoke: Path) -> None:
    mark = smoke.with_name("seen")

    assert (
        asked(case, [sys.executable, str(smoke), "{commit}", SIDE, "1", str(mark)], RELEASES) == []
    )

    seen = mark.read_text()
    assert "c0ffee" in seen
    assert PASSWORD not in seen
    assert "postgresql:" not in seen


def test_what_it_misses_is_told_without_the_password(embedded_case: Case, smoke: Path) -> None:
    shown = smoke.with_name("shown.py")
    shown.write_text(
        "import os, sys\nprint(os.environ['SHOP_DB'], file=sys.stderr)\n" + SMOKE, encoding="utf-8"
    )

    (found,) = asked(embedded_case, [sys.executable, str(shown), "x", SIDE, "missing", "x"], {})

    assert found.code == "contract-failed"
    assert 'column "missing" does not exist' in found.what
    assert found.mend
    assert PASSWORD not in found.what
    assert quote(PASSWORD, safe="") not in found.what


@pytest.mark.parametrize("argv", [["sleep", "100"], ["/no/such/program"]])
def test_what_does_not_end_or_begin_shows_nothing(embedded_case: Case, argv: list[str]) -> None:
    (found,) = asked(embedded_case, argv, {}, timeout="1s")
    assert found.code == "contract-failed"


@pytest.mark.parametrize("releases", [{}, {"api": "a", "web": "b"}])
def test_which_release_must_be_known_where_it_is_asked_for(
    embedded_case: Case, releases: dict[str, str]
) -> None:
    (found,) = asked(embedded_case, ["true", "{commit}"], releases)
    assert found.code == "contract-release"
    assert found.mend


def test_without_one_nothing_is_asked(embedded_case: Case) -> None:
    assert embedded_case.driver().contract(SIDE, RELEASES) == []
