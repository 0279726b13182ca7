"""Whether the deployment is the likely cause, and what that does to the verdict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from lastgood.judge.judge import judge
from lastgood.model.policy import Policy
from lastgood.model.release import Release, Standing
from lastgood.model.statement import Statement
from lastgood.model.verdict import Decision
from lastgood.testing.nouns import START, failing, health, observation, release, share

if TYPE_CHECKING:
    from lastgood.model.observation import Observation

ROLLBACK, MONITOR = Decision.ROLLBACK, Decision.MONITOR
INSUFFICIENT = Decision.INSUFFICIENT_EVIDENCE
STATED = Statement(affected=0.9)

GOOD = release("a", minutes=-6000)
CANDIDATE = release("b", Standing.CANDIDATE, minutes=-5)


@dataclass(frozen=True)
class Case:
    """What is seen, and the verdicts from the observation alone and when a person states it."""

    seen: Observation
    alone: Decision
    stated: Decision
    releases: tuple[Release, ...] = (GOOD, CANDIDATE)
    services: tuple[str, ...] | None = None


def down(since: float, live: str | None = "b", live_since: float | None = -5.0) -> Observation:
    """Everything fails since a minute; the live release went live at another."""
    return observation(failing("api", since), services={"backend": (live, live_since)})


def bad_share(live_since: float, minutes: float = 0) -> Observation:
    """Users are surely affected in the minute before; no check fails."""
    return observation(
        health("api"),
        signal=share(0.6, 0.9, minutes=minutes),
        services={"backend": ("b", live_since)},
    )


CASES = {
    "it began right after the deployment": Case(
        down(-4), ROLLBACK, ROLLBACK, services=("backend",)
    ),
    "it began while the deployment was going on": Case(down(-13), ROLLBACK, ROLLBACK),
    "it began before the deployment": Case(down(-13.1), MONITOR, MONITOR),
    "it began late, but within six hours": Case(down(-1, live_since=-361), ROLLBACK, ROLLBACK),
    "it ran well for over six hours": Case(down(-1, live_since=-361.1), MONITOR, ROLLBACK),
    "nobody knows since when it is live": Case(down(-4, live_since=None), INSUFFICIENT, ROLLBACK),
    "nobody knows what is live": Case(down(-4, live=None), INSUFFICIENT, ROLLBACK),
    "the service was not looked at": Case(
        observation(failing("api", -4), services={}), INSUFFICIENT, ROLLBACK
    ),
    "nothing is known good": Case(down(-4), INSUFFICIENT, ROLLBACK, (CANDIDATE,)),
    "only what runs is known good": Case(down(-4), MONITOR, ROLLBACK, (release("b", minutes=-5),)),
    "only the tree that runs is known good": Case(
        down(-4), MONITOR, ROLLBACK, (GOOD, release("b", Standing.CANDIDATE, same_tree_as="a"))
    ),
    "what runs is known good, and so is an older one": Case(
        down(-4), ROLLBACK, ROLLBACK, (GOOD, release("b", minutes=-5))
    ),
    "another service's release does not count": Case(
        down(-4), INSUFFICIENT, ROLLBACK, (release("a", service="frontend"), CANDIDATE)
    ),
    "the share tells of it": Case(bad_share(-5), ROLLBACK, ROLLBACK, services=("backend",)),
    "the share's window reaches back over the deployment": Case(
        bad_share(-0.2), ROLLBACK, ROLLBACK
    ),
    "a long window that begins before the deployment acquits nobody": Case(
        observation(
            health("api"),
            signal=share(0.6, 0.9, since=-20),
            services={"backend": ("b", -5.0)},
        ),
        ROLLBACK,
        ROLLBACK,
    ),
    "the share of a release that ran well for long": Case(bad_share(-361.1), MONITOR, ROLLBACK),
    "an attempted fix does not acquit the bad release": Case(
        down(-29, live="c", live_since=-5),
        ROLLBACK,
        ROLLBACK,
        (
            GOOD,
            release("b", Standing.CANDIDATE, minutes=-30),
            release("c", Standing.CANDIDATE, minutes=-5),
        ),
    ),
    "an import is no deployment": Case(
        down(-29, live="c", live_since=-5),
        MONITOR,
        MONITOR,
        (GOOD, release("b", Standing.UNKNOWN, minutes=-30)),
    ),
    "what a rollback put live is no suspect": Case(
        down(-29, live="c", live_since=-5),
        MONITOR,
        ROLLBACK,
        (
            GOOD,
            release("b", Standing.BAD, minutes=-500),
            release("d", Standing.CANDIDATE, minutes=-30, same_tree_as="a"),
            release("c", Standing.CANDIDATE, minutes=-5),
        ),
    ),
    "what was deployed before the known good one is no suspect": Case(
        down(-29, live="c", live_since=-5),
        MONITOR,
        MONITOR,
        (release("b", Standing.BAD, minutes=-31), release("a", minutes=-30)),
    ),
    "after a rollback, what began before it is not its doing": Case(
        down(-29, live="a", live_since=-5),
        MONITOR,
        MONITOR,
        (GOOD, release("e", minutes=-9000), release("b", Standing.BAD, minutes=-30)),
    ),
    "a check that has been broken for days acquits nobody": Case(
        observation(failing("old", -9000), failing("api", -4), services={"backend": ("b", -5.0)}),
        ROLLBACK,
        ROLLBACK,
    ),
    "one of two services came with it": Case(
        observation(
            failing("api", -4),
            failing("home", -4),
            belongs={"api": ("backend",), "home": ("frontend",)},
            services={"backend": ("b", -5.0), "frontend": ("f", -9000.0)},
        ),
        ROLLBACK,
        ROLLBACK,
        (GOOD, CANDIDATE, release("d", service="frontend")),
        services=("backend",),
    ),
    "one began before, of the other nobody knows": Case(
        observation(
            failing("api", -60),
            failing("home", -60),
            belongs={"api": ("backend",), "home": ("frontend",)},
            services={"backend": ("b", -5.0), "frontend": (None, None)},
        ),
        INSUFFICIENT,
        ROLLBACK,
        services=("backend", "frontend"),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_an_observation_alone_has_to_be_attributed(name: str) -> None:
    case = CASES[name]
    verdict = judge(Policy(), Statement(), case.seen, case.releases, START)
    assert verdict.decision is case.alone, verdict.path
    if case.services is not None:
        assert verdict.services == case.services


@pytest.mark.parametrize("name", CASES)
def test_only_evidence_against_the_deployment_turns_a_statement(name: str) -> None:
    case = CASES[name]
    verdict = judge(Policy(), STATED, case.seen, case.releases, START)
    assert verdict.decision is case.stated, verdict.path


ALONE = [Statement(security=True), Statement(corruption=True), Statement(data_loss=True)]


@pytest.mark.parametrize("statement", ALONE)
def test_what_decides_on_its_own_is_never_turned(statement: Statement) -> None:
    verdict = judge(Policy(), statement, down(-60), (GOOD, CANDIDATE), START)
    assert verdict.decision is ROLLBACK
    assert any("before its release was deployed" in reason for reason in verdict.reasons)


def test_a_stated_outage_is_turned_by_evidence_against() -> None:
    verdict = judge(Policy(), Statement(outage_s=3600), down(-60), (GOOD, CANDIDATE), START)
    assert verdict.decision is MONITOR


def test_a_stated_share_does_not_speak_for_an_observed_outage() -> None:
    """The outage was seen, not stated: it has to be attributed whatever else was said."""
    seen = down(-11, live_since=None)
    verdict = judge(Policy(), Statement(affected=0.1), seen, (GOOD, CANDIDATE), START)
    assert verdict.decision is INSUFFICIENT


def test_a_share_alone_takes_no_known_good_release_back_while_another_is_doubtful() -> None:
    """Users fail, no check does: the release that soaked five hours ago is not to be blamed."""
    releases = (
        GOOD,
        CANDIDATE,
        release("c", minutes=-9000, service="frontend"),
        release("d", minutes=-300, service="frontend"),
    )
    seen = observation(
        health("api"),
        signal=share(0.6, 0.9),
        services={"backend": ("b", -5.0), "frontend": ("d", -300.0)},
    )
    verdict = judge(Policy(), Statement(), seen, releases, START)
    assert verdict.decision is ROLLBACK
    assert verdict.services == ("backend",)
    alone = observation(
        health("api"),
        signal=share(0.6, 0.9),
        services={"backend": ("a", -6000.0), "frontend": ("d", -300.0)},
    )
    assert judge(Policy(), Statement(), alone, releases, START).services == ("frontend",)


def test_a_known_good_service_that_fails_with_a_doubtful_one_is_left_alone() -> None:
    releases = (
        GOOD,
        CANDIDATE,
        release("c", minutes=-9000, service="frontend"),
        release("d", minutes=-300, service="frontend"),
    )
    seen = observation(
        failing("api", -4),
        failing("home", -4),
        belongs={"api": ("backend",), "home": ("frontend",)},
        services={"backend": ("b", -5.0), "frontend": ("d", -300.0)},
    )
    verdict = judge(Policy(), Statement(), seen, releases, START)
    assert verdict.services == ("backend",)
    assert "what runs of frontend is known good itself" in " ".join(verdict.reasons)


def test_a_check_that_is_broken_anyway_does_not_hide_the_release_that_users_fail_by() -> None:
    releases = (GOOD, CANDIDATE, release("d", minutes=-9000, service="search"))
    seen = observation(
        health("api"),
        failing("find", -4),
        signal=share(0.6, 0.9),
        belongs={"api": ("backend",), "find": ("search",)},
        services={"backend": ("b", -5.0), "search": ("d", -9000.0)},
    )
    verdict = judge(Policy(), Statement(), seen, releases, START)
    assert verdict.decision is ROLLBACK
    assert verdict.services == ("backend",)
