"""The watched period, look by look."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lastgood.model.check import HealthState
from lastgood.model.observation import ServiceView
from lastgood.model.watch import Watch, WatchKind, WatchState
from lastgood.testing.nouns import ENVIRONMENT, at, commit, failing, health, observation
from lastgood.verify.stability import advance

if TYPE_CHECKING:
    from lastgood.model.observation import Observation

GAP_S = 60.0
HELD, PENDING, REGRESSED = WatchState.HELD, WatchState.PENDING, WatchState.REGRESSED

STABILITY = Watch(
    id=1,
    environment=ENVIRONMENT,
    kind=WatchKind.STABILITY,
    subject="run-1",
    since=at(0),
    until=at(30),
)
SOAK = msgspec.structs.replace(
    STABILITY, kind=WatchKind.SOAK, subject=commit("b"), service="backend"
)


def good(minutes: float, live: str = "b") -> Observation:
    return observation(
        health("api"), health("login"), minutes=minutes, services={"backend": (live, 0.0)}
    )


def bad(minutes: float) -> Observation:
    return observation(health("api"), failing("login", minutes), minutes=minutes)


def after(watch: Watch, *looks: Observation | None) -> Watch:
    for look in looks:
        watch = advance(watch, look, look.at if look is not None else at(0), GAP_S)
    return watch


def every(first: float, last: float, step: float = 1.0) -> list[Observation]:
    """Good looks from one minute to another."""
    count = round((last - first) / step)
    return [good(first + n * step) for n in range(count + 1)]


def test_thirty_healthy_minutes_hold() -> None:
    watch = after(STABILITY, *every(1, 30))
    assert (watch.state, watch.samples, watch.longest_gap_s) == (HELD, 60, 60.0)
    assert watch.last_sample_at == at(30)


def test_not_a_moment_sooner() -> None:
    watch = after(STABILITY, *every(1, 29), good(29.99))
    assert watch.state is PENDING
    assert after(watch, good(30)).state is HELD


def test_a_clock_that_was_set_back_begins_it_again_and_blinds_nobody() -> None:
    watch = after(STABILITY, *every(1, 29), good(-90))
    assert (watch.state, watch.since, watch.until) == (PENDING, at(-90), at(-60))
    assert watch.note == "begun again after the clock went back by 7140 s"
    assert after(watch, bad(-89)).state is REGRESSED
    assert after(watch, *every(-89, -61)).state is PENDING
    assert after(watch, *every(-89, -60)).state is HELD


def test_a_clock_that_is_put_right_by_seconds_costs_nothing() -> None:
    watch = after(STABILITY, *every(1, 29))
    assert after(watch, good(28.5)) == watch
    assert after(watch, good(28.5), good(30)).state is HELD


def test_a_check_that_is_believed_to_fail_ends_it() -> None:
    watch = after(STABILITY, *every(1, 10), bad(11))
    assert (watch.state, watch.note) == (REGRESSED, "failing: login")


def test_an_end_is_an_end() -> None:
    held = after(STABILITY, *every(1, 30))
    assert after(held, bad(31)) == held
    regressed = after(STABILITY, bad(1))
    assert after(regressed, *every(2, 40)) == regressed
    superseded = msgspec.structs.replace(STABILITY, state=WatchState.SUPERSEDED)
    assert after(superseded, *every(1, 40)) == superseded


def test_a_gap_as_long_as_allowed_is_no_gap() -> None:
    assert after(STABILITY, good(1)).since == at(0)


def test_a_longer_gap_starts_the_period_anew() -> None:
    watch = after(STABILITY, *every(1, 20), good(22))
    assert (watch.since, watch.until, watch.samples) == (at(22), at(52), 2)
    assert watch.state is PENDING
    assert (watch.longest_gap_s, watch.note) == (0.0, "begun again after 120 s without a look")
    assert after(watch, *every(23, 51)).state is PENDING
    assert after(watch, *every(23, 52)).state is HELD


def test_a_machine_that_slept_through_it_holds_nothing() -> None:
    watch = after(STABILITY, good(45))
    assert (watch.state, watch.since, watch.until) == (PENDING, at(45), at(75))


def test_a_failure_after_a_gap_is_still_a_failure() -> None:
    assert after(STABILITY, good(1), bad(20)).state is REGRESSED


NOTHING_SEEN = {
    "nothing": None,
    "this machine was cut off": observation(failing("api", 2), minutes=2, connectivity=False),
    "cut off, yet all looks well": observation(health("api"), minutes=2, connectivity=False),
    "the failure is this machine's own": observation(
        health("api", HealthState.FAILING, since=2, own_fault=True), minutes=2
    ),
    "a check without a standing": observation(
        health("api"), health("login", HealthState.UNKNOWN), minutes=2
    ),
    "no checks": observation(minutes=2),
    "a look from before the period": good(-1),
    "a look that was counted already": good(1),
    "a look from before the last one": good(0.5),
}


@pytest.mark.parametrize("name", NOTHING_SEEN)
def test_what_says_nothing_changes_nothing(name: str) -> None:
    watch, look = after(STABILITY, good(1)), NOTHING_SEEN[name]
    present = max(at(1), look.at) if look is not None else at(1)
    assert advance(watch, look, present, GAP_S) == watch


def test_an_old_look_says_nothing_of_now() -> None:
    assert advance(STABILITY, good(1), at(2), GAP_S).samples == 2
    assert advance(STABILITY, good(1), at(2.1), GAP_S) == STABILITY
    assert advance(STABILITY, bad(1), at(2.1), GAP_S) == STABILITY


def test_a_soak_watches_its_service_only() -> None:
    look = observation(
        health("api"),
        failing("home", 1),
        minutes=1,
        belongs={"api": ("backend",), "home": ("frontend",)},
    )
    assert after(SOAK, look).samples == 1
    assert after(STABILITY, look).state is REGRESSED


def test_a_soak_of_a_service_without_checks_never_holds() -> None:
    look = observation(health("home"), minutes=1, belongs={"home": ("frontend",)})
    assert after(SOAK, look) == SOAK


def test_a_soak_counts_only_while_its_release_runs() -> None:
    assert after(SOAK, good(1, live="b")).samples == 2
    assert after(SOAK, good(1, live="c")) == SOAK
    assert after(STABILITY, good(1, live="c")).samples == 2


@pytest.mark.parametrize("live", [None, commit("b")])
@pytest.mark.parametrize(
    ("answering", "counts"),
    [
        ({"one": commit("b"), "two": commit("b")[:7]}, True),
        ({"one": None}, True),
        ({"one": commit("b"), "two": commit("c")}, False),
    ],
)
def test_a_soak_counts_only_while_no_instance_answers_another_release(
    live: str | None, answering: dict[str, str | None], *, counts: bool
) -> None:
    view = ServiceView(name="backend", live=live, answering=answering)
    look = msgspec.structs.replace(good(1), services={"backend": view})
    assert (after(SOAK, look) != SOAK) is counts


@given(st.lists(st.tuples(st.floats(0.1, 200), st.booleans()), max_size=60))
def test_held_only_after_a_whole_period_without_a_gap(steps: list[tuple[float, bool]]) -> None:
    """Whatever is seen: a held period is as long as asked for, and every gap in it is allowed."""
    watch, minutes = STABILITY, 0.0
    for step_s, ok in steps:
        minutes += step_s / 60
        look = good(minutes) if ok else observation(minutes=minutes)
        watch = advance(watch, look, at(minutes), GAP_S)
    assert watch.until - watch.since == timedelta(minutes=30)
    assert watch.longest_gap_s <= GAP_S
    if watch.state is HELD:
        assert watch.last_sample_at is not None
        assert watch.last_sample_at >= watch.until


@given(st.integers(1, 5), st.integers(0, 40))
def test_looking_often_enough_always_holds_in_the_end(every_s: int, offset_s: int) -> None:
    watch = msgspec.structs.replace(STABILITY, until=at(4))
    for second in range(offset_s, 240 + every_s + offset_s, every_s):
        watch = advance(watch, good(second / 60), at(second / 60), GAP_S)
    assert watch.state is HELD
