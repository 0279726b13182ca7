"""A swap that is killed, stopped or cut off at each point: one of the two is live, and open."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
from tests.drivers.database.postgres import swapper
from tests.drivers.database.postgres.cutter import Cutter
from tests.drivers.database.postgres.kept_copy import COPY, free, keep_copy

from lastgood.errors import RemoteError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.drivers.database.postgres.conftest import Case
    from tests.servers import Server

ROOT = Path(__file__).parents[4]
PATIENCE_S = 60.0


@contextlib.contextmanager
def swapping(case: Case, point: str) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """A process that swaps, and waits at a point."""
    mark = case.state / f"{point}.mark"
    for path in (mark, over(mark)):
        path.unlink(missing_ok=True)
    process = subprocess.Popen(
        [sys.executable, swapper.__file__, case.dsn, str(case.state), point, str(mark)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        until = time.monotonic() + PATIENCE_S
        while not mark.exists():
            assert process.poll() is None, process.stdout and process.stdout.read()
            assert time.monotonic() < until
            time.sleep(0.01)
        yield process, mark
    finally:
        process.kill()
        process.communicate()


def over(mark: Path) -> Path:
    return mark.with_name(f"{mark.name}.over")


def said(process: subprocess.Popen[str], mark: Path) -> dict[str, str]:
    """Let it go on; gives what it says at its end."""
    over(mark).touch()
    answer: dict[str, str] = json.loads(process.communicate(timeout=PATIENCE_S)[0])
    return answer


def which(case: Case) -> str:
    """Who is live, as soon as somebody is let in."""
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            with psycopg.connect(case.dsn) as connection:
                row = connection.execute("SELECT side FROM which").fetchone()
                assert row is not None
                return str(row[0])
        except psycopg.OperationalError:
            assert time.monotonic() < until
            time.sleep(0.05)


def is_whole(case: Case, *, done: bool) -> None:
    """One of the two has the name and is open; the other is closed, and where it belongs."""
    assert which(case) == ("copy" if done else "live")
    driver = case.driver()
    assert [one.id for one in driver.quarantined()] == (["run-1"] if done else [])
    assert [one.side for one in driver.kept()] == ([] if done else [COPY.id])
    assert not any(one.problems for one in driver.quarantined())
    assert not any(one.problems for one in driver.kept())


@pytest.mark.parametrize("point", swapper.POINTS)
def test_killed(case: Case, point: str) -> None:
    keep_copy(case)
    with swapping(case, point) as (process, _):
        process.kill()
        process.wait()
        is_whole(case, done=point == "committed")

    if point != "committed":
        case.driver().swap(COPY, "run-1", None, fence=free)
        is_whole(case, done=True)


def test_stopped(embedded_case: Case) -> None:
    """The server takes it back by itself; when it wakes, it has no say any more."""
    case = embedded_case
    keep_copy(case)
    for point in ("closed", "hooks", "renamed"):
        with swapping(case, point) as (process, mark):
            process.send_signal(signal.SIGSTOP)
            is_whole(case, done=False)
            process.send_signal(signal.SIGCONT)
            answer = said(process, mark)
            assert answer["code"] in {"swap-undone", "database-lost", "swap-too-slow"}, answer
            is_whole(case, done=False)


def test_another_takes_over_from_a_stopped_one(embedded_case: Case) -> None:
    """Whose sessions are still there, and who wakes when all is done."""
    case = embedded_case
    keep_copy(case)
    with swapping(case, "hooks") as (process, mark):
        process.send_signal(signal.SIGSTOP)
        assert which(case) == "live"
        case.driver().swap(COPY, "run-2", None, fence=free)
        process.send_signal(signal.SIGCONT)
        assert said(process, mark)["code"] in {"swap-undone", "database-lost"}
    assert which(case) == "copy"
    assert [one.id for one in case.driver().quarantined()] == ["run-2"]


def test_a_door_that_we_left_open_is_no_obstacle(embedded_case: Case) -> None:
    """Killed in the moment in which we enter the copy; nobody but us could have."""
    case = embedded_case
    keep_copy(case)
    case.driver()._keeping.sides._allow(f"{case.name}__lgwarm_{COPY.id}", whether=True)
    assert case.driver().obstacles(COPY) == []
    case.driver().swap(COPY, "run-1", None, fence=free)
    is_whole(case, done=True)


def test_the_server_is_killed(lasting: Server, case_on: Callable[..., Case]) -> None:
    case = case_on(lasting)
    keep_copy(case)
    for point in ("closed", "hooks", "renamed", "committed"):
        with swapping(case, point) as (process, mark):
            lasting.stop()
            lasting.start()
            is_whole(case, done=point == "committed")
            answer = said(process, mark)
            if point == "committed":
                assert answer["code"] == "done"
            else:
                assert answer["code"] in {"swap-undone", "database-lost"}, answer
            is_whole(case, done=point == "committed")


def test_a_swap_that_is_done_outlives_the_server(
    restartable: Server, case_on: Callable[..., Case]
) -> None:
    """Also where other commits are answered before they are on the disk."""
    case = case_on(restartable)
    assert case.rows("SHOW synchronous_commit") == [("off",)]
    keep_copy(case)
    case.driver().swap(COPY, "run-1", None, fence=free)
    restartable.stop()
    restartable.start()
    is_whole(case, done=True)


@pytest.mark.parametrize("passed_on", [True, False])
def test_the_answer_to_the_commit_is_lost(embedded_case: Case, *, passed_on: bool) -> None:
    """What came of it is asked, never guessed."""
    case = embedded_case
    keep_copy(case)
    with Cutter(case.server.home, b"COMMIT", passed_on=passed_on) as cutter:
        driver = case.driver(dsn=cutter.dsn(case))
        fenced: list[None] = []

        def fence() -> None:
            fenced.append(None)
            if len(fenced) == 2:
                cutter.cut.set()

        if passed_on:
            driver.swap(COPY, "run-1", None, fence=fence)
        else:
            with pytest.raises(RemoteError) as failed:
                driver.swap(COPY, "run-1", None, fence=fence)
            assert failed.value.code == "swap-undone"
            assert failed.value.retryable
    is_whole(case, done=passed_on)


def test_cut_off_without_a_word(embedded_case: Case) -> None:
    """The connection hangs; nothing is closed on either side: the server does not wait for us."""
    case = embedded_case
    keep_copy(case)
    with Cutter(case.server.home) as cutter:
        driver = case.driver(dsn=cutter.dsn(case))
        fenced: list[None] = []

        def fence() -> None:
            fenced.append(None)
            if len(fenced) == 2:
                cutter.cut.set()
                # What is said from now on arrives nowhere.
                assert which(case) == "live"
                cutter.cut.clear()

        with pytest.raises(RemoteError):
            driver.swap(COPY, "run-1", None, fence=fence)
    is_whole(case, done=False)
