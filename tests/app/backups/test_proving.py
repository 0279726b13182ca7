"""What a restore shows, and what it cannot show."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest

from lastgood.app.backups import proving
from lastgood.app.backups.pace import paced
from lastgood.app.backups.proving import KILLED, speaks_against
from lastgood.errors import ChildError, RemoteError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tests.shop import Shop

# A restore has no search path: it finds no `users`, and loads no row of `trades`.
UNRESTORABLE = (
    (
        "CREATE FUNCTION known(int) RETURNS bool LANGUAGE plpgsql "
        "AS 'BEGIN RETURN EXISTS (SELECT FROM users WHERE id = $1); END'"
    ),
    "ALTER TABLE trades ADD CONSTRAINT known CHECK (known(owner))",
)


def test_a_database_that_its_own_dump_cannot_make_again_is_found_today(stall: Shop) -> None:
    with psycopg.connect(stall.dsn, autocommit=True) as connection:
        for statement in UNRESTORABLE:
            connection.execute(statement.encode())
    ran = stall.run("create", "--json")
    assert ran.code == 1
    assert ran.json["restorable"] is False
    assert "users" in ran.json["problems"][0]["what"]
    assert stall.databases() == {stall.name}
    assert stall.said("list")["backups"] == [ran.json]


def test_a_query_of_the_project_speaks_against_it(stall: Shop) -> None:
    stall.database["verify"] = [{"name": "users", "sql": "SELECT count(*) FROM users", "expect": 7}]
    stall.configure()
    ran = stall.run("create", "--json")
    assert ran.code == 1
    assert "users" in ran.json["problems"][0]["what"]


def test_every_proof_is_held_back_to_its_rate(stall: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = list[float | None]()

    def watched(chunks: Iterable[bytes], rate: float | None) -> Iterator[bytes]:
        seen.append(rate)
        return paced(chunks, rate)

    monkeypatch.setattr(proving, "paced", watched)
    assert stall.said("create")["restorable"]
    stall.backup["proof_rate"] = "50MB"
    stall.configure()
    assert stall.said("verify")["restorable"]
    assert stall.said("create")["restorable"]
    assert seen == [None, 5e7, 5e7]
    stall.backup["proof_rate"] = "fast"
    stall.configure()
    assert "'fast' is not an amount of data" in stall.refused("create", code=2)["message"]


@pytest.mark.parametrize(
    ("error", "whose"),
    [
        (ChildError("pg_restore failed with exit code 1", cause="error: relation", code="-"), 0),
        (
            ChildError("pg_restore failed", cause="could not execute", code="pg-restore-failed"),
            1,
        ),
        (ChildError("pg_restore was ended by signal 9", code="pg-restore-failed"), 0),
        (ChildError("pg_restore failed", cause=KILLED, code="pg-restore-failed"), 0),
        (
            ChildError(
                "pg_restore failed",
                cause=f"ERROR: no such function\n{KILLED}",
                code="pg-restore-failed",
            ),
            1,
        ),
        (
            ChildError(
                "pg_restore failed", cause="No space left on device", code="pg-restore-failed"
            ),
            0,
        ),
        (
            ChildError(
                "pg_restore failed", cause="server closed the connection", code="pg-restore-failed"
            ),
            0,
        ),
        (RemoteError("the database does not answer", code="database-unreachable"), 0),
    ],
)
def test_only_what_the_backup_did_wrong_is_held_against_it(error: ChildError, whose: int) -> None:
    assert speaks_against(error) is bool(whose)
