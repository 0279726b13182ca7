"""Killed anywhere no backup is listed that is not whole, and the live database is as it was."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from tests.shop import TABLES, Shop, wait

from lastgood.backup.manifest import Backups

if TYPE_CHECKING:
    import subprocess

pytestmark = pytest.mark.linux


def killed(process: subprocess.Popen[str]) -> None:
    """End it without a word, and reap it."""
    process.kill()
    process.communicate(timeout=60)


def goes_on(stall: Shop, live: str) -> None:
    """Nothing works on any more, the database is as it was, and the next backup is made."""
    wait(lambda: not stall.processes(), "the end of what was started")
    assert stall.text() == live
    made = stall.said("create")
    assert made["rows"] == sum(TABLES.values())
    assert stall.text() == live
    assert all(one.restorable for one in stall.read().backups if one.backup.id == made["id"])
    left = [path for path in (stall.place / ".lastgood" / "postgres").rglob("*") if path.is_file()]
    assert left == []


def test_in_the_middle_of_the_dump(stall: Shop) -> None:
    live = stall.text()
    mark = stall.pausing("pg_dump", "snapshot")
    process = stall.start("create")
    wait(mark.exists, "the dump")
    assert any("pg_dump" in line for line in stall.processes().values())
    killed(process)
    assert stall.read().backups == ()
    stall.unpaused()
    goes_on(stall, live)


def test_after_the_parts_and_before_the_manifest(stall: Shop) -> None:
    live = stall.text()
    process = stall.start("create", module="tests.app.backups.killed")
    process.communicate(timeout=60)
    assert process.returncode == -9
    assert stall.read().backups == ()
    assert stall.read().problems == ()
    goes_on(stall, live)

    # Who makes a backup for a whole day is left alone; then it is a leftover.
    assert stall.said("prune")["leftovers"] == []
    later = datetime.now(UTC) + timedelta(days=2)
    (left,) = Backups(stall.store, "production", "main").leftovers(later)
    assert {key.rpartition("/")[2] for key in left.keys} == {"dump", "roles", "settings", "state"}


def test_in_the_middle_of_the_proof(stall: Shop) -> None:
    live = stall.text()
    mark = stall.pausing("pg_restore", "--exit-on-error")
    process = stall.start("create")
    wait(mark.exists, "the restore")
    killed(process)
    (stored,) = stall.read().backups
    assert stored.proof is None
    wait(lambda: not stall.processes(), "the end of what was started")
    stall.unpaused()
    goes_on(stall, live)


def test_in_the_middle_of_an_import(stall: Shop) -> None:
    """Of an old dump: what belongs to it is not taken for old while it goes on."""
    live = stall.text()
    dump = stall.place / "nightly.sql"
    dump.write_text(live, encoding="utf-8")
    os.utime(dump, (1_700_000_000,) * 2)
    mark = stall.pausing("pg_dump", "__lg_")
    process = stall.start("import", str(dump), "--trusted")
    wait(mark.exists, "the dump of the side database")
    stall.said("create")
    (side,) = stall.databases() - {stall.name}
    assert "__lg_" in side

    killed(process)
    wait(lambda: not stall.processes(), "the end of what was started")
    assert side in stall.databases()
    stall.unpaused()
    goes_on(stall, live)
    assert stall.databases() == {stall.name}
    assert list((stall.place / ".lastgood").glob("proof~*")) == []


def test_two_at_once_are_two_backups(stall: Shop) -> None:
    live = stall.text()
    both = [stall.start("create", "--json") for _ in range(2)]
    for process in both:
        _, err = process.communicate(timeout=100)
        assert process.returncode == 0, err
    stored = stall.read().backups
    assert len({one.backup.id for one in stored}) == 2
    assert all(one.restorable for one in stored)
    assert stall.databases() == {stall.name}
    assert stall.text() == live
