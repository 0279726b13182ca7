from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from lastgood.errors import RefusedError

if TYPE_CHECKING:
    from datetime import datetime

    from lastgood.store.state import State

HOUR = timedelta(hours=1)


def test_an_incident_is_open_until_somebody_closes_it(state: State, now: datetime) -> None:
    opened = state.incidents.open(
        "production", "answers 500", "verdict", now, impact_start=now - HOUR
    )
    assert re.fullmatch(r"inc-20261122-[0-9a-f]{4}", opened.id)
    assert (opened.title, opened.impact_start, opened.detected_at) == (
        "answers 500",
        now - HOUR,
        None,
    )
    assert state.incidents.current("production") == opened
    assert state.incidents.current("staging") is None
    closed = state.incidents.resolve(opened.id, "ada", now + HOUR, "over")
    assert (closed.resolved_at, closed.resolved_by, closed.note) == (now + HOUR, "ada", "over")
    assert state.incidents.current("production") is None
    assert state.incidents.get(opened.id) == closed


def test_the_newest_open_one_is_the_current_one(state: State, now: datetime) -> None:
    older = state.incidents.open("production", "one", "ada", now)
    newer = state.incidents.open("production", "two", "ada", now + HOUR)
    assert state.incidents.current("production") == newer
    state.incidents.resolve(newer.id, "ada", now + HOUR, "over")
    assert state.incidents.current("production") == older
    assert [i.title for i in state.incidents.list_all("production")] == ["two", "one"]
    assert state.incidents.list_all("staging") == []
    assert len(state.incidents.list_all()) == 2


def test_what_becomes_known_is_written(state: State, now: datetime) -> None:
    opened = state.incidents.open("production", "one", "ada", now)
    known = state.incidents.update(opened.id, detected_at=now)
    assert (known.detected_at, known.impact_start) == (now, None)
    known = state.incidents.update(opened.id, impact_start=now - HOUR)
    assert (known.detected_at, known.impact_start) == (now, now - HOUR)
    assert state.incidents.update(opened.id) == known


def test_a_closed_one_stays_as_it_is(state: State, now: datetime) -> None:
    opened = state.incidents.open("production", "one", "ada", now)
    closed = state.incidents.resolve(opened.id, "ada", now, "over")
    assert state.incidents.resolve(opened.id, "bob", now + HOUR, "again") == closed
    assert state.incidents.update(opened.id, detected_at=now) == closed


def test_an_unknown_one_is_refused(state: State, now: datetime) -> None:
    with pytest.raises(RefusedError) as caught:
        state.incidents.resolve("inc-20261122-\x1b[2J", "ada", now, "")
    assert caught.value.code == "unknown-incident"
    assert "\x1b" not in str(caught.value)


def test_ids_differ_on_the_same_day(
    state: State, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = iter(["aaaa", "aaaa", "bbbb"])
    monkeypatch.setattr("lastgood.store.incidents.secrets.token_hex", lambda _: next(drawn))
    ids = [state.incidents.open("production", "x", "ada", now).id for _ in range(2)]
    assert ids == ["inc-20261122-aaaa", "inc-20261122-bbbb"]
