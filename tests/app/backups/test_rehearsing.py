"""The new release's migrations are tried up and down beside the backup before its deployment."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.app.backups.revisions import ENV, FOLDER, GENERATED, script, sql, with_migrations

from lastgood.app.backups.ordering import order_backup
from lastgood.app.backups.rehearsing import REHEARSED
from lastgood.backup.layout import REHEARSAL

if TYPE_CHECKING:
    from tests.app.backups.conftest import Shop

    from lastgood.model.rehearsal import Rehearsal

ADDS = sql(
    "ALTER TABLE users ADD nick text", "CREATE TABLE notes (id int)", "INSERT INTO notes VALUES (1)"
)
TAKES = sql("ALTER TABLE users DROP nick", "DROP TABLE notes")


def rehearsed(shop: Shop, before: str, *, restorable: bool = True) -> tuple[Rehearsal, str]:
    """Back up before a deployment: what was tried, and what was told of it."""
    told: list[str] = []
    made = order_backup(shop.project, None, before, if_due=False, tell=told.append).stored
    assert made is not None
    assert made.restorable is restorable
    assert made.rehearsal is not None
    assert shop.backups[-1].rehearsal == made.rehearsal  # kept beside it
    assert not any("__lg_" in name for name in shop.databases())
    left = [path for path in (shop.folder / ".lastgood").rglob("*") if path.is_file()]
    assert not [path for path in left if "postgres" in path.parts or "guards" in path.parts]
    assert not [path for path in left if path.name.startswith("proof~")]
    (said,) = [line for line in told if "migrations from" in line]
    assert said in shop.events(REHEARSED)[-1].text.replace(" of main", "")
    return made.rehearsal, said


@pytest.mark.parametrize("env", [ENV, GENERATED])
def test_what_comes_back_as_it_was_is_reversible(shop: Shop, env: str) -> None:
    remote = with_migrations(shop, env)
    found, said = rehearsed(shop, remote.commit(script("two", "one", ADDS, TAKES)))
    assert (found.reversible, found.lower, found.upper) == (True, "one", "two"), found.problems
    assert found.goes == ("table public.notes", "column public.users.nick")
    assert found.tables == ("public.notes",)
    assert "can be run down again; with it go: table public.notes, column" in said
    with shop.server.superuser(shop.name) as connection:  # the live one is not touched
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [
            ("one",)
        ]
        columns = "SELECT count(*) FROM information_schema.columns WHERE column_name = 'nick'"
        assert connection.execute(columns).fetchone() == (0,)


@pytest.mark.parametrize(
    ("up", "down", "why"),
    [
        (ADDS, "raise NotImplementedError('there is no way back')", "there is no way back"),
        (
            sql("ALTER TABLE users DROP name"),
            sql("ALTER TABLE users ADD name text"),
            "public.users has the same 3 rows by count, and other content",
        ),
        (
            sql("CREATE INDEX by_name ON users (name)"),
            "pass",
            "not the same any more: index public.users",
        ),
    ],
)
def test_what_does_not_is_not_and_keeps_no_backup_back(
    shop: Shop, up: str, down: str, why: str
) -> None:
    remote = with_migrations(shop)
    found, said = rehearsed(shop, remote.commit(script("two", "one", up, down)))
    assert not found.reversible
    assert found.upper == "two"
    assert why in found.problems[0].what
    assert why in said


def test_a_script_that_fails_shows_no_secret(shop: Shop) -> None:
    password = f"of {shop.role}"
    remote = with_migrations(shop, "import os\nraise SystemExit(os.environ['DATABASE_URL'])")
    found, said = rehearsed(shop, remote.commit(script("two", "one", ADDS, TAKES)))
    assert (found.reversible, found.upper) == (False, None)
    assert "alembic upgrade failed" in said
    kept = shop.folder / "store" / "production" / "main" / found.backup / REHEARSAL
    assert "***" in kept.read_text()
    for form in (password, password.replace(" ", "%20")):
        assert form not in said + kept.read_text()
    # What it said before does not stay once it can be run.
    mended = remote.commit({f"{FOLDER}/env.py": ENV})
    assert rehearsed(shop, mended)[0].reversible


def test_a_script_that_hangs_is_ended(shop: Shop) -> None:
    remote = with_migrations(shop, "import time\ntime.sleep(600)")
    shop.main["migrations"] |= {"timeout": "2s"}
    shop.write()
    found, _ = rehearsed(shop, remote.commit(script("two", "one", ADDS, TAKES)))
    assert "could not be tried" in found.problems[0].what
    shown = shop.said(shop.begin("backup", "show", "--json"))
    assert shown["restorable"] is True
    assert shown["rehearsal"]["reversible"] is False
    assert not [p for p in _commands() if str(shop.folder) in p and "alembic" in p]


def test_what_nothing_can_run_is_told(shop: Shop) -> None:
    remote = with_migrations(shop)
    new = remote.commit(script("two", "one", ADDS, TAKES))
    shop.main["migrations"] |= {"command": ["./no-such-alembic"]}
    shop.write()
    assert "no-such-alembic" in rehearsed(shop, new)[0].problems[0].what
    shop.main["migrations"] |= {"tool": "flyway"}
    shop.write()
    assert rehearsed(shop, new)[0].problems[0].code == "no-tool"
    shop.server.execute("DELETE FROM alembic_version", name=shop.name)
    shop.main["migrations"] |= {"tool": "alembic"}
    shop.write()
    assert rehearsed(shop, new)[0].problems[0].code == "no-revision"


@pytest.mark.linux
def test_killed_in_the_middle_it_leaves_nothing(shop: Shop) -> None:
    mark = shop.folder / "begun"
    waits = f"{ENV}\nimport pathlib, time\npathlib.Path({str(mark)!r}).touch()\ntime.sleep(600)"
    remote = with_migrations(shop, waits)
    new = remote.commit(script("two", "one", ADDS, TAKES))
    command = shop.begin("backup", "create", "--before-deploy", new)
    shop.wait_for(mark.exists)
    assert not [line for line in _commands() if f"of%20{shop.role}" in line]  # no password in `ps`
    command.kill()
    command.communicate()
    shop.wait_for(lambda: not [p for p in _commands() if str(shop.folder) in p and "alembic" in p])
    (stored,) = shop.backups
    assert stored.restorable
    assert stored.rehearsal is None
    assert len([name for name in shop.databases() if "__lg_" in name]) == 2
    rehearsed(shop, remote.commit({f"{FOLDER}/env.py": ENV}))  # which sees that nothing is left


def _commands() -> list[str]:
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(entry.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            continue
    return found
