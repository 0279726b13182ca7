"""A database on a real server whose backups go to a folder."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyrage
import pytest
from tests.servers import Server, running

from lastgood.app.backups.place import Place, place_of
from lastgood.app.project import Project
from lastgood.backup.keyfile import make_key_file
from lastgood.demo.database import _programs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lastgood.model.backup import StoredBackup
    from lastgood.model.event import Event


@pytest.fixture(scope="session")
def embedded() -> Iterator[Server]:
    """The server from PyPI, one for all tests."""
    with running(_programs()) as server:
        yield server


@dataclass
class Shop:
    """A database of an ordinary role that may make databases, and a project that backs it up."""

    server: Server
    folder: Path
    name: str
    role: str
    recovery: Path
    document: dict[str, Any] = field(default_factory=dict)
    opened: list[Project] = field(default_factory=list)
    commands: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def config(self) -> Path:
        return self.folder / "lastgood.yaml"

    @property
    def environment(self) -> dict[str, Any]:
        found: dict[str, Any] = self.document["environments"]["production"]
        return found

    @property
    def main(self) -> dict[str, Any]:
        found: dict[str, Any] = self.environment["databases"]["main"]
        return found

    def write(self) -> None:
        self.config.write_text(json.dumps(self.document))

    @property
    def project(self) -> Project:
        project = Project.open(self.config)
        self.opened.append(project)
        return project

    @property
    def place(self) -> Place:
        return place_of(self.project, None)

    @property
    def backups(self) -> tuple[StoredBackup, ...]:
        return self.place.kept.all().backups

    def events(self, *kinds: str) -> list[Event]:
        project = self.project
        found = list(project.state.events.tail(500, "production", kinds))
        project.close()
        return found

    def begin(self, *words: str) -> subprocess.Popen[str]:
        """`lastgood WORDS`, a process of its own."""
        command = subprocess.Popen(
            [sys.executable, "-m", "lastgood", *words, "--config", str(self.config)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            cwd=self.folder, start_new_session=True,
        )  # fmt: skip
        self.commands.append(command)
        return command

    def said(self, command: subprocess.Popen[str]) -> Any:
        """Its document, once it ended well."""
        out, err = command.communicate(timeout=100)
        assert command.returncode == 0, (out, err)
        return json.loads(out)

    def create(self, *words: str) -> Any:
        return self.said(self.begin("backup", "create", "--json", *words))

    def wait_for(self, true: Callable[[], object], limit_s: float = 90) -> None:
        end = time.monotonic() + limit_s
        while not true():
            assert time.monotonic() < end, self.log
            time.sleep(0.1)

    @property
    def log(self) -> str:
        path = self.folder / ".lastgood" / "runner.log"
        return path.read_text() if path.exists() else ""

    def databases(self) -> set[str]:
        with self.server.superuser() as connection:
            found = connection.execute("SELECT datname FROM pg_database").fetchall()
        return {name for (name,) in found if name.startswith(self.name)}

    def processes(self, word: str) -> set[int]:
        """What lives of our commands and names this in its command line."""
        found = set()
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and int(entry.name) != os.getpid():
                with suppress(OSError):
                    line = (entry / "cmdline").read_bytes().decode(errors="replace")
                    if str(self.config) in line and word in line:
                        found.add(int(entry.name))
        return found

    def close(self) -> None:
        for command in self.commands:
            command.send_signal(signal.SIGKILL)
            command.communicate()
        self.wait_for(lambda: not self.processes(""))
        for project in self.opened:
            project.close()
        for name in self.databases():
            self.server.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
        self.server.execute(f'DROP ROLE "{self.role}"')


@pytest.fixture
def shop(embedded: Server, tmp_path: Path) -> Iterator[Shop]:
    """It has three users."""
    mark = secrets.token_hex(4)
    name, role, recovery = f"shop_{mark}", f"owner_{mark}", tmp_path / "recovery.txt"
    embedded.execute(
        f"CREATE ROLE {role} LOGIN CREATEDB PASSWORD 'of {role}'",
        f"CREATE DATABASE {name} OWNER {role}",
    )
    embedded.execute(
        f"SET ROLE {role}",
        "CREATE TABLE users (id int PRIMARY KEY, name text)",
        "INSERT INTO users VALUES (1, 'ada'), (2, 'grace'), (3, 'edsger')",
        name=name,
    )
    identity = pyrage.x25519.Identity.generate()
    recovery.write_text(f"{identity}\n")
    recovery.chmod(0o600)
    make_key_file(tmp_path / "operational.key")
    database = {
        "driver": "postgres",
        "dsn": embedded.dsn(name, role, password=f"of {role}"),
        "backup": {
            "store": f"file://{tmp_path}/store",
            "recipients": ["file:operational.key", f"age:{identity.to_public()}"],
        },
    }
    environments = {"production": {"databases": {"main": database}}}
    document = {"version": 1, "project": "shop", "environments": environments}
    made = Shop(embedded, tmp_path, name, role, recovery, document)
    made.write()
    yield made
    made.close()
