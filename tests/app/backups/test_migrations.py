"""What a later downgrade needs: the new release's migrations, and where the schema stood."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lastgood.app.backups.keys import identity_of
from lastgood.app.backups.migrations import unpack_migrations
from lastgood.app.backups.ordering import order_backup
from lastgood.backup.layout import DUMP
from lastgood.backup.recipients import unwrap
from lastgood.errors import RefusedError
from lastgood.testing.remote import GitRemote

if TYPE_CHECKING:
    from tests.app.backups.conftest import Shop

DOCS = Path(__file__).parents[3] / "docs"
SCRIPT = "db/migrations/versions/0002_totals.py"
DOWN = "def downgrade(): op.drop_column('users', 'total')"


@pytest.fixture
def remote(shop: Shop) -> GitRemote:
    """The service's repository; the database's migrations are in it."""
    remote = GitRemote(shop.folder / "remote.git")
    remote.commit({"app": "1", "db/migrations/env.py": "# 1"})
    site = {"driver": "releases", "path": str(shop.folder / "site")}
    (shop.folder / "site" / "releases").mkdir(parents=True)
    shop.environment["services"] = {"site": {"deploy": {**site, "repository": str(remote.place)}}}
    shop.main["migrations"] = {"path": "db/migrations"}
    shop.write()
    return remote


def made(shop: Shop, before: str | None) -> list[str]:
    """Back up; gives what was told."""
    told: list[str] = []
    order = order_backup(shop.project, None, before, if_due=False, tell=told.append)
    assert order.stored is not None
    assert order.stored.restorable, order
    return [line for line in told if "migrations of" in line]


def parts(shop: Shop) -> set[str]:
    return {part.name for part in shop.backups[-1].backup.parts} - {"roles", "settings", "state"}


def test_those_of_the_new_release_are_kept_and_come_out_again(
    shop: Shop, remote: GitRemote
) -> None:
    new = remote.commit({SCRIPT: DOWN})
    remote.commit({SCRIPT: "later"})
    assert made(shop, new[:10]) == []
    assert parts(shop) == {DUMP, "migrations"}

    remote.place.rename(remote.place.with_suffix(".gone"))
    backup = shop.backups[-1].backup
    place, folder = shop.place, shop.folder / "out"
    key = unwrap(backup.keys, identity_of(shop.project, place, None), backup.id)
    unpack_migrations(place, backup, key, folder)
    assert (folder / "versions" / "0002_totals.py").read_text() == DOWN
    assert (folder / "env.py").read_text() == "# 1"

    # The git host is down: what the copy of the repository has is enough.
    assert made(shop, new) == []
    assert parts(shop) == {DUMP, "migrations"}


def test_without_a_deployment_none_are_kept(shop: Shop, remote: GitRemote) -> None:
    remote.commit({SCRIPT: DOWN})
    made(shop, None)
    assert parts(shop) == {DUMP}


def test_that_they_cannot_be_had_is_told_and_keeps_no_backup_back(
    shop: Shop, remote: GitRemote
) -> None:
    new = remote.tip()
    shop.main["migrations"] = {"path": "db/absent"}
    shop.write()
    (told,) = made(shop, new)
    assert "has no folder 'db/absent'" in told

    shop.main["migrations"] = {"path": "db/migrations"}
    shop.write()
    (told,) = made(shop, "f" * 40)
    assert "no single commit" in told

    del shop.environment["services"]["site"]["deploy"]["repository"]
    shop.write()
    (told,) = made(shop, new)
    assert "no service names its `repository`" in told
    assert parts(shop) == {DUMP}

    with pytest.raises(RefusedError) as refused:
        unpack_migrations(shop.place, shop.backups[-1].backup, b"", shop.folder / "out")
    assert refused.value.code == "damaged"


def test_by_hand_they_come_out_too(shop: Shop, remote: GitRemote) -> None:
    """As docs/backups.md says it."""
    answer = shop.create("--before-deploy", remote.commit({SCRIPT: DOWN}))
    assert "migrations" in {part["name"] for part in answer["parts"]}
    page = (DOCS / "backups.md").read_text(encoding="utf-8")
    block = page.partition("keeps the migrations")[2]
    commands = re.findall(r"^    (.+)$", block.partition("## ")[0], re.MULTILINE)
    fetched = shop.folder / "store" / "production" / "main" / answer["id"]
    (fetched / "decrypt.py").write_bytes((DOCS / "decrypt.py").read_bytes())
    (fetched / "recovery.txt").write_bytes(shop.recovery.read_bytes())
    script = "\n".join(commands).replace("python3", sys.executable)
    subprocess.run(["bash", "-e", "-c", script], cwd=fetched, check=True, timeout=60)
    found = fetched / "migrations-of-the-new-release" / "versions" / "0002_totals.py"
    assert found.read_text() == DOWN


def test_a_backup_says_up_to_which_migration_its_schema_was(shop: Shop) -> None:
    made(shop, None)
    assert shop.backups[-1].backup.schema_revision is None

    def revision(*statements: str) -> str | None:
        shop.server.execute(f"SET ROLE {shop.role}", *statements, name=shop.name)
        made(shop, None)
        return shop.backups[-1].backup.schema_revision

    assert revision("CREATE TABLE alembic_version (version_num varchar(32))") is None
    assert revision("INSERT INTO alembic_version VALUES ('0001_first')") == "0001_first"
    heads = "INSERT INTO alembic_version VALUES ('0000_branch')"
    assert revision(heads) == "0000_branch,0001_first"
    # One in each customer's schema says nothing of the whole.
    assert (
        revision(
            "CREATE SCHEMA one",
            "ALTER TABLE alembic_version SET SCHEMA one",
            "CREATE SCHEMA two",
            "CREATE TABLE two.alembic_version AS SELECT '2' AS version_num",
        )
        is None
    )
    assert shop.said(shop.begin("backup", "show", "--json"))["schema_revision"] is None
