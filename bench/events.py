"""Listing events when there are 100,000 of them, against reading the bare rows with sqlite3."""

from __future__ import annotations

import sqlite3
import tempfile
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from bench.table import Row

from lastgood.store.state import State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

COUNT = 100_000
PAGE = 50
ROUNDS = 5


def rows() -> Iterator[Row]:
    """A line for each way of reading."""
    with (
        tempfile.TemporaryDirectory(prefix="lastgood-bench-") as folder,
        State.open("sqlite:///state.db", Path(folder)) as state,
    ):
        _fill(state)
        for name, own, bare in _ways(state):
            yield Row(name, own, "the bare rows by sqlite3", bare)


def _fill(state: State) -> None:
    """A long history, mostly of production, some of it of one run."""
    at = datetime(2026, 1, 1, tzinfo=UTC)
    with state.transaction():
        for number in range(COUNT):
            state.events.append(
                "check.failed",
                "runner",
                f"api-health answered 503 the {number}th time",
                at=at + timedelta(seconds=number),
                environment="staging" if number % 10 == 0 else "production",
                run="run-1" if number % 1_000 == 0 else None,
                data={"check": "api-health", "status": "503"},
            )


def _ways(state: State) -> Iterator[tuple[str, float, float]]:
    """Name, our seconds, and those of the same rows without anything of ours."""
    events = state.events
    with closing(sqlite3.connect(state.path)) as connection:

        def bare(query: str, *arguments: object) -> float:
            return _best(lambda: connection.execute(query, arguments).fetchall())

        everything = "SELECT * FROM events ORDER BY seq"
        yield (
            f"events: newest {PAGE} of {COUNT:,}",
            _best(lambda: events.tail(PAGE, "production")),
            bare(
                "SELECT * FROM events WHERE environment = 'production' ORDER BY seq DESC LIMIT ?",
                PAGE,
            ),
        )
        yield (
            "events: one run's timeline",
            _best(lambda: events.list(run="run-1")),
            bare("SELECT * FROM events WHERE run = 'run-1' ORDER BY seq"),
        )
        yield f"events: all {COUNT:,}", _best(events.list, 1), bare(everything)
        yield f"events: chain of {COUNT:,} verified", _best(events.verify, 1), bare(everything)


def _best(act: Callable[[], object], rounds: int = ROUNDS) -> float:
    """The shortest of some rounds, in seconds: the one that the machine disturbed least."""
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        act()
        times.append(time.perf_counter() - began)
    return min(times)
