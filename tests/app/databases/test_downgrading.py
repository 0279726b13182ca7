"""A failed migration is taken back: from the statement to the report, on a real database."""

from __future__ import annotations

import os
import secrets
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.app.backups.revisions import ENV, FOLDER, script, sql

from lastgood.backup.keyfile import make_key_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.servers import Server

    from lastgood.testing.stack import Ran, Stack

NICK = "SELECT count(*) FROM information_schema.columns WHERE column_name = 'nick'"
REVISION = "SELECT version_num FROM alembic_version"
UP = ("ALTER TABLE users ADD nick text", "CREATE TABLE notes (id int)")
DOWN = sql("ALTER TABLE users DROP nick", "DROP TABLE notes")


class Firm:
    """Two services, a database, and a release whose migration failed."""

    def __init__(self, stack: Stack, server: Server) -> None:
        mark = secrets.token_hex(4)
        self.stack, self.server = stack, server
        self.name, self.role = f"firm_{mark}", f"owner_{mark}"
        self.going = stack.place / "going"
        server.execute(
            f"CREATE ROLE {self.role} LOGIN CREATEDB PASSWORD 'of {self.role}'",
            f"CREATE DATABASE {self.name} OWNER {self.role}",
        )
        self.sql(
            "CREATE TABLE users (id int PRIMARY KEY)",
            "INSERT INTO users VALUES (1), (2)",
            "CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY)",
            "INSERT INTO alembic_version VALUES ('one')",
        )
        for key in ("one.key", "two.key"):
            make_key_file(stack.place / key)
        self.main: dict[str, Any] = {
            "driver": "postgres",
            "dsn": server.dsn(self.name, self.role, password=f"of {self.role}"),
            "warm_target": "off",
            "migrations": {"path": FOLDER},
            "backup": {
                "store": f"file://{stack.place}/store",
                "recipients": ["file:one.key", "file:two.key"],
            },
        }
        stack.environment["databases"] = {"main": self.main}
        remote = stack.remote()
        for service in ("backend", "frontend"):
            stack.service(service)["deploy"]["migrations"] = f"{FOLDER}/versions"
        stack.configure()
        self.good = remote.commit(
            {"backend/a": "1", f"{FOLDER}/env.py": ENV, **script("one", None, "pass", "pass")}
        )
        # It takes as long as a file is there: a server that is busy.
        wait = f"import os, time\n    while os.path.exists({str(self.going)!r}): time.sleep(0.1)"
        down = f"{DOWN}\n    {wait}"
        self.bad = remote.commit({"backend/a": "2", **script("two", "one", sql(*UP), down)})
        self.deploy(self.good)
        stack.good(self.good)
        told = stack.run("backup", "create", "--before-deploy", self.bad, "--json")
        assert told.json["rehearsal"]["reversible"], told
        self.sql(*UP, "UPDATE alembic_version SET version_num = 'two'")
        self.sql("INSERT INTO notes VALUES (1), (2)", "INSERT INTO users VALUES (3, 'x')")
        self.deploy(self.bad)
        stack.fail(self.bad)
        said = stack.run("decide", "--failed-migration", "--affected", "60", "--json").json
        assert said["method"] in {"database", "full"}

    def deploy(self, commit: str) -> None:
        self.stack.deploy(commit)
        for service in ("backend", "frontend"):
            words = ("deployment", "record", "--service", service, "--commit", commit)
            assert self.stack.run(*words).code == 0

    def sql(self, *statements: str) -> None:
        self.server.execute(f"SET ROLE {self.role}", *statements, name=self.name)

    def ask(self, query: str) -> Any:
        with self.server.superuser(self.name) as connection:
            row = connection.execute(query.encode()).fetchone()
        return row[0] if row else None

    def back(self, accept: int = 2, *words: str) -> Ran:
        return self.stack.rollback("--accept-loss", str(accept), *words)

    def close(self) -> None:
        self.stack.end_runner()
        self.server.execute(f"DROP DATABASE {self.name} WITH (FORCE)", f"DROP ROLE {self.role}")


@pytest.fixture
def firm(stack: Stack, embedded: Server) -> Iterator[Firm]:
    made = Firm(stack, embedded)
    yield made
    made.close()


def outcomes(ran: Ran) -> dict[str, str]:
    return {step["id"]: step["outcome"] for step in ran.json["steps"]}


def test_the_schema_goes_down_with_the_code_and_rows_stay(firm: Firm) -> None:
    refused = firm.stack.rollback()
    assert refused.code == 5, refused
    assert "column public.users.nick goes" in refused.out
    assert "--accept-loss 2" in refused.out
    assert firm.back(1).code == 5
    shown = firm.stack.run("plan", "--json").json
    assert [one["way"] for one in shown["databases"]] == ["down-migration"]
    words = firm.stack.run("plan").said
    assert "main: -> schema one by down-migration" in words

    ran = firm.back()
    assert ran.code == 0, ran
    assert outcomes(ran)["downgrade:main"] == "done"
    assert (firm.ask(REVISION), firm.ask(NICK)) == ("one", 0)
    assert firm.ask("SELECT count(*) FROM users") == 3
    assert firm.stack.live() == firm.good
    told = Path(ran.json["report"]).read_text(encoding="utf-8")
    assert "its schema was brought from two down to one" in told
    assert "column public.users.nick goes with what is in it" in told
    password = f"of {firm.role}"
    assert password not in told + firm.stack.remembered()

    # An undo brings the code again, and says what it does not bring.
    undo = firm.stack.run("undo", "--dry-run", "--json")
    assert "schema-stays" in {warning["code"] for warning in undo.json["warnings"]}


def test_what_the_tool_says_is_not_believed(firm: Firm) -> None:
    firm.main["migrations"]["command"] = ["/bin/true"]
    firm.stack.configure()
    ran = firm.back()
    assert ran.code == 1, ran
    assert outcomes(ran)["downgrade:main"] == "failed"
    assert "the tool ended well, and the schema is at two" in Path(ran.json["report"]).read_text()
    assert firm.ask(REVISION) == "two"


@pytest.mark.linux
def test_killed_in_the_middle_it_is_looked_at_again(firm: Firm) -> None:
    firm.going.touch()
    command = firm.stack.start(
        "rollback", "--accept-loss", "2", "--confirm", "production", "--json"
    )
    down = "downgrade one"
    firm.stack.wait(lambda: _pids(down), "the way down")
    for pid in _pids("lastgood.runner", firm.stack.place):
        os.kill(pid, signal.SIGKILL)
    firm.stack.wait(lambda: not _pids(down), "its end with us")
    assert (firm.ask(REVISION), firm.ask(NICK)) == ("two", 1)  # all of it, or nothing
    firm.going.unlink()
    firm.stack.run("resume", "--json")
    firm.stack.finish(command)
    assert (firm.ask(REVISION), firm.ask(NICK)) == ("one", 0)
    assert firm.stack.live() == firm.good
    assert not [path for path in (firm.stack.state / "postgres").rglob("*") if path.is_file()]


def _pids(words: str, below: Path | None = None) -> list[int]:
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            here = below is None or (entry / "cwd").readlink().is_relative_to(below)
        except OSError:
            continue
        if words in line and here:
            found.append(int(entry.name))
    return found
