"""`lastgood backup import` from a team's dump to a proven backup, on a real server."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from lastgood.backup.keyfile import make_key_file
from lastgood.cli.main import run

if TYPE_CHECKING:
    from pathlib import Path

    from tests.drivers.database.postgres.conftest import Case

OLD = datetime(2026, 8, 1, 12, tzinfo=UTC)
CONFIG = """\
version: 1
project: shop
state: sqlite:///.lastgood/state.db
environments:
  production:
    databases:
      main:
        driver: postgres
        dsn: ${DSN}
        backup:
          store: file://%s/backups
          recipients: [file:one.key, file:two.key]
        verify:
          - {name: users, sql: SELECT count(*) FROM users, expect: "= 500"}
"""


class Shop:
    """A project with a database, a dump of it, and the command line."""

    def __init__(self, case: Case, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.case = case
        self.folder = folder
        self.capsys = capsys
        self.dump = folder / "nightly.sql"
        self.write_dump()

    def write_dump(self) -> None:
        subprocess.run(
            [self.case.server.programs / "bin" / "pg_dump", "-f", self.dump, self.case.dsn],
            check=True,
        )
        os.utime(self.dump, (OLD.timestamp(), OLD.timestamp()))

    def run(self, *words: str) -> tuple[int, Any]:
        self.capsys.readouterr()
        code = run(["backup", *words, "--json", "--config", str(self.folder / "lastgood.yaml")])
        return code, json.loads(self.capsys.readouterr().out)

    def refused(self, *words: str) -> str:
        """It fails and leaves nothing."""
        code, document = self.run("import", *words)
        assert code == 5, document
        assert document["error"]["cause"]
        assert document["error"]["mend"]
        self.nothing_is_left()
        return str(document["error"]["code"])

    def nothing_is_left(self) -> None:
        assert self.run("list")[1]["backups"] == []
        assert [path for path in self.folder.glob("backups/**/*") if path.is_file()] == []
        assert self.case.databases() == {self.case.name}


@pytest.fixture
def shop(
    embedded_case: Case,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Shop:
    embedded_case.execute(
        "CREATE TABLE users (id int PRIMARY KEY, email text)",
        "INSERT INTO users SELECT n, 'user' || n FROM generate_series(1, 500) n",
    )
    for name in ("one", "two"):
        make_key_file(tmp_path / f"{name}.key")
    (tmp_path / "lastgood.yaml").write_text(CONFIG % tmp_path, encoding="utf-8")
    monkeypatch.setenv("DSN", embedded_case.dsn)
    monkeypatch.delenv("ENVIRONMENT", raising=False)
    return Shop(embedded_case, tmp_path, capsys)


def test_a_dump_becomes_a_proven_backup(shop: Shop) -> None:
    code, would = shop.run("import", str(shop.dump), "--dry-run")
    assert (code, would["dry_run"]) == (0, True)
    shop.nothing_is_left()

    code, made = shop.run("import", str(shop.dump))

    assert code == 0
    assert made["kind"] == "imported"
    assert made["rows"] == 500
    assert made["verified_at"]
    assert made["restorable"]
    assert len(made["recipients"]) == 2
    assert datetime.fromisoformat(made["created_at"]) == OLD
    assert made["id"].startswith("20260801T120000")
    assert made["imported"]["format"] == "plain"
    assert "time of change" in made["imported"]["created_at_from"]
    assert shop.case.databases() == {shop.case.name}
    assert shop.run("show", made["id"])[1] == made
    assert shop.run("verify", made["id"], "--key", str(shop.folder / "two.key"))[0] == 0
    # Done twice there are two.
    assert shop.run("import", str(shop.dump))[1]["id"] != made["id"]
    assert len(shop.run("list")[1]["backups"]) == 2
    # They say nothing of the schedule.
    assert shop.run("create", "--if-due", "--dry-run")[1]["due"] is True


def test_what_is_cut_off_or_hostile_is_refused_and_nothing_is_left(shop: Shop) -> None:
    whole, mark = shop.dump.read_text(), shop.folder / "mark"
    shop.dump.write_text(whole[: whole.index("user400")])
    assert shop.refused(str(shop.dump)) == "dump-truncated"
    shop.dump.write_text(whole.replace("SET lock_timeout", f"\\! touch {mark}\nSET lock_timeout"))
    assert shop.refused(str(shop.dump)) == "meta-command"
    assert shop.refused(str(shop.folder / "not-there")) == "no-file"
    assert not mark.exists()


def test_what_the_projects_queries_do_not_like_is_refused(shop: Shop) -> None:
    shop.case.execute("DELETE FROM users WHERE id > 400")
    shop.write_dump()
    assert shop.refused(str(shop.dump)) == "verify-unexpected"


def test_without_a_key_nothing_is_begun(shop: Shop) -> None:
    make_key_file(shop.folder / "foreign.key")
    words = (str(shop.dump), "--key", str(shop.folder / "foreign.key"))
    assert shop.refused(*words) == "not-a-recipient"


def test_a_store_that_fails_leaves_nothing(shop: Shop) -> None:
    (shop.folder / "backups").write_text("in the way")
    code, document = shop.run("import", str(shop.dump))
    assert code != 0
    assert document["error"]["mend"]
    assert shop.case.databases() == {shop.case.name}


@pytest.mark.parametrize("seen", ["side", "part"])
def test_killed_in_the_middle_it_is_no_backup_and_the_next_one_is(shop: Shop, seen: str) -> None:
    rows = "SELECT n, md5(n::text) FROM generate_series(1, 200000) n"
    shop.case.execute(f"CREATE TABLE much AS {rows}")
    shop.write_dump()
    config = str(shop.folder / "lastgood.yaml")
    words = ["backup", "import", str(shop.dump), "--config", config]
    process = subprocess.Popen(
        [sys.executable, "-m", "lastgood", *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while process.poll() is None:
        parts = [path for path in shop.folder.glob("backups/**/*") if path.is_file()]
        if parts if seen == "part" else shop.case.databases() != {shop.case.name}:
            break
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL

    assert shop.run("list")[1]["backups"] == []
    assert shop.run("import", str(shop.dump))[1]["restorable"] is True
