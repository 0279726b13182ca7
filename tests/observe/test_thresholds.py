from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from lastgood.model.check import CheckResult, Health, HealthState, Thresholds
from lastgood.observe.thresholds import advance

START = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
# g good, b bad, o our own fault
LETTERS = st.text("gbo", max_size=60)


def result(number: int, letter: str) -> CheckResult:
    return CheckResult(
        name="home",
        address="http://home/",
        at=START + timedelta(seconds=number),
        ok=letter == "g",
        error=None if letter == "g" else "down",
        own_fault=letter == "o",
    )


def after(letters: str, thresholds: Thresholds | None = None) -> Health:
    health = Health(name="home")
    for number, letter in enumerate(letters):
        health = advance(health, result(number, letter), thresholds or Thresholds())
    return health


def test_it_takes_three_failures_to_fail_and_two_good_looks_to_recover() -> None:
    assert after("").state is HealthState.UNKNOWN
    assert after("g").state is HealthState.UNKNOWN
    assert after("gg").state is HealthState.HEALTHY
    assert after("ggbb").state is HealthState.HEALTHY
    assert after("ggbbgbb").state is HealthState.HEALTHY
    assert after("ggbbb").state is HealthState.FAILING
    assert after("ggbbbg").state is HealthState.FAILING
    assert after("ggbbbgbg").state is HealthState.FAILING
    assert after("ggbbbgg").state is HealthState.HEALTHY


def test_an_outage_began_with_its_first_failure() -> None:
    failing = after("ggbbb")
    assert failing.failing_since == START + timedelta(seconds=2)
    assert failing.since == START + timedelta(seconds=4)
    assert after("ggbbbgb").failing_since == START + timedelta(seconds=2)
    assert after("ggbg").failing_since is None
    assert after("ggbbbgg").failing_since is None
    assert after("ggbbbgg").since == START + timedelta(seconds=6)


def test_our_own_fault_counts_for_nothing_and_is_shown() -> None:
    health = after("ggooooo")
    assert health.state is HealthState.HEALTHY
    assert health.streak == 2
    assert health.last is not None
    assert health.last.own_fault
    assert after("ooo").state is HealthState.UNKNOWN


@given(LETTERS)
def test_our_own_faults_change_nothing_anywhere(letters: str) -> None:
    with_faults, without = after(letters), after(letters.replace("o", ""))
    assert (with_faults.state, with_faults.streak, with_faults.streak_ok) == (
        without.state,
        without.streak,
        without.streak_ok,
    )


@given(LETTERS, st.integers(1, 5), st.integers(1, 5))
def test_a_standing_rests_on_enough_equal_results_in_a_row(
    letters: str, fail_after: int, recover_after: int
) -> None:
    thresholds = Thresholds(fail_after=fail_after, recover_after=recover_after)
    counted = letters.replace("o", "")
    state = after(letters, thresholds).state
    fails, recovers = counted.rfind("b" * fail_after), counted.rfind("g" * recover_after)
    if fails < 0 and recovers < 0:
        assert state is HealthState.UNKNOWN
    else:
        assert state is (HealthState.FAILING if fails > recovers else HealthState.HEALTHY)


@given(LETTERS)
def test_what_fails_has_a_beginning_and_what_is_healthy_has_a_since(letters: str) -> None:
    health = after(letters)
    if health.state is HealthState.FAILING:
        assert health.failing_since is not None
    assert (health.since is None) is (health.state is HealthState.UNKNOWN)
    assert health.streak <= len(letters)
