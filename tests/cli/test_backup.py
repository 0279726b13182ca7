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
    def test_of_one_that_is_made_listed_shown_and_verified(self, stall: Shop) -> None:
        made = stall.said("create")
        assert made.keys() >= CONTRACT
        assert made["database"] == "main"
        assert (made["tables"], made["rows"]) == (len(TABLES), ROWS)
        assert made["encrypted"] is True
        assert len(set(made["recipients"])) == 2
        assert made["store"] == stall.store.describe()
        assert made["warm_target"] is False
        assert datetime.fromisoformat(made["verified_at"]) > datetime.fromisoformat(
            made["created_at"]
        )
        parts = [path for path in stall.part(made["id"]).parent.iterdir() if path.suffix != ".json"]
        assert made["bytes"] == sum(path.stat().st_size for path in parts)

        listed = {"backups": [made], "problems": [], "warm_target_problems": []}
        assert stall.said("list") == listed
        assert stall.said("show") == stall.said("show", made["id"]) == made
        verified = stall.said("verify", made["id"], "--key", str(stall.place / "recovery.key"))
        assert verified["verified_at"] > made["verified_at"]
        assert stall.said("show")["verified_at"] == verified["verified_at"]
        assert stall.databases() == {stall.name}

    def test_people_read_the_same(self, stall: Shop) -> None:
        assert "has no whole backup yet" in stall.run("list").out
        made = stall.run("create")
        assert made.code == 0
        assert "restorable" in made.out
        assert f"{ROWS} rows in {len(TABLES)} tables" in made.said
        assert "it is restored now, to prove it" in made.err
        assert "restorable" in stall.run("list").out
        assert stall.run("create", "--quiet").out == ""

    def test_a_rehearsal_does_nothing(self, stall: Shop) -> None:
        would = stall.said("create", "--dry-run")
        assert would["dry_run"] is True
        assert would["problems"] == []
        assert not (stall.place / "backups").exists()
        stall.said("create")
        before = stall.read()
        for words in (["verify"], ["pin", before.backups[0].backup.id], ["prune"]):
            assert stall.said(*words, "--dry-run")["dry_run"] is True
        new = stall.place / "new.key"
        stall.said("export-key", "--new", str(new), "--dry-run")
        assert not new.exists()
        assert stall.read() == before

    def test_one_for_a_deployment_names_it(self, stall: Shop) -> None:
        made = stall.said("create", "--before-deploy", "2b2b2b2")
        assert (made["kind"], made["before"]) == ("before-deploy", "2b2b2b2")


class TestSchedule:
    def test_nothing_is_made_while_the_newest_is_young(self, stall: Shop) -> None:
        first = stall.said("create", "--if-due")
        assert first["kind"] == "scheduled"
        again = stall.said("create", "--if-due")
        assert again["due"] is False
        assert again["next_at"] > first["created_at"]
        assert "do nothing" in stall.said("create", "--if-due", "--dry-run")["would"]
        assert len(stall.read().backups) == 1

        stall.backup["every"] = "1ms"
        stall.configure()
        assert stall.said("create", "--if-due")["id"] != first["id"]


class TestPruning:
    def test_what_is_old_goes_unless_it_is_pinned(self, stall: Shop) -> None:
        newest = stall.said("create", "--if-due")["id"]
        old = stall.aged(timedelta(days=40), datetime.now(UTC))

        stall.said("pin", old, "--reason", "the audit")
        assert stall.said("show", old)["pinned"] == "the audit"
        kept = {one["id"]: one for one in stall.said("prune")["backups"]}
        assert kept[old] == {"id": old, "keep": True, "reason": "pinned: the audit"}

        stall.said("pin", old, "--remove")
        rehearsed = {one["id"]: one["keep"] for one in stall.said("prune", "--dry-run")["backups"]}
        assert rehearsed == {old: False, newest: True}
        assert len(stall.read().backups) == 2
        assert "is gone" in stall.run("prune").out
        assert [one.backup.id for one in stall.read().backups] == [newest]
        assert not stall.part(old).parent.exists()

    def test_nothing_goes_while_the_newest_try_failed(self, stall: Shop) -> None:
        stall.said("create", "--if-due")
        old = stall.aged(timedelta(days=40), datetime.now(UTC))
        dsn, stall.database["dsn"] = stall.database["dsn"], stall.server.dsn("nowhere")
        stall.configure()
        stall.refused("create", code=1)
        stall.database["dsn"] = dsn
        stall.configure()

        decisions = {one["id"]: one for one in stall.said("prune")["backups"]}
        assert decisions[old]["keep"] is True
        assert "nothing goes while newer backups fail" in decisions[old]["reason"]


class TestKeys:
    def test_a_key_file_is_made_for_its_owner_alone(self, stall: Shop) -> None:
        new = stall.place / "third.key"
        made = stall.said("export-key", "--new", str(new))
        assert stat.S_IMODE(new.stat().st_mode) == 0o600
        content = new.read_bytes()
        assert stall.refused("export-key", "--new", str(new))["code"] == "key-exists"
        assert new.read_bytes() == content

        stall.backup["recipients"].append(f"file:{new}")
        stall.configure()
        known = stall.said("export-key")["recipients"]
        assert [one["here"] for one in known] == [True, True, True]
        assert known[2]["recipient"] == made["recipient"]

    def test_another_key_is_refused_and_says_whose_it_is(self, stall: Shop) -> None:
        made = stall.said("create")
        stranger = make_key_file(stall.place / "stranger.key")
        error = stall.refused("verify", "--key", str(stall.place / "stranger.key"))
        assert error["code"] == "not-a-recipient"
        assert stranger.recipient in error["cause"]
        assert made["recipients"][0] in error["cause"]
        assert stall.said("show") == made

    def test_no_key_that_opens_them_is_here(self, stall: Shop) -> None:
        stall.said("create")
        for name in ("operational", "recovery"):
            (stall.place / f"{name}.key").unlink()
        error = stall.refused("verify")
        assert error["code"] == "no-key-here"
        assert "--key" in error["mend"]
        assert stall.refused("create")["code"] == "key-unreadable"


def _one(stall: Shop) -> None:
    stall.backup["recipients"] = ["file:operational.key"]


def _one_twice(stall: Shop) -> None:
    stall.backup["recipients"] = ["file:operational.key", "file:./operational.key"]


def _nobody(stall: Shop) -> None:
    del stall.backup["recipients"]


def _no_store(stall: Shop) -> None:
    del stall.backup["store"]


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
    stall: Shop, spoil: Any, code: str
) -> None:
    spoil(stall)
    stall.configure()
    assert stall.refused("create")["code"] == code
    assert not (stall.place / "backups").exists()


def test_which_database_must_be_clear(stall: Shop) -> None:
    stall.configure(main=stall.database, other=stall.database)
    error = stall.refused("create", code=2)
    assert error["code"] == "which-database"
    assert "main, other" in error["cause"]
    assert stall.refused("list", "--database", "mian", code=2)["code"] == "which-database"
    assert stall.said("list", "--database", "other")["backups"] == []


def test_there_is_no_database(stall: Shop) -> None:
    config = stall.place / "lastgood.yaml"
    environments = "environments: {production: {}}"
    config.write_text(f"version: 1\nproject: shop\n{environments}\n", encoding="utf-8")
    assert stall.refused("create", code=2)["code"] == "no-database"


def test_a_backup_that_is_not_there(stall: Shop) -> None:
    assert stall.refused("show")["code"] == "no-backup"
    assert stall.refused("verify")["code"] == "no-backup"
    for name in ("20260801T120000.000Z-0a1b2c3d", "../../etc"):
        assert stall.refused("verify", name)["code"] == "no-backup"
        assert stall.refused("pin", name)["code"] == "no-backup"


class TestFaults:
    def test_the_server_is_down(self, stall: Shop, tmp_path: Path) -> None:
        stall.database["dsn"] = f"postgresql://ada:{secrets.token_hex(8)}@/shop?host={tmp_path}"
        stall.configure()
        error = stall.refused("create", code=1)
        assert error["code"] == "database-unreachable"
        assert stall.refused("create", "--dry-run", code=1)["code"] == "database-unreachable"
        assert "backup.failed" in stall.events()

    def test_the_server_dies_in_the_middle(self, tmp_path: Path) -> None:
        with running(_programs()) as server:
            stall = shop_on(server, tmp_path / "shop")
            mark = stall.pausing("pg_dump", "snapshot")
            process = stall.start("create", "--json")
            wait(mark.exists, "the dump")
            server.stop()
            mark.with_suffix(".over").touch()
            out, err = process.communicate(timeout=60)
            assert process.returncode == 1, err
            assert json.loads(out)["error"]["mend"]
            assert stall.read().backups == ()
            server.start()

    def test_the_store_cannot_be_written(self, stall: Shop) -> None:
        (stall.place / "backups").write_text("no folder", encoding="utf-8")
        error = stall.refused("create", code=1)
        assert error["code"] == "store-failed"
        assert "folder" in error["mend"]
        assert stall.refused("list", code=1)["code"] == "store-failed"

    def test_who_may_make_no_database_gets_a_backup_that_is_not_proven(
        self, embedded: Server, tmp_path: Path
    ) -> None:
        stall = shop_on(embedded, tmp_path / "shop", "NOCREATEDB")
        ran = stall.run("create", "--json")
        assert ran.code == 1
        assert ran.json["rows"] == ROWS
        assert ran.json["verified_at"] is None
        assert ran.json["error"]["code"] == "no-createdb"
        assert "proof_dsn" in ran.json["error"]["mend"]
        assert "proof_dsn" in ran.err
        assert "is stored" in ran.err
        (problem,) = stall.said("create", "--dry-run")["problems"]
        assert "proof_dsn" in problem["mend"]
        (listed,) = stall.said("list")["backups"]
        assert listed["id"] == ran.json["id"]

        stall.database["proof_dsn"] = embedded.dsn("postgres")
        stall.configure()
        assert stall.said("verify")["verified_at"]
        stall.drop()


def test_roles_that_a_provider_hides_are_left_out_and_it_says_so(stall: Shop) -> None:
    stall.server.execute("REVOKE SELECT ON pg_auth_members FROM PUBLIC", name=stall.name)
    ran = stall.run("create", "--json")
    assert ran.code == 0, ran.err
    assert ran.json["verified_at"]
    assert "does not show its roles" in ran.err
    assert not stall.part(ran.json["id"], "roles").exists()


def _flip(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


def _cut(content: bytes) -> bytes:
    return content[:-100]


def test_a_damaged_backup_is_said_to_be_damaged(stall: Shop) -> None:
    live = stall.text()
    other, backup = (stall.said("create")["id"] for _ in range(2))
    damages = [
        ("dump", _flip),
        ("dump", _cut),
        ("dump", lambda _: b""),
        ("dump", lambda _: stall.part(other).read_bytes()),
        # Sealed with the backup's own key, and padded to its length.
        ("roles", lambda was: stall.part(backup, "settings").read_bytes().ljust(len(was))),
        ("state", _flip),
    ]
    for name, damage in damages:
        path = stall.part(backup, name)
        was = path.read_bytes()
        path.write_bytes(damage(was))
        is_damaged(stall, backup)
        path.write_bytes(was)
        assert stall.databases() == {stall.name}
    stall.part(backup).unlink()
    is_damaged(stall, backup)
    # The newest is not passed over for an older one that is whole.
    assert stall.run("verify", "--json").json["id"] == backup
    (problem,) = stall.said("list")["problems"]
    assert backup in problem["what"]
    assert backup in stall.run("list").out
    assert "damaged" in stall.run("verify", backup).out
    assert stall.said("verify", other)["restorable"] is True
    assert stall.text() == live


def is_damaged(stall: Shop, backup: str) -> None:
    """It is said, with the exit code, and the proof of it is kept."""
    proof = stall.part(backup, "proof.json")
    before = proof.read_bytes()
    ran = stall.run("verify", backup, "--json")
    assert ran.code == 1, ran.err
    assert ran.json["restorable"] is False
    assert ran.json["verified_at"] is None
    assert ran.json["problems"]
    assert b'"restorable":false' in proof.read_bytes() != before
    assert f"{backup} is damaged" in stall.events()


def test_a_table_that_came_back_otherwise_is_named(stall: Shop) -> None:
    """By a manifest that says otherwise: what a restore that is not faithful looks like."""
    made = stall.said("create")
    manifest = stall.part(made["id"], "manifest.json")
    content = manifest.read_bytes().replace(b'"rows":300', b'"rows":301')
    manifest.write_bytes(content)
    ran = stall.run("verify", "--json")
    assert ran.code == 1
    assert "public.users had 301 rows, restored it has 300" in ran.json["problems"][0]["what"]


@pytest.fixture
def watched(stall: Shop) -> Iterator[list[str]]:
    """Everything that `ps` could show while the fixture lives."""
    seen: list[str] = []
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.02):
            seen.extend(stall.processes().values())

    thread = threading.Thread(target=look)
    thread.start()
    yield seen
    over.set()
    thread.join()


def test_no_secret_is_shown_kept_or_in_the_process_list(stall: Shop, watched: list[str]) -> None:
    keys = [
        (stall.place / f"{name}.key").read_text("utf-8").split()[-1]
        for name in ("operational", "recovery")
    ]
    said = []
    for words in (["create"], ["create", "--json"], ["verify"], ["list"], ["show"], ["prune"]):
        ran = stall.run(*words)
        assert ran.code == 0, ran.err
        said.append(ran.out + ran.err)
    stall.database["dsn"] = stall.dsn.replace(stall.role, "nobody")
    stall.configure()
    said.append(str(stall.refused("create", code=1)))
    assert any("pg_dump" in line for line in watched)
    manifest = stall.part(stall.read().backups[-1].backup.id, "manifest.json")
    kept = [stall.events(), manifest.read_text("utf-8")]
    for secret in (PASSWORD, PASSWORD.replace("'", r"\'"), *keys):
        for text in (*said, *kept, *watched):
            assert secret not in text
    left = [path for path in (stall.place / ".lastgood" / "postgres").rglob("*") if path.is_file()]
    assert left == []
