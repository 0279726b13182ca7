"""A shop with a database and its backups in a folder, for cases about its warm target."""

from __future__ import annotations

import json
import secrets
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from lastgood.app.backups.ordering import order_backup
from lastgood.app.backups.place import place_of
from lastgood.app.project import Project
from lastgood.backup.keyfile import make_key_file
from lastgood.model.release import GoodEvidence, Standing

if TYPE_CHECKING:
    from pathlib import Path

    from tests.servers import Server

    from lastgood.app.backups.ordering import Made
    from lastgood.app.backups.place import Place

KEYS = ("one.key", "two.key")
GOOD, LATER, BAD = "a" * 40, "b" * 40, "c" * 40


class Shop:
    """One service, one database, and what is said while its backups are made."""

    def __init__(self, folder: Path, server: Server, **options: Any) -> None:
        self.server = server
        self.name = f"shop_{secrets.token_hex(4)}"
        self.config = folder / "lastgood.yaml"
        self.folder = folder
        self.said: list[str] = []
        self.project: Project
        for key in KEYS:
            make_key_file(folder / key)
        server.execute(f"CREATE DATABASE {self.name}")
        self.sql("CREATE TABLE users AS SELECT n AS id FROM generate_series(1, 100) n")
        self.configure(**options)

    def configure(self, **options: Any) -> None:
        """Write the configuration and open the project by it."""
        described = {
            "driver": "postgres",
            "dsn": self.server.dsn(self.name),
            "backup": {
                "store": f"file://{self.folder}/store",
                "recipients": [f"file:{key}" for key in KEYS],
            },
            **options,
        }
        service = {"deploy": {"driver": "releases", "path": str(self.folder / "srv")}}
        production = {"services": {"api": service}, "databases": {"main": described}}
        document = {
            "version": 1,
            "project": "shop",
            "environments": {"production": production},
        }
        self.config.write_text(json.dumps(document), encoding="utf-8")
        self.config.chmod(0o600)
        self.close()
        self.project = Project.open(self.config)

    def close(self) -> None:
        if "project" in self.__dict__:
            self.project.close()

    def sql(self, statement: str) -> None:
        self.server.execute(statement, name=self.name)

    def deploy(
        self, commit: str, standing: Standing = Standing.KNOWN_GOOD, ago: timedelta = timedelta()
    ) -> None:
        """A release goes live."""
        at = datetime.now(UTC) - ago
        ledger = self.project.state.ledger
        ledger.record_deployment("production", "api", commit, at=at, by="ci", source="ci")
        self.mark(commit, standing)

    def mark(self, commit: str, standing: Standing) -> None:
        evidence = GoodEvidence(kind="mark", at=datetime.now(UTC), by="ada", reason="seen")
        self.project.state.ledger.set_standing("production", "api", commit, standing, evidence)

    def backup(self, before: str | None = None) -> Made:
        """Make a backup; gives what came of it."""
        self.said.clear()
        tell = self.said.append
        made = order_backup(self.project, None, before, if_due=False, tell=tell)
        assert made.stored is not None
        assert made.stored.restorable, made
        return made

    def made(self, before: str | None = None) -> str:
        """Make a backup; gives its id."""
        stored = self.backup(before).stored
        assert stored is not None
        return stored.backup.id

    @property
    def place(self) -> Place:
        return place_of(self.project, None)

    @property
    def kept(self) -> list[str]:
        return [one.side for one in self.place.database.kept()]

    def kept_name(self, backup: str) -> str:
        return f"{self.name}__lgwarm_{backup}"

    def events(self) -> list[str]:
        """The kinds of what happened to warm targets."""
        kinds = [event.kind for event in self.project.state.events.list("production")]
        return [kind for kind in kinds if kind.startswith("warm-target.")]
