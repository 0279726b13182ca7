"""`lastgood backup rewrap`: keys are rotated, and no backup is ever without one that opens it."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pyrage
import pytest
from msgspec import structs

from lastgood.app.backups.place import place_of
from lastgood.app.project import Project
from lastgood.backup.identity import read_identity
from lastgood.backup.keyfile import make_key_file
from lastgood.backup.manifest import Backups
from lastgood.backup.recipients import unwrap
from lastgood.drivers.objects.obstore.local import LocalObjects
from lastgood.errors import RefusedError
from lastgood.model.noun import to_json

if TYPE_CHECKING:
    from tests.aws import Bucket
    from tests.shop import Shop

    from lastgood.model.backup import Backup

pytestmark = pytest.mark.linux
DECRYPT = Path(__file__).parents[3] / "docs" / "decrypt.py"
OLD, NEW = "operational.key", "new.key"


def rotate(stall: Shop) -> None:
    """The new key takes the old one's place in the configuration."""
    make_key_file(stall.place / NEW)
    stall.backup["recipients"] = [f"file:{NEW}", "file:recovery.key"]
    stall.configure()


def fates(stall: Shop, *words: str, code: int = 0, key: str = OLD) -> dict[str, str]:
    ran = stall.run("rewrap", "--key", str(stall.place / key), "--json", *words)
    assert ran.code == code, ran.err
    return {one["id"]: one["fate"] for one in ran.json["backups"]}


def kept(stall: Shop) -> list[Backup]:
    project = Project.open(stall.place / "lastgood.yaml")
    try:
        read = place_of(project, None).kept.all()
    finally:
        project.close()
    assert read.problems == ()
    return [one.backup for one in read.backups]


def opens(stall: Shop, backup: Backup, key: str) -> bool:
    try:
        unwrap(backup.keys, read_identity(stall.place / key), backup.id)
    except RefusedError as error:
        if error.code != "not-a-recipient":
            raise
        return False
    return True


def decrypted(stall: Shop, backup: str, key: str) -> subprocess.CompletedProcess[bytes]:
    folder = stall.part(backup).parent
    return subprocess.run(
        [sys.executable, DECRYPT, "--manifest", folder / "manifest.json", "--key",
         stall.place / key],
        input=(folder / "roles").read_bytes(), capture_output=True, check=False, timeout=60,
    )  # fmt: skip


def test_only_the_manifest_changes_and_only_the_new_key_opens(stall: Shop) -> None:
    made = stall.said("create")["id"]
    stall.said("pin", made, "--reason", "the auditor")
    files = {path.name: path.read_bytes() for path in stall.part(made).parent.iterdir()}
    before = files.pop("manifest.json")
    rotate(stall)
    said = stall.facts()["rotation"]
    assert (said.ok, said.what) == (True, "1 of 1 backups are for other keys than `recipients`")
    assert fates(stall, "--dry-run") == {made: "rewrapped"}
    assert stall.part(made, "manifest.json").read_bytes() == before
    assert fates(stall) == {made: "rewrapped"}
    assert "rotation" not in stall.facts()
    after = {path.name: path.read_bytes() for path in stall.part(made).parent.iterdir()}
    assert after.pop("manifest.json") != before
    assert after == files

    shown = stall.said("show", made)
    assert shown["verified_at"] is not None
    (stored,) = stall.read().backups
    assert (stored.pinned, stored.restorable) == ("the auditor", True)
    assert decrypted(stall, made, NEW).returncode == 0
    refusal = decrypted(stall, made, OLD)
    assert (refusal.returncode, refusal.stdout) == (1, b"")
    assert b"opens none of the backup's keys" in refusal.stderr
    assert stall.refused("verify", made, "--key", str(stall.place / OLD))["code"] == (
        "not-a-recipient"
    )
    assert stall.said("verify", made, "--key", str(stall.place / NEW))["verified_at"]
    # What fits is left, also by a key that opens nothing any more.
    written = stall.part(made, "manifest.json").stat().st_ino
    assert fates(stall) == {made: "left"}
    assert stall.part(made, "manifest.json").stat().st_ino == written


def test_one_that_does_not_open_is_told_and_the_others_go_on(stall: Shop) -> None:
    made = stall.said("create")["id"]
    stranger = stall.aged(timedelta(hours=3), datetime.now(UTC))  # its key is another backup's
    stall.part(made, "manifest.json").rename(stall.place / "kept")
    hollow = stall.said("create")["id"]
    (stall.place / "kept").rename(stall.part(made, "manifest.json"))
    for part in ("dump", "state"):  # it lost parts; what is left of it is for the old key as well
        stall.part(hollow, part).unlink()
    manifest = stall.part(stranger, "manifest.json").read_bytes()
    rotate(stall)
    expected = {stranger: "failed", made: "rewrapped", hollow: "rewrapped"}
    assert fates(stall, "--dry-run", code=1) == expected
    assert fates(stall, code=1) == expected
    assert stall.part(stranger, "manifest.json").read_bytes() == manifest
    again = stall.run("rewrap", "--key", str(stall.place / OLD))
    assert again.code == 1
    assert "does not open" in again.err
    assert "mend:" in again.err


def test_another_backups_key_never_takes_the_right_ones_place(stall: Shop) -> None:
    """What age wraps names no backup, so that a manifest may hold the key of another one."""
    recovery = pyrage.x25519.Identity.generate()
    (stall.place / "recovery.txt").touch(mode=0o600)
    (stall.place / "recovery.txt").write_text(str(recovery))
    stall.backup["recipients"] = [f"file:{OLD}", f"age:{recovery.to_public()}"]
    stall.configure()
    for _ in range(2):
        stall.said("create")
    one, other = kept(stall)
    forged = structs.replace(one, keys=(one.keys[0], other.keys[1]))
    manifest = stall.part(one.id, "manifest.json")
    manifest.write_text(to_json(forged))
    rotate(stall)
    wanted = {one.id: "failed", other.id: "rewrapped"}
    assert fates(stall, code=1, key="recovery.txt") == wanted
    assert manifest.read_text() == to_json(forged)
    assert fates(stall) == {one.id: "rewrapped", other.id: "left"}


@pytest.mark.parametrize("meanwhile", ["removed", "rewrapped"])
def test_what_somebody_does_meanwhile_stands(
    stall: Shop, meanwhile: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = stall.said("create")["id"]
    rotate(stall)
    exchange = LocalObjects.exchange

    def quicker(store: LocalObjects, key: str, before: bytes, content: bytes) -> bool:
        monkeypatch.setattr(LocalObjects, "exchange", exchange)
        if meanwhile == "removed":
            Backups(store, "production", "main").remove(made)
        else:
            assert fates(stall) == {made: "rewrapped"}
        return exchange(store, key, before, content)

    monkeypatch.setattr(LocalObjects, "exchange", quicker)
    assert fates(stall) == ({} if meanwhile == "removed" else {made: "left"})
    assert [opens(stall, one, NEW) for one in kept(stall)] == [True] * (meanwhile == "rewrapped")
    assert meanwhile != "removed" or not stall.part(made).parent.exists()


@pytest.mark.parametrize("where", ["folder", "s3"])
def test_killed_anywhere_a_key_opens_each_and_done_again_it_goes_on(
    stall: Shop, bucket: Bucket, where: str
) -> None:
    if where == "s3":
        stall.backup["store"] = bucket.written()
        stall.configure()
    for _ in range(2):
        stall.said("create")
    rotate(stall)
    for moment, done in (("before", 0), ("after", 1)):
        words = (moment, "backup", "rewrap", "--key", str(stall.place / OLD))
        process = subprocess.run(
            [sys.executable, "-m", "tests.app.backups.rewrap_killed", *words,
             "--config", str(stall.place / "lastgood.yaml")],
            capture_output=True, check=False, timeout=60,
        )  # fmt: skip
        assert process.returncode == -9, process.stderr
        found = kept(stall)
        assert [opens(stall, one, NEW) for one in found] == [True] * done + [False] * (2 - done)
        assert [opens(stall, one, OLD) for one in found] == [False] * done + [True] * (2 - done)
        assert all(opens(stall, one, "recovery.key") for one in found)
    first, second = (one.id for one in found)
    assert fates(stall) == {first: "left", second: "rewrapped"}
    assert stall.said("verify", first, "--key", str(stall.place / NEW))["verified_at"]


def test_two_at_once_come_to_the_same(stall: Shop) -> None:
    for _ in range(2):
        stall.said("create")
    rotate(stall)
    both = [stall.start("rewrap", "--key", str(stall.place / OLD), "--json") for _ in range(2)]
    for process in both:
        _, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
    assert [opens(stall, one, NEW) for one in kept(stall)] == [True, True]
    assert [opens(stall, one, OLD) for one in kept(stall)] == [False, False]


def test_nothing_is_begun_for_one_recipient(stall: Shop) -> None:
    stall.said("create")
    stall.backup["recipients"] = [f"file:{OLD}"] * 2
    stall.configure()
    assert stall.refused("rewrap")["code"] == "one-recipient"
    stall.backup["recipients"] = [f"file:{OLD}", "file:absent.key"]
    stall.configure()
    assert stall.refused("rewrap")["code"] == "key-unreadable"
    assert all(opens(stall, one, "recovery.key") for one in kept(stall))


def test_every_database_has_its_turn(stall: Shop) -> None:
    other = {**stall.database, "backup": dict(stall.backup)}
    stall.configure(main=stall.database, second=other)
    made = {name: stall.said("create", "--database", name)["id"] for name in ("main", "second")}
    make_key_file(stall.place / NEW)
    stall.backup["recipients"] = other["backup"]["recipients"] = [f"file:{NEW}", f"file:{OLD}"]
    stall.configure(main=stall.database, second=other)
    assert fates(stall, "--database", "second") == {made["second"]: "rewrapped"}
    assert fates(stall) == {made["main"]: "rewrapped", made["second"]: "left"}


def test_the_warm_target_stays_what_it_is(stall: Shop) -> None:
    stall.database["warm_target"] = "every-backup"
    stall.configure()
    made = stall.said("create")
    assert made["warm_target"] is True
    before = stall.databases()
    rotate(stall)
    assert fates(stall) == {made["id"]: "rewrapped"}
    assert stall.said("verify", "--warm")["warm_target"] is True
    assert stall.said("show")["warm_target"] is True
    assert stall.databases() == before
