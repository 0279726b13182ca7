"""Who looks after a shop's data by `lastgood db`."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
from tests.shop import Shop, wait

if TYPE_CHECKING:
    import subprocess

    from lastgood.testing.stack import Ran

CONFIRM = ("--confirm", "production")
PREVIEW = {"database", "backup", "written_since_s", "complete", "tables", "vanish_total"}
TABLE = {
    *("name", "live_rows", "restored_rows", "vanish", "return", "change"),
    "precision",
}
RUN = {
    *("run", "plan", "environment", "outcome", "code", "seconds", "budget_s", "within_budget"),
    *("steps", "proof", "stability", "report"),
}


class Keeper:
    """Looks after a shop's data by `lastgood db`."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop

    def db(self, *words: str) -> Ran:
        """`lastgood db ...` with its document."""
        return self.shop.types("db", *words, "--json")

    def swaps(self, accept: int | str, *words: str, way: str = "swap") -> Any:
        """Bring the database back; gives the run's document."""
        ran = self.db(way, *CONFIRM, "--accept-loss", str(accept), *words)
        assert ran.code == 0, (ran.out, ran.err)
        assert ran.json.keys() >= RUN
        assert ran.json["outcome"] == "recovered"
        return ran.json

    def refused(self, *words: str, code: int = 5) -> Any:
        """What a command that is refused says; nothing is changed by it."""
        before = self.shop.text(), self.shop.databases()
        ran = self.db(*words)
        assert ran.code == code, (ran.out, ran.err)
        assert (self.shop.text(), self.shop.databases()) == before
        error = ran.json["error"]
        assert error["mend"], error
        return error

    def warm(self) -> str:
        """A backup whose restored copy stands."""
        made = self.shop.said("create", "--before-deploy", "2b2b2b2")
        assert made["warm_target"] is True
        return str(made["id"])

    def writes(self, *statements: str) -> None:
        """What the application does."""
        with psycopg.connect(self.shop.dsn, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def users(self) -> int:
        """How many there are; that one can ask shows that clients get in."""
        with psycopg.connect(self.shop.dsn) as connection:
            row = connection.execute("SELECT count(*) FROM users").fetchone()
        return int(row[0]) if row else 0

    def kinds(self) -> dict[str, int]:
        """How many databases there are of each kind; only the live one lets clients in.

        A side database is open to us while it is filled.
        """
        name = self.shop.name
        with self.shop.server.superuser() as connection:
            found = connection.execute(
                "SELECT datname, datallowconn FROM pg_database WHERE datname LIKE %s", (f"{name}%",)
            ).fetchall()
        kinds = {"live": 0, "warm": 0, "replaced": 0, "side": 0}
        marks = {"__lgwarm_": "warm", "__lgq_": "replaced", "__lg_": "side"}
        for one, open_ in found:
            kind = next((kind for mark, kind in marks.items() if mark in one), "live")
            assert open_ is (kind == "live") or kind == "side", one
            kinds[kind] += 1
        return kinds

    def replaced(self) -> list[str]:
        """The ids of the replaced databases."""
        listed = self.db("quarantine")
        assert listed.code == 0, listed
        return [one["id"] for one in listed.json["quarantined"]]

    # Where it is cut off.

    def begins(self, *words: str) -> subprocess.Popen[str]:
        """Type a command and do not wait."""
        return self.shop.starts(*words)

    def kills(self, command: subprocess.Popen[str]) -> None:
        """kill -9 of the command and of the runner, as a power cut would."""
        command.kill()
        command.communicate()
        runner = self.runner()
        assert runner is not None
        os.kill(runner, signal.SIGKILL)
        wait(lambda: self.runner() is None, "the runner's end")

    def runner(self) -> int | None:
        """The process id of lastgood's runner, if one lives."""
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                words = (process / "cmdline").read_bytes().split(b"\0")
                if b"lastgood.runner" in words and any(
                    word.startswith(os.fsencode(self.shop.place)) for word in words
                ):
                    return int(process.name)
        return None
