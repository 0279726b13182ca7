"""Many real processes at once on one state, and what each of them says, a JSON line each.

Each act is done by forks of this process, which has one thread and no connection before it forks.
"""

from __future__ import annotations

import json
import os
import random
import resource
import signal
import sys
import time
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from lastgood.errors import LastgoodError
from lastgood.store import migrate, revision
from lastgood.store.state import State

if TYPE_CHECKING:
    from collections.abc import Callable

URL = "sqlite:///state/state.db"
NOBODY = 65_534


def now() -> datetime:
    return datetime.now(UTC)


def say(word: object) -> None:
    os.write(1, json.dumps(word).encode() + b"\n")


def told(act: Callable[[], object]) -> None:
    try:
        say(act())
    except LastgoodError as error:
        say(
            {"code": error.code, "message": error.message, "cause": error.cause, "mend": error.mend}
        )


def fork(act: Callable[[], object]) -> int:
    child = os.fork()
    if child:
        return child
    try:
        told(act)
        sys.stdout.flush()
    except BaseException:  # noqa: BLE001 - the parent reads it
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def all_at_once(count: int, act: Callable[[int], object]) -> None:
    start = time.monotonic() + 0.2

    def one(number: int) -> object:
        time.sleep(max(0.0, start - time.monotonic()))
        return act(number)

    children = [fork(lambda number=number: one(number)) for number in range(count)]  # type: ignore[misc]
    failed = [child for child in children if os.waitpid(child, 0)[1] != 0]
    if failed:
        raise SystemExit(f"{len(failed)} processes failed")


def create(base: Path, count: str) -> None:
    """Make the state, all at once, and write an event each."""

    def one(number: int) -> object:
        with State.open(URL, base) as state:
            return state.events.append("test.made", f"process {number}", "made", at=now()).seq

    all_at_once(int(count), one)


def upgrade(base: Path, count: str) -> None:
    """Bring an older state up, all at once; older is one that calls itself so."""
    revision.HEAD = "0002"
    scripts = base / "migrations"

    def one(_number: int) -> object:
        migrate.MIGRATIONS = scripts
        with State.open(URL, base) as state:
            return state.events.append("test.upgraded", "process", "upgraded", at=now()).seq

    all_at_once(int(count), one)


def append(base: Path, count: str, each: str) -> None:
    """Append events, all at once."""

    def one(number: int) -> object:
        with State.open(URL, base) as state:
            return [
                state.events.append("test.wrote", f"process {number}", f"{turn}", at=now()).seq
                for turn in range(int(each))
            ]

    all_at_once(int(count), one)


def lock(base: Path, count: str) -> None:
    """Take the lock, all at once."""

    def one(number: int) -> object:
        with State.open(URL, base) as state:
            return state.locks.take("production", f"run-{number}", "test", now()).epoch

    all_at_once(int(count), one)


def take_over(base: Path, count: str) -> None:
    """Take the lock over from the same run, all at once."""

    def one(number: int) -> object:
        with State.open(URL, base) as state:
            return state.locks.take_over("production", "old", f"new-{number}", "test", now()).epoch

    all_at_once(int(count), one)


def kill(base: Path, kills: str, seed: str) -> None:
    """Kill a writer at a random moment, again and again; each begins where the last one died."""
    chance = random.Random(int(seed))  # noqa: S311 - a moment, not a secret

    def write(begun: int) -> None:
        with State.open(URL, base) as state:
            while True:
                with state.transaction():
                    first = state.events.append("test.pair", "writer", "first", at=now())
                    state.events.append(
                        "test.pair", "writer", "second", at=now(), data={"of": str(first.seq)}
                    )
                if begun >= 0:
                    os.close(begun)
                    begun = -1
                state.locks.break_lock("production", now())

    for _ in range(int(kills)):
        begins, begun = os.pipe()
        child = fork(lambda: write(begun))  # noqa: B023 - ends within this turn
        os.close(begun)
        os.read(begins, 1)  # on a busy machine a writer takes its time to begin
        os.close(begins)
        time.sleep(chance.uniform(0.0, 0.1))
        os.kill(child, signal.SIGKILL)
        if os.WTERMSIG(os.waitpid(child, 0)[1]) != signal.SIGKILL:
            raise SystemExit("the writer had ended by itself")
        with State.open(URL, base) as state:
            check = state.events.verify()
            say({"ok": check.ok, "count": check.count})


def kill_creation(base: Path, kills: str, seed: str) -> None:
    """Kill a process while it makes the state, then make it."""
    chance = random.Random(int(seed))  # noqa: S311 - a moment, not a secret
    for turn in range(int(kills)):
        place = base / f"turn-{turn}"
        child = fork(lambda: State.open(URL, place).close())  # noqa: B023 - ends within this turn
        time.sleep(chance.uniform(0.0, 0.12))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        with State.open(URL, place) as state:
            say([state.events.verify().ok, sorted(p.name for p in state.folder.iterdir())])


def full(base: Path, limit: str) -> None:
    """Write until the disk is full: no file may become longer than the limit."""

    def one() -> object:
        wrote = 0
        with State.open(URL, base) as state:
            resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
            try:
                while True:
                    with state.transaction():
                        state.locks.break_lock("production", now())
                        state.events.append("test.wrote", "writer", "x" * 1_000, at=now())
                    wrote += 1
            except LastgoodError as error:
                return {
                    "wrote": wrote,
                    "code": error.code,
                    "cause": error.cause,
                    "mend": error.mend,
                }

    told(one)


def full_at_creation(base: Path, limit: str) -> None:
    """Make a state where there is no room for it."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
    told(lambda: State.open(URL, base).close())


def unprivileged(base: Path) -> None:
    """Open and write as a user who may only read."""
    if os.geteuid() == 0:
        os.setgid(NOBODY)
        os.setuid(NOBODY)

    def one() -> object:
        with State.open(URL, base) as state:
            return state.events.append("test.wrote", "writer", "?", at=now()).seq

    told(one)


ACTS = {
    act.__name__: act
    for act in (
        create,
        upgrade,
        append,
        lock,
        take_over,
        kill,
        kill_creation,
        full,
        full_at_creation,
        unprivileged,
    )
}

if __name__ == "__main__":
    _, name, place, *rest = sys.argv
    ACTS[name](Path(place), *rest)
