"""A database's way back that is cut off: nothing is left in the way, and `resume` ends well."""

from __future__ import annotations

import contextlib
import sqlite3
import sys
from typing import TYPE_CHECKING

import pytest
from tests.keeper import CONFIRM, Keeper
from tests.shop import wait

if TYPE_CHECKING:
    from pathlib import Path

NEW_USER = "INSERT INTO users (email) VALUES ('new@shop')"
GO = ("--accept-loss", "1", *CONFIRM)
WHOLE = {"live": 1, "warm": 0, "replaced": 1, "side": 0}
WRITES = """
import sys, psycopg
with psycopg.connect(sys.argv[1]) as shop:
    shop.execute("INSERT INTO users (email) SELECT n || '@late' FROM generate_series(1, %s) n",
                 (int(sys.argv[2]),))
"""
UNTOUCHED = {"live": 1, "warm": 1, "replaced": 0, "side": 0}


class Machine:
    """The backend's machine: it notes when the service is stopped and started."""

    def __init__(self, keeper: Keeper, *, writes: int = 0) -> None:
        shop = keeper.shop
        self._noted, self.reached = shop.place / "noted", shop.place / "reached"
        kept = shop.place / "srv" / "releases" / "1a1a1a1"
        kept.mkdir(parents=True)
        (kept.parent.parent / "current").symlink_to("releases/1a1a1a1")
        words = {
            "stop": ["sh", "-c", f'echo stop >> {self._noted}; exec "$@"', "stop", "true"],
            "start": ["sh", "-c", f"echo start >> {self._noted}"],
        }
        if writes:
            words["stop"][-1:] = [sys.executable, "-c", WRITES, shop.dsn, str(writes)]
        self.service = {"deploy": {"driver": "releases", "path": str(kept.parent.parent)}, **words}
        shop.services = {"backend": self.service}
        shop.configure()
        of = ("--service", "backend")
        for typed in (
            ("deployment", "record", *of, "--commit", "1a1a1a1"),
            ("releases", "mark", "1a1a1a1", "good", *of, "--reason", "it ran for weeks"),
        ):
            assert shop.types(*typed).code == 0

    def holds_the_swap(self, keeper: Keeper) -> None:
        """Let it wait while everybody is kept out, until there is a file `reached.over`."""
        act = f": > {self.reached}; until [ -e {self.reached}.over ]; do sleep 0.05; done"
        keeper.shop.database |= {
            "before_open": [{"command": ["sh", "-c", act]}], "before_open_timeout": "60s",
        }  # fmt: skip
        keeper.shop.configure()

    def lets_go(self) -> None:
        self.reached.with_name("reached.over").touch()

    @property
    def noted(self) -> list[str]:
        return self._noted.read_text(encoding="utf-8").split() if self._noted.exists() else []


def test_what_was_stopped_is_started_whatever_becomes_of_the_swap(keeper: Keeper) -> None:
    """More is written after the plan than was accepted; then it is accepted."""
    machine = Machine(keeper, writes=5)
    keeper.warm()
    keeper.writes(NEW_USER)

    ran = keeper.db("swap", *GO)

    assert (ran.code, ran.json["outcome"], ran.json["code"]) == (1, "failed", "loss-over-accepted")
    assert machine.noted == ["stop", "start"]
    assert (keeper.kinds(), keeper.users()) == (UNTOUCHED, 306)
    swap = next(step for step in ran.json["steps"] if step["id"] == "swap:main")
    assert "--accept-loss 6" in swap["mend"]
    report = keeper.shop.types("report", "--json")
    assert report.code == 0
    told = keeper.shop.types("report").out
    assert "none of main, it is as it was" in told

    machine.service["stop"] = ["sh", "-c", "true"]
    keeper.shop.configure()
    keeper.swaps(6)
    assert machine.noted == ["stop", "start", "start"]
    assert (keeper.kinds(), keeper.users()) == (WHOLE, 300)


@pytest.mark.parametrize("word", ["resume", "cancel"])
def test_killed_while_everybody_is_kept_out(keeper: Keeper, word: str) -> None:
    machine = Machine(keeper)
    machine.holds_the_swap(keeper)
    keeper.warm()
    keeper.writes(NEW_USER)
    typed = keeper.begins("db", "swap", *GO)
    wait(machine.reached.exists, "the swap")

    keeper.kills(typed)

    assert machine.noted == ["stop"]
    assert (keeper.users(), keeper.kinds()) == (301, UNTOUCHED)  # at once, to the original
    machine.lets_go()
    status = keeper.shop.types("status").out
    assert "lastgood resume" in status

    ran = keeper.shop.types(word, "--json")
    assert ran.code == 0, (ran.out, ran.err)
    if word == "cancel":
        wait(lambda: keeper.shop.types("status", "--json").json["runs"] == [], "its end")
    assert machine.noted == ["stop", "start"]
    if word == "resume":
        assert ran.json["outcome"] == "recovered"
        assert (keeper.users(), keeper.kinds()) == (300, WHOLE)
    else:
        assert (keeper.users(), keeper.kinds()) == (301, UNTOUCHED)
        keeper.swaps(1)
        assert (keeper.users(), keeper.kinds()) == (300, WHOLE)


def test_unlocked_while_everybody_is_kept_out(keeper: Keeper) -> None:
    machine = Machine(keeper)
    machine.holds_the_swap(keeper)
    keeper.warm()
    typed = keeper.begins("db", "swap", *GO)
    wait(machine.reached.exists, "the swap")
    assert machine.noted == ["stop"]

    freed = keeper.shop.types("unlock", "--reason", "it hangs", "--json")

    assert freed.code == 0, freed
    machine.lets_go()  # in vain: it has no say any more
    typed.communicate()
    assert machine.noted == ["stop", "start"]
    assert (keeper.users(), keeper.kinds()) == (300, UNTOUCHED)


def test_killed_when_it_was_done_and_not_written_down(keeper: Keeper) -> None:
    machine = Machine(keeper)
    machine.holds_the_swap(keeper)
    backup = keeper.warm()
    keeper.writes(NEW_USER)
    typed = keeper.begins("db", "swap", *GO)
    wait(machine.reached.exists, "the swap")

    state = keeper.shop.place / ".lastgood" / "state.db"
    with contextlib.closing(sqlite3.connect(state, isolation_level=None)) as held:
        held.execute("BEGIN IMMEDIATE")  # what was done cannot be written down
        machine.lets_go()
        wait(lambda: keeper.kinds()["replaced"], "the swap")
        keeper.kills(typed)
        held.execute("ROLLBACK")

    ran = keeper.shop.types("resume", "--json")
    assert (ran.code, ran.json["outcome"]) == (0, "recovered"), ran
    assert (keeper.users(), keeper.kinds()) == (300, WHOLE)
    assert machine.noted == ["stop", "start"]
    # It is known that the warm target was used up, and what became of the data.
    listed = keeper.shop.said("list")
    assert listed["warm_target_problems"] == []
    told = keeper.shop.types("report").out
    assert f"{backup} of" in told
    assert "1 rows vanished (as it was planned)" in told
    assert keeper.db("salvage", *CONFIRM).json["brought"] == 1


def test_killed_in_the_restore(keeper: Keeper) -> None:
    shop = keeper.shop
    shop.database["warm_target"] = "off"
    shop.configure()
    shop.said("create")
    keeper.writes(NEW_USER)
    mark = shop.pausing("pg_restore", "--dbname")
    typed = keeper.begins("db", "restore", *GO)
    wait(mark.exists, "the restore")

    keeper.kills(typed)

    assert keeper.users() == 301
    assert keeper.kinds()["replaced"] == 0
    _over(mark).touch()
    ran = shop.types("resume", "--json")
    assert (ran.code, ran.json["outcome"]) == (0, "recovered"), (ran.out, ran.err)
    assert (keeper.users(), keeper.kinds()) == (300, WHOLE)


def test_taken_over_in_the_restore(keeper: Keeper) -> None:
    """Somebody does not want to wait for a restore that hangs: another copy is swapped in."""
    shop = keeper.shop
    warm = keeper.warm()
    newer = shop.said("create")["id"]
    keeper.writes(NEW_USER)
    mark = shop.pausing("pg_restore", "--dbname")
    typed = keeper.begins("db", "restore", "--backup", newer, *GO)
    wait(mark.exists, "the restore")
    (run,) = shop.types("status", "--json").json["runs"]

    keeper.swaps(1, "--backup", warm, "--take-over", run["id"])

    typed.communicate()
    assert (keeper.users(), keeper.kinds()["replaced"]) == (300, 1)
    _over(mark).touch()
    shop.said("create")  # which tidies what was left
    assert keeper.kinds()["side"] == 0


def _over(mark: Path) -> Path:
    return mark.with_name(f"{mark.name}.over")
