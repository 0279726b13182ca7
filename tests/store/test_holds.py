from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from lastgood.errors import RefusedError

if TYPE_CHECKING:
    from datetime import datetime

    from lastgood.model.hold import Hold
    from lastgood.store.state import State

A, B = "a" * 40, "b" * 40
HOUR = timedelta(hours=1)


def hold(state: State, at: datetime, commit: str = A, service: str = "backend") -> Hold:
    return state.holds.set(
        "production", service, commit, reason="answers 500", by="ada", at=at, run="run-1"
    )


def test_a_hold_stands_until_it_is_lifted(state: State, now: datetime) -> None:
    held = hold(state, now)
    assert (held.commit, held.reason, held.run, held.stands) == (A, "answers 500", "run-1", True)
    assert state.holds.standing("production") == [held]
    lifted = state.holds.lift(held.id, by="bob", reason="was not it", at=now + HOUR)
    assert (lifted.stands, lifted.lifted_by, lifted.lifted_at) == (False, "bob", now + HOUR)
    assert lifted.lifted_reason == "was not it"
    assert state.holds.standing("production") == []
    assert state.holds.list_all("production") == [lifted]


def test_holding_what_is_held_gives_the_standing_hold(state: State, now: datetime) -> None:
    first = hold(state, now)
    assert hold(state, now + HOUR) == first
    state.holds.lift(first.id, by="bob", reason="?", at=now)
    assert hold(state, now).id != first.id


def test_a_second_lifting_changes_nothing(state: State, now: datetime) -> None:
    first = hold(state, now)
    lifted = state.holds.lift(first.id, by="bob", reason="one", at=now)
    assert state.holds.lift(first.id, by="eve", reason="two", at=now + HOUR) == lifted
    assert state.holds.allow_fix(first.id, B, by="eve", reason="late", at=now) == lifted


def test_a_fix_passes_while_the_hold_stands(state: State, now: datetime) -> None:
    held = hold(state, now)
    allowed = state.holds.allow_fix(held.id, B, by="ada", reason="fixes it", at=now)
    assert (allowed.fix, allowed.stands) == (B, True)
    assert (allowed.fix_by, allowed.fix_reason, allowed.fix_at) == ("ada", "fixes it", now)


def test_holds_are_of_one_service_and_environment(state: State, now: datetime) -> None:
    backend, frontend = hold(state, now), hold(state, now, service="frontend")
    assert state.holds.standing("production", "backend") == [backend]
    assert state.holds.standing("production") == [backend, frontend]
    assert state.holds.standing("staging") == []


def test_an_unknown_hold_is_refused(state: State, now: datetime) -> None:
    with pytest.raises(RefusedError) as caught:
        state.holds.lift(7, by="ada", reason="?", at=now)
    assert caught.value.code == "unknown-hold"


def test_what_acts_on_a_terminal_is_not_kept(state: State, now: datetime) -> None:
    held = state.holds.set(
        "production", "backend", A, reason="\x1b[2Jbad\udc80", by="a\x07da", at=now
    )
    assert "\x1b" not in held.reason
    assert "\x07" not in held.by
    assert held.reason.startswith("bad")
