from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec
import pytest

from lastgood.errors import StateError
from lastgood.model.watch import Watch, WatchKind, WatchState

if TYPE_CHECKING:
    from datetime import datetime

    from lastgood.store.state import State

HALF_HOUR = timedelta(minutes=30)


def soak(state: State, now: datetime, subject: str = "a" * 40, service: str = "backend") -> Watch:
    return state.watches.add(
        "production", WatchKind.SOAK, subject, since=now, until=now + HALF_HOUR, service=service
    )


def test_a_watch_is_pending_until_it_ends(state: State, now: datetime) -> None:
    watch = soak(state, now)
    assert watch == Watch(
        id=1,
        environment="production",
        kind=WatchKind.SOAK,
        subject="a" * 40,
        since=now,
        until=now + HALF_HOUR,
        service="backend",
    )
    assert state.watches.pending() == [watch]
    ended = state.watches.end(watch.id, WatchState.HELD, "12 checks")
    assert (ended.state, ended.note) == (WatchState.HELD, "12 checks")
    assert state.watches.pending() == []
    assert state.watches.get(watch.id) == ended


def test_progress_is_written(state: State, now: datetime) -> None:
    watch = soak(state, now)
    moved = msgspec.structs.replace(
        watch,
        since=now + HALF_HOUR,
        until=now + 2 * HALF_HOUR,
        samples=7,
        last_sample_at=now + HALF_HOUR,
        longest_gap_s=61.5,
        note="after a gap",
    )
    assert state.watches.update(moved) == moved
    assert state.watches.get(watch.id) == moved


def test_an_ended_watch_never_changes(state: State, now: datetime) -> None:
    watch = soak(state, now)
    ended = state.watches.end(watch.id, WatchState.REGRESSED, "login failed")
    assert state.watches.update(watch) == ended
    assert state.watches.end(watch.id, WatchState.HELD) == ended


def test_a_newer_one_supersedes_those_of_its_kind(state: State, now: datetime) -> None:
    backend, frontend = soak(state, now), soak(state, now, service="frontend")
    stability = state.watches.add(
        "production", WatchKind.STABILITY, "run-1", since=now, until=now + HALF_HOUR
    )
    superseded = state.watches.supersede("production", WatchKind.SOAK, "backend")
    assert [(w.id, w.state) for w in superseded] == [(backend.id, WatchState.SUPERSEDED)]
    assert state.watches.pending("production") == [frontend, stability]
    assert len(state.watches.supersede("production", WatchKind.SOAK)) == 1
    assert state.watches.supersede("staging", WatchKind.STABILITY) == []
    assert state.watches.pending() == [stability]


def test_those_of_a_subject_newest_first(state: State, now: datetime) -> None:
    first, second = soak(state, now), soak(state, now)
    soak(state, now, subject="b" * 40)
    assert state.watches.of(WatchKind.SOAK, "a" * 40) == [second, first]
    assert state.watches.of(WatchKind.HOTFIX, "a" * 40) == []


def test_the_one_that_ends_first_is_in_front(state: State, now: datetime) -> None:
    late = soak(state, now + HALF_HOUR)
    early = soak(state, now)
    assert state.watches.pending("production") == [early, late]
    assert state.watches.pending("staging") == []


def test_an_unknown_watch(state: State) -> None:
    with pytest.raises(StateError) as caught:
        state.watches.end(9, WatchState.HELD)
    assert caught.value.code == "unknown-watch"
