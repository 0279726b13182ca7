from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.backup.made import name_at

from lastgood.backup.manifest import Backups
from lastgood.drivers.objects.obstore.local import LocalObjects

ROOT = Path(__file__).parents[2]
MOST = 200


def live(folder: Path, last: int) -> tuple[bool, list[str]]:
    """Whether it was killed, and what it had finished."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.backup.killed", folder, str(last)],
        cwd=ROOT,
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
    )
    assert done.returncode in {0, -9}, done.stderr
    return done.returncode == -9, done.stdout.split()


@pytest.mark.linux
def test_killed_anywhere_a_backup_is_whole_or_nothing(tmp_path: Path) -> None:
    """At each change of the file system; what was told to be done stays done."""
    for last in range(1, MOST):
        store = LocalObjects(tmp_path / str(last))
        backups = Backups(store, "production", "main")
        killed, finished = live(tmp_path / str(last), last)
        reading = backups.all()
        assert reading.problems == ()
        for stored in reading.backups:
            assert stored.backup.id == name_at(0)
            assert "removed" not in finished
            for part in stored.backup.parts:
                assert store.get(part.key) == part.name.encode() * 1000
            if "proven" in finished:
                assert stored.restorable
        if finished == ["committed"]:
            assert len(reading.backups) == 1
        later = datetime.now(UTC) + timedelta(days=2)
        backups.sweep(backups.leftovers(later))
        if not reading.backups:
            assert store.list("") == []
        if not killed:
            assert finished == ["committed", "proven", "removed"]
            return
    raise AssertionError("it is never finished")
