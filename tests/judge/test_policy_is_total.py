"""Whatever comes in, exactly one verdict comes out, and more harm never means less."""

from __future__ import annotations

from datetime import timedelta

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from lastgood.judge.judge import judge
from lastgood.model.check import Health, HealthState
from lastgood.model.noun import from_json, to_json
from lastgood.model.observation import Observation, ServiceView
from lastgood.model.policy import Policy
from lastgood.model.release import Release, Standing
from lastgood.model.signal import USERS_AFFECTED, Signal
from lastgood.model.statement import Statement
from lastgood.model.verdict import Decision, Verdict
from lastgood.testing.nouns import ENVIRONMENT, START, at, commit, release

SERVICES = ("backend", "frontend")
SHARES = st.floats(0, 1)
SECONDS = st.one_of(st.sampled_from([0.0, 599.9, 600.0, 600.1]), st.floats(0, 1e9))
MINUTES = st.floats(-10_000, 10)


def maybe(values: st.SearchStrategy[float]) -> st.SearchStrategy[float | None]:
    return st.none() | values


STATEMENTS = st.builds(
    Statement,
    affected=maybe(SHARES),
    security=st.booleans(),
    corruption=st.booleans(),
    data_loss=st.booleans(),
    outage_s=maybe(SECONDS),
    failed_deployment=st.booleans(),
    failed_migration=st.booleans(),
    hotfix_in_s=maybe(SECONDS),
    by=st.sampled_from(["", "ada"]),
)
POLICIES = st.builds(
    Policy, rollback_over_share=SHARES, outage_over_s=SECONDS, hotfix_under_s=SECONDS
)
RELEASES = st.lists(
    st.builds(
        release,
        st.sampled_from("abc"),
        st.sampled_from(Standing),
        minutes=MINUTES,
        service=st.sampled_from(SERVICES),
        same_tree_as=st.none() | st.sampled_from("abc"),
    ),
    max_size=5,
)


@st.composite
def signals(draw: st.DrawFn) -> Signal:
    low, high = sorted((draw(SHARES), draw(SHARES)))
    blank = draw(st.booleans())
    when = draw(MINUTES)
    return Signal(
        name=draw(st.sampled_from([USERS_AFFECTED, "other"])),
        source="log",
        at=at(when),
        since=draw(st.none() | st.just(at(when - 1))),
        value=None if blank else (low + high) / 2,
        low=None if blank else low,
        high=None if blank else high,
        n=draw(st.integers(0, 500)),
        failed=draw(st.integers(0, 500)),
        age_s=draw(maybe(st.floats(0, 100))),
        error=draw(st.sampled_from([None, "no such file"])),
    )


@st.composite
def observations(draw: st.DrawFn) -> Observation:
    names = draw(st.lists(st.sampled_from(["api", "login", "home"]), unique=True))
    services = draw(st.lists(st.sampled_from(SERVICES), unique=True))
    healths = {
        name: Health(
            name=name,
            state=draw(st.sampled_from(HealthState)),
            failing_since=draw(st.none() | MINUTES.map(at)),
        )
        for name in names
    }
    views = {
        name: ServiceView(
            name=name,
            live=draw(st.none() | st.sampled_from("abc").map(commit)),
            live_since=draw(st.none() | MINUTES.map(at)),
        )
        for name in services
    }
    return Observation(
        environment=ENVIRONMENT,
        at=at(draw(st.floats(-2, 0))),
        healths=healths,
        signals=tuple(draw(st.lists(signals(), max_size=2))),
        services=views,
        check_services={
            name: tuple(draw(st.lists(st.sampled_from(SERVICES), unique=True))) for name in names
        },
        connectivity=draw(st.sampled_from([None, True, False])),
    )


@given(POLICIES, STATEMENTS, st.none() | observations(), RELEASES)
def test_every_combination_has_exactly_one_verdict(
    policy: Policy, statement: Statement, seen: Observation | None, releases: list[Release]
) -> None:
    verdict = judge(policy, statement, seen, releases, START)
    assert verdict.decision in Decision
    assert verdict == judge(policy, statement, seen, releases, START)
    assert verdict.path
    assert verdict.reasons
    assert (verdict.method is None) == (verdict.decision is Decision.INSUFFICIENT_EVIDENCE)
    assert from_json(to_json(verdict), Verdict) == verdict


@given(STATEMENTS)
def test_the_four_on_their_own(statement: Statement) -> None:
    decision = judge(Policy(), statement, None, [], START).decision
    over = statement.outage_s is not None and statement.outage_s > 600
    if statement.security or statement.corruption or statement.data_loss or over:
        assert decision is Decision.ROLLBACK


@given(SHARES, maybe(SECONDS))
def test_the_share_alone_follows_the_tree(share: float, hotfix: float | None) -> None:
    decision = judge(
        Policy(), Statement(affected=share, hotfix_in_s=hotfix), None, [], START
    ).decision
    if share <= 0.5:
        assert decision is Decision.MONITOR
    elif hotfix is not None and hotfix < 600:
        assert decision is Decision.HOTFIX
    else:
        assert decision is Decision.ROLLBACK


GRAVITY = [Decision.MONITOR, Decision.HOTFIX, Decision.ROLLBACK]


@given(STATEMENTS, SHARES, SHARES)
def test_more_users_affected_is_never_judged_milder(
    statement: Statement, one: float, other: float
) -> None:
    fewer, more = sorted((one, other))
    mild, grave = (
        judge(Policy(), msgspec.structs.replace(statement, affected=a), None, [], START).decision
        for a in (fewer, more)
    )
    assert GRAVITY.index(grave) >= GRAVITY.index(mild)


@given(observations(), RELEASES)
def test_a_blind_machine_has_seen_nothing(seen: Observation, releases: list[Release]) -> None:
    blind = msgspec.structs.replace(seen, connectivity=False)
    verdict = judge(Policy(), Statement(), blind, releases, START + timedelta(days=1))
    assert verdict.decision is Decision.INSUFFICIENT_EVIDENCE
