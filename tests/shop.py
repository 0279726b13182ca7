"""A shop's database with its `lastgood.yaml`, and the person who looks after its backups."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import os
import re
import secrets
import subprocess
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import psycopg
from msgspec import structs
from psycopg import sql
from tests.servers import PASSWORD

from lastgood.app.facts.database import database_facts
from lastgood.app.project import Project
from lastgood.backup.keyfile import make_key_file
from lastgood.backup.layout import new_id
from lastgood.backup.manifest import Backups
from lastgood.cli.main import run
from lastgood.drivers.objects.obstore.local import LocalObjects
from lastgood.testing.stack import Ran

if TYPE_CHECKING:
    from datetime import datetime, timedelta
    from pathlib import Path

    from tests.servers import Server

    from lastgood.app.facts.fact import Fact
    from lastgood.backup.manifest import Reading

PATIENCE_S = 60.0
TABLES = {"public.users": 300, "public.trades": 600}
CONTENT = (
    "CREATE TABLE users (id serial PRIMARY KEY, email text NOT NULL UNIQUE)",
    "INSERT INTO users (email) SELECT md5(n::text) || '@shop' FROM generate_series(1, 300) n",
    "CREATE TABLE trades (id bigserial PRIMARY KEY, owner int REFERENCES users, amount numeric)",
    "INSERT INTO trades (owner, amount) SELECT n % 300 + 1, n * 1.1 FROM generate_series(1, 600) n",
    "CREATE INDEX ON trades (owner)",
    "CREATE VIEW totals AS SELECT owner, sum(amount) FROM trades GROUP BY owner",
)
# pg_dump makes these anew each time.
_RESTRICTED = re.compile(r"^\\(un)?restrict .*$", re.MULTILINE)
_PAUSING = """\
#!/bin/sh
case "$*" in *{word}*) ;; *) exec {real} "$@" ;; esac
{pause}
"""
# Not for ever, should a test be killed that would let it go on.
_WAIT = "for n in $(seq 500); do [ -e {mark}.over ] && break; sleep 0.1; done"
_PAUSES = {
    "pg_dump": '{real} "$@" | {{ head -c 3000; : > {mark}; ' + _WAIT + "; cat; }}",
    "pg_restore": "{{ head -c 3000; : > {mark}; " + _WAIT + '; cat; }} | {real} "$@"',
}


@dataclass
class Shop:
    """A database that an ordinary role owns, and a project beside it.

    Attributes:
        database: what stands under the database's name in `lastgood.yaml`; see `configure`.
        services: what stands under `services`.
    """

    server: Server
    place: Path
    name: str
    role: str
    database: dict[str, Any] = field(default_factory=dict)
    services: dict[str, Any] = field(default_factory=dict)

    def create(self, attributes: str = "CREATEDB") -> None:
        with self.server.superuser() as connection:
            connection.execute(
                sql.SQL("CREATE ROLE {} LOGIN {} PASSWORD {}").format(
                    sql.Identifier(self.role), sql.SQL(attributes), sql.Literal(PASSWORD)
                )
            )
            connection.execute(
                sql.SQL("CREATE DATABASE {} OWNER {}").format(
                    sql.Identifier(self.name), sql.Identifier(self.role)
                )
            )
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            for statement in CONTENT:
                connection.execute(statement.encode())
        self.place.mkdir()
        for key in ("operational", "recovery"):
            make_key_file(self.place / f"{key}.key")
        self.database = {
            "driver": "postgres",
            "dsn": self.dsn,
            "backup": {
                "store": self.store.describe(),
                "recipients": ["file:operational.key", "file:recovery.key"],
            },
        }
        self.configure()

    def drop(self) -> None:
        """Remove the database, its side databases and its role."""
        for name in sorted(self.databases()):
            self.server.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        self.server.execute(f'DROP ROLE IF EXISTS "{self.role}"')

    @property
    def dsn(self) -> str:
        return self.server.dsn(self.name, self.role, password=PASSWORD)

    @property
    def backup(self) -> dict[str, Any]:
        """What is said of backups in the configuration."""
        said: dict[str, Any] = self.database["backup"]
        return said

    def configure(self, **databases: Any) -> None:
        """Write the configuration: `main`, or the databases that are given."""
        environment: dict[str, Any] = {"databases": databases or {"main": self.database}}
        if self.services:
            environment["services"] = self.services
        settings = {
            "version": 1,
            "project": "shop",
            "environments": {"production": environment},
        }
        text = json.dumps(settings, indent=2)
        (self.place / "lastgood.yaml").write_text(text, encoding="utf-8")

    # What a person does.

    def run(self, *words: str) -> Ran:
        """`lastgood backup ...`, in this process."""
        return self.types("backup", *words)

    def types(self, *words: str) -> Ran:
        """`lastgood ...`, in this process."""
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = run([*words, "--config", str(self.place / "lastgood.yaml")])
        return Ran(int(code), out.getvalue(), err.getvalue())

    def said(self, *words: str) -> Any:
        """The document of a command that ends well."""
        ran = self.run(*words, "--json")
        assert ran.code == 0, ran.err
        return ran.json

    def refused(self, *words: str, code: int = 5) -> Any:
        """The error of a command that does not; it says what mends it."""
        ran = self.run(*words, "--json")
        assert ran.code == code, ran.err
        error = ran.json["error"]
        assert error["mend"], error
        return error

    def start(self, *words: str, module: str = "lastgood") -> subprocess.Popen[str]:
        """`lastgood backup ...` in a process of its own, which the caller ends."""
        return self.starts("backup", *words, module=module)

    def starts(self, *words: str, module: str = "lastgood") -> subprocess.Popen[str]:
        """`lastgood ...` in a process of its own, which the caller ends."""
        config = ("--config", str(self.place / "lastgood.yaml"))
        return subprocess.Popen(
            [sys.executable, "-m", module, *words, *config],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    # What there is.

    @property
    def store(self) -> LocalObjects:
        return LocalObjects(self.place / "backups")

    def read(self) -> Reading:
        """The backups that are there."""
        return Backups(self.store, "production", "main").all()

    def part(self, backup: str, name: str = "dump") -> Path:
        """The file that a part of a backup is."""
        return self.place / "backups" / "production" / "main" / backup / name

    def aged(self, age: timedelta, now: datetime) -> str:
        """Copy the newest backup as one that was made long ago; gives its id."""
        kept = Backups(self.store, "production", "main")
        backup = kept.all().backups[-1].backup
        older = new_id(now - age)
        parts = [structs.replace(part, key=kept.key(older, part.name)) for part in backup.parts]
        for was, will in zip(backup.parts, parts, strict=True):
            self.store.put(will.key, [self.store.get(was.key)])
        kept.commit(structs.replace(backup, id=older, created_at=now - age, parts=tuple(parts)))
        return older

    def facts(self) -> dict[str, Fact]:
        """What `doctor` says of the database, by what is said of."""

        async def found() -> list[Fact]:
            project = Project.open(self.place / "lastgood.yaml")
            try:
                return [fact async for fact in database_facts(project, "main")]
            finally:
                project.close()

        return {fact.name.removeprefix("main: "): fact for fact in asyncio.run(found())}

    def databases(self) -> set[str]:
        """The database and its side databases."""
        with self.server.superuser() as connection:
            found = connection.execute("SELECT datname FROM pg_database").fetchall()
        return {name for (name,) in found if name.startswith(self.name)}

    def text(self) -> str:
        """All that is in the live database, as pg_dump writes it."""
        dumped = subprocess.run(
            [self.server.programs / "bin" / "pg_dump", f"--dbname={self.server.dsn(self.name)}"],
            check=True,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
        )
        return _RESTRICTED.sub("", dumped.stdout)

    def events(self) -> str:
        """The state, as text."""
        return (self.place / ".lastgood" / "state.db").read_bytes().decode(errors="replace")

    def pausing(self, program: str, word: str) -> Path:
        """Let a client program stop in the middle of its work; gives the file that says so.

        It goes on when there is a file of that name that ends on `.over`.

        Args:
            program: whose name it has.
            word: a part of the arguments of the call that is meant.
        """
        folder, mark = self.place / "programs", self.place / "pausing"
        folder.mkdir(exist_ok=True)
        for entry in (self.server.programs / "bin").iterdir():
            with contextlib.suppress(FileExistsError):
                (folder / entry.name).symlink_to(entry)
        real = self.server.programs / "bin" / program
        pause = _PAUSES[program].format(real=real, mark=mark)
        (folder / program).unlink()
        (folder / program).write_text(_PAUSING.format(word=word, real=real, pause=pause), "utf-8")
        (folder / program).chmod(0o755)
        self.database["programs"] = str(folder)
        self.configure()
        return mark

    def unpaused(self) -> None:
        """The real programs again."""
        del self.database["programs"]
        self.configure()

    def processes(self) -> dict[int, str]:
        """What `ps` shows of every process that works for this shop, but for this one."""
        found = {}
        for entry in self.place.__class__("/proc").iterdir():
            if entry.name.isdigit() and int(entry.name) != os.getpid():
                with contextlib.suppress(OSError):
                    line = (entry / "cmdline").read_bytes()
                    around = (entry / "environ").read_bytes()
                    if os.fsencode(self.place) in line + around or self.name.encode() in line:
                        found[int(entry.name)] = (line + around).decode(errors="replace")
        return found


def shop_on(server: Server, place: Path, attributes: str = "CREATEDB") -> Shop:
    """A new shop."""
    suffix = secrets.token_hex(4)
    shop = Shop(server, place, f"shop_{suffix}", f"owner {suffix}")
    shop.create(attributes)
    return shop


def wait(true: Any, what: str) -> None:
    """Wait until something is so."""
    limit = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < limit, f"{what} did not happen in {PATIENCE_S:g} s"
        time.sleep(0.02)
