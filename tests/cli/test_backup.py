"""`lastgood backup` on a real PostgreSQL: its documents, its exit codes, what it refuses."""

from __future__ import annotations

import json
import secrets
import stat
import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tests.servers import PASSWORD, running
from tests.shop import TABLES, Shop, shop_on, wait

from lastgood.backup.keyfile import make_key_file
from lastgood.demo.database import _programs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.servers import Server

ROWS = sum(TABLES.values())
CONTRACT = {
    *("id", "database", "created_at", "bytes", "seconds", "tables", "rows", "encrypted"),
    *("recipients", "verified_at", "warm_target", "store"),
}


class TestDocuments:
    def test_of_one_that_is_made_listed_shown_and_verified(self, shop: Shop) -> None:
        made = shop.said("create")
        assert made.keys() >= CONTRACT
        assert made["database"] == "main"
        assert (made["tables"], made["rows"]) == (len(TABLES), ROWS)
        assert made["encrypted"] is True
        assert len(set(made["recipients"])) == 2
        assert made["store"] == shop.store.describe()
        assert made["warm_target"] is False
        assert datetime.fromisoformat(made["verified_at"]) > datetime.fromisoformat(
            made["created_at"]
        )
        parts = [path for path in shop.part(made["id"]).parent.iterdir() if path.suffix != ".json"]
        assert made["bytes"] == sum(path.stat().st_size for path in parts)

        listed = {"backups": [made], "problems": [], "warm_target_problems": []}
        assert shop.said("list") == listed
        assert shop.said("show") == shop.said("show", made["id"]) == made
        verified = shop.said("verify", made["id"], "--key", str(shop.place / "recovery.key"))
        assert verified["verified_at"] > made["verified_at"]
        assert shop.said("show")["verified_at"] == verified["verified_at"]
        assert shop.databases() == {shop.name}

    def test_people_read_the_same(self, shop: Shop) -> None:
        assert "has no whole backup yet" in shop.run("list").out
        made = shop.run("create")
        assert made.code == 0
        assert "restorable" in made.out
        assert f"{ROWS} rows in {len(TABLES)} tables" in made.said
        assert "it is restored now, to prove it" in made.err
        assert "restorable" in shop.run("list").out
        assert shop.run("create", "--quiet").out == ""

    def test_a_rehearsal_does_nothing(self, shop: Shop) -> None:
        would = shop.said("create", "--dry-run")
        assert would["dry_run"] is True
        assert would["problems"] == []
        assert not (shop.place / "backups").exists()
        shop.said("create")
        before = shop.read()
        for words in (["verify"], ["pin", before.backups[0].backup.id], ["prune"]):
            assert shop.said(*words, "--dry-run")["dry_run"] is True
        new = shop.place / "new.key"
        shop.said("export-key", "--new", str(new), "--dry-run")
        assert not new.exists()
        assert shop.read() == before

    def test_one_for_a_deployment_names_it(self, shop: Shop) -> None:
        made = shop.said("create", "--before-deploy", "2b2b2b2")
        assert (made["kind"], made["before"]) == ("before-deploy", "2b2b2b2")


class TestSchedule:
    def test_nothing_is_made_while_the_newest_is_young(self, shop: Shop) -> None:
        first = shop.said("create", "--if-due")
        assert first["kind"] == "scheduled"
        again = shop.said("create", "--if-due")
        assert again["due"] is False
        assert again["next_at"] > first["created_at"]
        assert "do nothing" in shop.said("create", "--if-due", "--dry-run")["would"]
        assert len(shop.read().backups) == 1

        shop.backup["every"] = "1ms"
        shop.configure()
        assert shop.said("create", "--if-due")["id"] != first["id"]


class TestPruning:
    def test_what_is_old_goes_unless_it_is_pinned(self, shop: Shop) -> None:
        newest = shop.said("create", "--if-due")["id"]
        old = shop.aged(timedelta(days=40), datetime.now(UTC))

        shop.said("pin", old, "--reason", "the audit")
        assert shop.said("show", old)["pinned"] == "the audit"
        kept = {one["id"]: one for one in shop.said("prune")["backups"]}
        assert kept[old] == {"id": old, "keep": True, "reason": "pinned: the audit"}

        shop.said("pin", old, "--remove")
        rehearsed = {one["id"]: one["keep"] for one in shop.said("prune", "--dry-run")["backups"]}
        assert rehearsed == {old: False, newest: True}
        assert len(shop.read().backups) == 2
        assert "is gone" in shop.run("prune").out
        assert [one.backup.id for one in shop.read().backups] == [newest]
        assert not shop.part(old).parent.exists()

    def test_nothing_goes_while_the_newest_try_failed(self, shop: Shop) -> None:
        shop.said("create", "--if-due")
        old = shop.aged(timedelta(days=40), datetime.now(UTC))
        dsn, shop.database["dsn"] = shop.database["dsn"], shop.server.dsn("nowhere")
        shop.configure()
        shop.refused("create", code=1)
        shop.database["dsn"] = dsn
        shop.configure()

        decisions = {one["id"]: one for one in shop.said("prune")["backups"]}
        assert decisions[old]["keep"] is True
        assert "nothing goes while newer backups fail" in decisions[old]["reason"]


class TestKeys:
    def test_a_key_file_is_made_for_its_owner_alone(self, shop: Shop) -> None:
        new = shop.place / "third.key"
        made = shop.said("export-key", "--new", str(new))
        assert stat.S_IMODE(new.stat().st_mode) == 0o600
        content = new.read_bytes()
        assert shop.refused("export-key", "--new", str(new))["code"] == "key-exists"
        assert new.read_bytes() == content

        shop.backup["recipients"].append(f"file:{new}")
        shop.configure()
        known = shop.said("export-key")["recipients"]
        assert [one["here"] for one in known] == [True, True, True]
        assert known[2]["recipient"] == made["recipient"]

    def test_another_key_is_refused_and_says_whose_it_is(self, shop: Shop) -> None:
        made = shop.said("create")
        stranger = make_key_file(shop.place / "stranger.key")
        error = shop.refused("verify", "--key", str(shop.place / "stranger.key"))
        assert error["code"] == "not-a-recipient"
        assert stranger.recipient in error["cause"]
        assert made["recipients"][0] in error["cause"]
        assert shop.said("show") == made

    def test_no_key_that_opens_them_is_here(self, shop: Shop) -> None:
        shop.said("create")
        for name in ("operational", "recovery"):
            (shop.place / f"{name}.key").unlink()
        error = shop.refused("verify")
        assert error["code"] == "no-key-here"
        assert "--key" in error["mend"]
        assert shop.refused("create")["code"] == "key-unreadable"


def _one(shop: Shop) -> None:
    shop.backup["recipients"] = ["file:operational.key"]


def _one_twice(shop: Shop) -> None:
    shop.backup["recipients"] = ["file:operational.key", "file:./operational.key"]


def _nobody(shop: Shop) -> None:
    del shop.backup["recipients"]


def _no_store(shop: Shop) -> None:
    del shop.backup["store"]


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (_one, "one-recipient"),
        (_one_twice, "one-recipient"),
        (_nobody, "one-recipient"),
        (_no_store, "no-backup-store"),
    ],
)
def test_what_is_not_configured_is_refused_before_anything_is_read(
    shop: Shop, spoil: Any, code: str
) -> None:
    spoil(shop)
    shop.configure()
    assert shop.refused("create")["code"] == code
    assert not (shop.place / "backups").exists()


def test_which_database_must_be_clear(shop: Shop) -> None:
    shop.configure(main=shop.database, other=shop.database)
    error = shop.refused("create", code=2)
    assert error["code"] == "which-database"
    assert "main, other" in error["cause"]
    assert shop.refused("list", "--database", "mian", code=2)["code"] == "which-database"
    assert shop.said("list", "--database", "other")["backups"] == []


def test_there_is_no_database(shop: Shop) -> None:
    config = shop.place / "lastgood.yaml"
    environments = "environments: {production: {}}"
    config.write_text(f"version: 1\nproject: shop\n{environments}\n", encoding="utf-8")
    assert shop.refused("create", code=2)["code"] == "no-database"


def test_a_backup_that_is_not_there(shop: Shop) -> None:
    assert shop.refused("show")["code"] == "no-backup"
    assert shop.refused("verify")["code"] == "no-backup"
    for name in ("20260801T120000.000Z-0a1b2c3d", "../../etc"):
        assert shop.refused("verify", name)["code"] == "no-backup"
        assert shop.refused("pin", name)["code"] == "no-backup"


class TestFaults:
    def test_the_server_is_down(self, shop: Shop, tmp_path: Path) -> None:
        shop.database["dsn"] = f"postgresql://ada:{secrets.token_hex(8)}@/shop?host={tmp_path}"
        shop.configure()
        error = shop.refused("create", code=1)
        assert error["code"] == "database-unreachable"
        assert shop.refused("create", "--dry-run", code=1)["code"] == "database-unreachable"
        assert "backup.failed" in shop.events()

    def test_the_server_dies_in_the_middle(self, tmp_path: Path) -> None:
        with running(_programs()) as server:
            shop = shop_on(server, tmp_path / "shop")
            mark = shop.pausing("pg_dump", "snapshot")
            process = shop.start("create", "--json")
            wait(mark.exists, "the dump")
            server.stop()
            mark.with_suffix(".over").touch()
            out, err = process.communicate(timeout=60)
            assert process.returncode == 1, err
            assert json.loads(out)["error"]["mend"]
            assert shop.read().backups == ()
            server.start()

    def test_the_store_cannot_be_written(self, shop: Shop) -> None:
        (shop.place / "backups").write_text("no folder", encoding="utf-8")
        error = shop.refused("create", code=1)
        assert error["code"] == "store-failed"
        assert "folder" in error["mend"]
        assert shop.refused("list", code=1)["code"] == "store-failed"

    def test_who_may_make_no_database_gets_a_backup_that_is_not_proven(
        self, embedded: Server, tmp_path: Path
    ) -> None:
        shop = shop_on(embedded, tmp_path / "shop", "NOCREATEDB")
        ran = shop.run("create", "--json")
        assert ran.code == 1
        assert ran.json["rows"] == ROWS
        assert ran.json["verified_at"] is None
        assert ran.json["error"]["code"] == "no-createdb"
        assert "proof_dsn" in ran.json["error"]["mend"]
        assert "proof_dsn" in ran.err
        assert "is stored" in ran.err
        (problem,) = shop.said("create", "--dry-run")["problems"]
        assert "proof_dsn" in problem["mend"]
        (listed,) = shop.said("list")["backups"]
        assert listed["id"] == ran.json["id"]

        shop.database["proof_dsn"] = embedded.dsn("postgres")
        shop.configure()
        assert shop.said("verify")["verified_at"]
        shop.drop()


def test_roles_that_a_provider_hides_are_left_out_and_it_says_so(shop: Shop) -> None:
    shop.server.execute("REVOKE SELECT ON pg_auth_members FROM PUBLIC", name=shop.name)
    ran = shop.run("create", "--json")
    assert ran.code == 0, ran.err
    assert ran.json["verified_at"]
    assert "does not show its roles" in ran.err
    assert not shop.part(ran.json["id"], "roles").exists()


def _flip(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


def _cut(content: bytes) -> bytes:
    return content[:-100]


def test_a_damaged_backup_is_said_to_be_damaged(shop: Shop) -> None:
    live = shop.text()
    other, backup = (shop.said("create")["id"] for _ in range(2))
    damages = [
        ("dump", _flip),
        ("dump", _cut),
        ("dump", lambda _: b""),
        ("dump", lambda _: shop.part(other).read_bytes()),
        # Sealed with the backup's own key, and padded to its length.
        ("roles", lambda was: shop.part(backup, "settings").read_bytes().ljust(len(was))),
        ("state", _flip),
    ]
    for name, damage in damages:
        path = shop.part(backup, name)
        was = path.read_bytes()
        path.write_bytes(damage(was))
        is_damaged(shop, backup)
        path.write_bytes(was)
        assert shop.databases() == {shop.name}
    shop.part(backup).unlink()
    is_damaged(shop, backup)
    # The newest is not passed over for an older one that is whole.
    assert shop.run("verify", "--json").json["id"] == backup
    (problem,) = shop.said("list")["problems"]
    assert backup in problem["what"]
    assert backup in shop.run("list").out
    assert "damaged" in shop.run("verify", backup).out
    assert shop.said("verify", other)["restorable"] is True
    assert shop.text() == live


def is_damaged(shop: Shop, backup: str) -> None:
    """It is said, with the exit code, and the proof of it is kept."""
    proof = shop.part(backup, "proof.json")
    before = proof.read_bytes()
    ran = shop.run("verify", backup, "--json")
    assert ran.code == 1, ran.err
    assert ran.json["restorable"] is False
    assert ran.json["verified_at"] is None
    assert ran.json["problems"]
    assert b'"restorable":false' in proof.read_bytes() != before
    assert f"{backup} is damaged" in shop.events()


def test_a_table_that_came_back_otherwise_is_named(shop: Shop) -> None:
    """By a manifest that says otherwise: what a restore that is not faithful looks like."""
    made = shop.said("create")
    manifest = shop.part(made["id"], "manifest.json")
    content = manifest.read_bytes().replace(b'"rows":300', b'"rows":301')
    manifest.write_bytes(content)
    ran = shop.run("verify", "--json")
    assert ran.code == 1
    assert "public.users had 301 rows, restored it has 300" in ran.json["problems"][0]["what"]


@pytest.fixture
def watched(shop: Shop) -> Iterator[list[str]]:
    """Everything that `ps` could show while the fixture lives."""
    seen: list[str] = []
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.02):
            seen.extend(shop.processes().values())

    thread = threading.Thread(target=look)
    thread.start()
    yield seen
    over.set()
    thread.join()


def test_no_secret_is_shown_kept_or_in_the_process_list(shop: Shop, watched: list[str]) -> None:
    keys = [
        (shop.place / f"{name}.key").read_text("utf-8").split()[-1]
        for name in ("operational", "recovery")
    ]
    said = []
    for words in (["create"], ["create", "--json"], ["verify"], ["list"], ["show"], ["prune"]):
        ran = shop.run(*words)
        assert ran.code == 0, ran.err
        said.append(ran.out + ran.err)
    shop.database["dsn"] = shop.dsn.replace(shop.role, "nobody")
    shop.configure()
    said.append(str(shop.refused("create", code=1)))
    assert any("pg_dump" in line for line in watched)
    manifest = shop.part(shop.read().backups[-1].backup.id, "manifest.json")
    kept = [shop.events(), manifest.read_text("utf-8")]
    for secret in (PASSWORD, PASSWORD.replace("'", r"\'"), *keys):
        for text in (*said, *kept, *watched):
            assert secret not in text
    left = [path for path in (shop.place / ".lastgood" / "postgres").rglob("*") if path.is_file()]
    assert left == []
