"""The policy as a table: what is stated and seen, and the verdict."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec
import pytest

from lastgood.judge.judge import ANSWERS, judge
from lastgood.judge.tree import TREE, Says
from lastgood.model.check import HealthState
from lastgood.model.policy import Policy
from lastgood.model.release import Standing
from lastgood.model.statement import Statement
from lastgood.model.verdict import Damage, Decision, Method
from lastgood.testing.nouns import START, at, failing, health, observation, release, share

if TYPE_CHECKING:
    from lastgood.model.check import Health
    from lastgood.model.observation import Observation
    from lastgood.model.release import Release
    from lastgood.model.verdict import Verdict

POLICY = Policy()
ROLLBACK, HOTFIX, MONITOR = Decision.ROLLBACK, Decision.HOTFIX, Decision.MONITOR
INSUFFICIENT = Decision.INSUFFICIENT_EVIDENCE

# A good release, and a bad one that went live five minutes ago.
GOOD, BAD = release("a", minutes=-600), release("b", Standing.CANDIDATE, minutes=-5)
LIVE = {"backend": ("b", -5.0)}


def decide(statement: Statement | None = None, seen: Observation | None = None) -> Verdict:
    return judge(POLICY, statement or Statement(), seen, [GOOD, BAD], START)


@dataclass(frozen=True)
class Stated:
    name: str
    decision: Decision
    statement: Statement = field(default_factory=Statement)


STATED = [
    Stated("nothing at all", INSUFFICIENT),
    Stated("a name is not a statement", INSUFFICIENT, Statement(by="ada")),
    Stated("a security issue", ROLLBACK, Statement(security=True)),
    Stated("corruption", ROLLBACK, Statement(corruption=True)),
    Stated("data loss", ROLLBACK, Statement(data_loss=True)),
    Stated("security, however few", ROLLBACK, Statement(security=True, affected=0.01)),
    Stated("corruption, however few", ROLLBACK, Statement(corruption=True, affected=0.01)),
    Stated("data loss, however few", ROLLBACK, Statement(data_loss=True, affected=0.0)),
    Stated("security before a hotfix", ROLLBACK, Statement(security=True, hotfix_in_s=60)),
    Stated("nobody affected", MONITOR, Statement(affected=0.0)),
    Stated("half is not over half", MONITOR, Statement(affected=0.5)),
    Stated("just over half", ROLLBACK, Statement(affected=0.501)),
    Stated("everybody", ROLLBACK, Statement(affected=1.0)),
    Stated("over half, hotfix soon", HOTFIX, Statement(affected=0.6, hotfix_in_s=599.9)),
    Stated("a hotfix in exactly ten min", ROLLBACK, Statement(affected=0.6, hotfix_in_s=600)),
    Stated("a hotfix too late", ROLLBACK, Statement(affected=0.6, hotfix_in_s=601)),
    Stated("a hotfix at once", HOTFIX, Statement(affected=0.6, hotfix_in_s=0)),
    Stated("few affected, hotfix soon", MONITOR, Statement(affected=0.4, hotfix_in_s=60)),
    Stated("an outage over ten minutes", ROLLBACK, Statement(outage_s=600.1)),
    Stated("a long outage before a hotfix", ROLLBACK, Statement(outage_s=601, hotfix_in_s=60)),
    Stated("ten minutes are not over ten", MONITOR, Statement(outage_s=600)),
    Stated("a short outage", MONITOR, Statement(outage_s=5)),
    Stated("a short outage of all", ROLLBACK, Statement(outage_s=5, affected=1.0)),
    Stated("a long outage, few affected", ROLLBACK, Statement(outage_s=601, affected=0.1)),
    Stated("only that it failed", INSUFFICIENT, Statement(failed_deployment=True)),
    Stated("only that migrating failed", INSUFFICIENT, Statement(failed_migration=True)),
    Stated("only a hotfix", INSUFFICIENT, Statement(hotfix_in_s=60)),
]


@pytest.mark.parametrize("case", STATED, ids=lambda case: case.name)
def test_what_a_person_states(case: Stated) -> None:
    assert decide(case.statement).decision is case.decision


@dataclass(frozen=True)
class Seen:
    name: str
    decision: Decision
    seen: Observation
    statement: Statement = field(default_factory=Statement)


SICK = failing("api", since=-4)
LONG_SICK = failing("api", since=-10.1)
LIVE_LONG_SICK = {"backend": ("b", -11.0)}
BOTH = {"api": ("backend",), "home": ("frontend",)}

SEEN = [
    Seen("no checks, no signals", INSUFFICIENT, observation()),
    Seen("no check has a standing", INSUFFICIENT, observation(health("api", HealthState.UNKNOWN))),
    Seen("all is well", MONITOR, observation(health("api"), services=LIVE)),
    Seen("surely over half", ROLLBACK, observation(signal=share(0.51, 0.9), services=LIVE)),
    Seen(
        "the lower end at the threshold is not over",
        INSUFFICIENT,
        observation(signal=share(0.5, 0.9), services=LIVE),
    ),
    Seen("surely not over half", MONITOR, observation(signal=share(0.1, 0.49), services=LIVE)),
    Seen(
        "the upper end at the threshold is surely not over",
        MONITOR,
        observation(signal=share(0.1, 0.5), services=LIVE),
    ),
    Seen(
        "a naked percentage decides nothing",
        INSUFFICIENT,
        observation(signal=share(0.2, 0.99, n=5, failed=4), services=LIVE),
    ),
    Seen(
        "healthy checks do not outvote users who may be affected",
        INSUFFICIENT,
        observation(health("api"), signal=share(0.2, 0.99, n=5, failed=4), services=LIVE),
    ),
    Seen(
        "few users, none affected, healthy checks",
        MONITOR,
        observation(health("api"), signal=share(0.0, 0.8, n=3, failed=0), services=LIVE),
    ),
    Seen(
        "few users, none affected, no checks",
        INSUFFICIENT,
        observation(signal=share(0.0, 0.8, n=3, failed=0), services=LIVE),
    ),
    Seen(
        "thirty seconds old is fresh",
        ROLLBACK,
        observation(signal=share(0.6, 0.9, age_s=30), services=LIVE),
    ),
    Seen(
        "older is stale",
        INSUFFICIENT,
        observation(signal=share(0.6, 0.9, age_s=30.1), services=LIVE),
    ),
    Seen(
        "fresh when read, but read a while ago",
        INSUFFICIENT,
        observation(signal=share(0.6, 0.9, age_s=1), services=LIVE, minutes=-0.5),
    ),
    Seen(
        "a share without an age",
        INSUFFICIENT,
        observation(signal=share(0.6, 0.9, age_s=None), services=LIVE),
    ),
    Seen(
        "another signal is not the share of users",
        INSUFFICIENT,
        observation(signal=share(0.6, 0.9, name="slow_requests"), services=LIVE),
    ),
    Seen(
        "over half, a hotfix is near",
        HOTFIX,
        observation(signal=share(0.6, 0.9), services=LIVE),
        Statement(hotfix_in_s=120),
    ),
    Seen("everything is down", ROLLBACK, observation(SICK, services=LIVE)),
    Seen(
        "everything is down, and no traffic",
        ROLLBACK,
        observation(SICK, signal=share(None, None, n=0, age_s=None), services=LIVE),
    ),
    Seen(
        "everything looks down, but most users are served",
        MONITOR,
        observation(SICK, signal=share(0.0, 0.2), services=LIVE),
    ),
    Seen(
        "out for long, but most users are served",
        MONITOR,
        observation(LONG_SICK, signal=share(0.0, 0.5), services=LIVE_LONG_SICK),
    ),
    Seen(
        "out for long, and a hotfix is near",
        ROLLBACK,
        observation(LONG_SICK, services=LIVE_LONG_SICK),
        Statement(hotfix_in_s=60),
    ),
    Seen(
        "out for ten minutes, and a hotfix is near",
        HOTFIX,
        observation(failing("api", since=-10), services=LIVE_LONG_SICK),
        Statement(hotfix_in_s=60),
    ),
    Seen(
        "an outage counts from when the last check failed",
        HOTFIX,
        observation(LONG_SICK, failing("login", since=-9), services=LIVE_LONG_SICK),
        Statement(hotfix_in_s=60),
    ),
    Seen(
        "one of two checks fails, no share is measured",
        INSUFFICIENT,
        observation(SICK, health("login"), services=LIVE),
    ),
    Seen(
        "one service is out, the other is not: wait for the threshold",
        MONITOR,
        observation(SICK, health("home"), belongs=BOTH, services=LIVE),
    ),
    Seen(
        "one service is out for too long",
        ROLLBACK,
        observation(LONG_SICK, health("home"), belongs=BOTH, services=LIVE_LONG_SICK),
    ),
    Seen(
        "a check without a standing is no proof of a total outage",
        INSUFFICIENT,
        observation(SICK, health("login", HealthState.UNKNOWN), services=LIVE),
    ),
    Seen(
        "this machine was cut off",
        INSUFFICIENT,
        observation(SICK, signal=share(0.6, 0.9), services=LIVE_LONG_SICK, connectivity=False),
    ),
    Seen(
        "this machine was cut off while that check failed",
        INSUFFICIENT,
        observation(health("api", HealthState.FAILING, since=-4, own_fault=True), services=LIVE),
    ),
    Seen(
        "cut off, but a person knows",
        ROLLBACK,
        observation(SICK, services=LIVE, connectivity=False),
        Statement(affected=0.6),
    ),
    Seen(
        "connectivity was not asked",
        ROLLBACK,
        observation(SICK, services=LIVE, connectivity=None),
    ),
    Seen(
        "a person says few, the measurement says many",
        MONITOR,
        observation(signal=share(0.6, 0.9), services=LIVE),
        Statement(affected=0.1),
    ),
    Seen(
        "a person says many, all looks well from here",
        ROLLBACK,
        observation(health("api"), services=LIVE),
        Statement(affected=0.9),
    ),
]


@pytest.mark.parametrize("case", SEEN, ids=lambda case: case.name)
def test_what_is_seen(case: Seen) -> None:
    verdict = decide(case.statement, case.seen)
    assert verdict.decision is case.decision, verdict.path


@dataclass(frozen=True)
class Way:
    statement: Statement
    method: Method | None
    seen: Observation | None = None


TWO_SICK = observation(
    SICK, failing("home", since=-4), belongs=BOTH, services={**LIVE, "frontend": ("b", -5.0)}
)
METHODS = {
    "none without a verdict": Way(Statement(), None),
    "auto": Way(Statement(affected=0.6), Method.AUTO),
    "security": Way(Statement(security=True), Method.AUTO),
    "failed deployment": Way(Statement(affected=0.6, failed_deployment=True), Method.CI),
    "failed migration": Way(Statement(affected=0.6, failed_migration=True), Method.DATABASE),
    "corruption": Way(Statement(corruption=True), Method.DATABASE),
    "data loss": Way(Statement(data_loss=True), Method.DATABASE),
    "deployment and migration": Way(
        Statement(affected=0.6, failed_deployment=True, failed_migration=True), Method.DATABASE
    ),
    "one service": Way(Statement(), Method.AUTO, observation(SICK, services=LIVE)),
    "two services": Way(Statement(), Method.FULL, TWO_SICK),
    "two services and corruption": Way(Statement(corruption=True), Method.FULL, TWO_SICK),
    "prepared while monitoring": Way(Statement(affected=0.1, failed_deployment=True), Method.CI),
}


@pytest.mark.parametrize("name", METHODS)
def test_the_method_is_the_widest_that_is_needed(name: str) -> None:
    way = METHODS[name]
    assert decide(way.statement, way.seen).method is way.method


def test_the_path_holds_every_branch_with_what_it_rests_on() -> None:
    seen = observation(health("api"), signal=share(0.55, 0.7, n=240, failed=150), services=LIVE)
    verdict = decide(Statement(by="ada", hotfix_in_s=900), seen)
    assert [(b.question, b.answer) for b in verdict.path] == [
        ("Is anything stated or seen?", "yes"),
        ("Is it a security issue?", "no"),
        ("Is data corrupted?", "no"),
        ("Is data lost?", "no"),
        ("Is it a complete outage of more than 10 min?", "no"),
        ("Are more than 50 % of the users affected?", "yes"),
        ("Can it be hotfixed in under 10 min?", "no"),
        ("Is the live release the likely cause?", "yes"),
    ]
    said = {b.question: b.because for b in verdict.path}
    assert said["Are more than 50 % of the users affected?"] == (
        "62.5 % of users affected (55 to 70 %, n = 240)"
    )
    assert said["Can it be hotfixed in under 10 min?"] == "a hotfix in 15 min, stated by ada"
    assert verdict.services == ("backend",)


def test_the_evidence_holds_what_was_stated_measured_and_seen() -> None:
    signal = share(0.55, 0.7, n=240, failed=150)
    verdict = decide(
        Statement(by="ada", affected=0.0, outage_s=12),
        observation(SICK, signal=signal, services=LIVE),
    )
    evidence = {e.name: e for e in verdict.evidence}
    assert set(evidence) == {"affected", "outage_s", "users_affected", "api", "live:backend"}
    assert (evidence["affected"].value, evidence["affected"].source) == (0.0, "stated by ada")
    measured = evidence["users_affected"]
    assert (measured.value, measured.low, measured.high, measured.n, measured.source) == (
        0.625,
        0.55,
        0.7,
        240,
        "access.json",
    )
    assert (evidence["api"].value, evidence["api"].n) == ("failing", 3)
    assert evidence["live:backend"].value == "b" * 40


def test_the_first_reason_is_what_decided() -> None:
    reasons = {
        "60 % of users affected, stated by ada": Statement(affected=0.6, by="ada"),
        "50 % of users affected, stated by a person: not over 50 %": Statement(affected=0.5),
        "a security issue, stated by a person": Statement(security=True),
        "11 min of outage, stated by a person": Statement(outage_s=660),
        "nothing is stated, no check has a standing, no share is measured": Statement(),
    }
    assert [decide(statement).reasons[0] for statement in reasons.values()] == list(reasons)


def test_the_reasons_of_a_total_outage_are_short_and_name_no_file() -> None:
    signal = share(None, None, n=0, age_s=None)
    down = observation(SICK, signal=signal, services=LIVE)
    verdict = decide(Statement(), down)
    assert verdict.decision is ROLLBACK
    assert verdict.reasons[0] == "every check fails (1)"
    assert "whether this machine itself has a connection was not checked" not in verdict.reasons
    unsure = decide(Statement(), msgspec.structs.replace(down, connectivity=None))
    assert unsure.reasons[0] == "every check fails (1)"
    assert "whether this machine itself has a connection was not checked" in unsure.reasons
    assert not any(signal.source in reason for reason in unsure.reasons)


def test_a_blind_machine_says_so_beside_a_statement() -> None:
    verdict = decide(Statement(affected=0.6), observation(SICK, connectivity=False))
    assert "this machine reached nothing at all: nothing was observed" in verdict.reasons


def test_what_contradicts_a_statement_is_said_beside_it() -> None:
    verdict = decide(
        Statement(affected=0.9),
        observation(health("api"), signal=share(0.0, 0.1, failed=0), services=LIVE),
    )
    text = " | ".join(verdict.reasons)
    assert "measured: 0 % of users affected (0 to 10 %, n = 200)" in text
    assert "every check is healthy as seen from here" in text


@pytest.mark.parametrize(
    ("seen", "because"),
    [
        (
            observation(SICK, signal=share(0.0, 0.2), services=LIVE),
            "checks fail, but the traffic shows that most users are served",
        ),
        (
            observation(health("api"), signal=share(0.0, 0.2), services=LIVE),
            "no service has all of its checks failing",
        ),
        (
            observation(SICK, health("login"), services=LIVE),
            "no service has all of its checks failing",
        ),
        (observation(signal=share(0.0, 0.2), services=LIVE), "not stated"),
    ],
)
def test_why_it_is_no_outage(seen: Observation, because: str) -> None:
    assert decide(Statement(), seen).path[4].because == because


UNMEASURED = {
    "the share of users affected is neither stated nor measured": None,
    "the share of users affected was not measured: no such file": msgspec.structs.replace(
        share(None, None), error="no such file"
    ),
    "the share of users affected was not measured: there are no requests": share(
        None, None, n=0, age_s=None
    ),
    "the newest request that was measured is 31 s old": share(0.6, 0.9, age_s=31),
}


@pytest.mark.parametrize("because", UNMEASURED)
def test_why_the_share_is_not_known(because: str) -> None:
    seen = observation(SICK, health("login"), signal=UNMEASURED[because], services=LIVE)
    verdict = decide(Statement(), seen)
    assert verdict.path[5].because == f"{because}; 1 of 2 checks fail"
    assert "state what you know" in verdict.reasons[-1]


STARTS = {
    "nothing is known": (Statement(), None, None),
    "the first check that failed": (
        Statement(),
        observation(SICK, failing("login", since=-3), services=LIVE),
        at(-4),
    ),
    "not what was broken before the release": (
        Statement(),
        observation(failing("old", since=-5000), SICK, services=LIVE),
        at(-4),
    ),
    "the first failure that the share counts": (
        Statement(),
        observation(signal=share(0.6, 0.9, failed_since=-0.3), services=LIVE),
        at(-0.3),
    ),
    "what showed while the release was still being deployed": (
        Statement(),
        observation(failing("old", since=-5000), failing("api", since=-12), services=LIVE),
        at(-12),
    ),
    "the window of the share": (
        Statement(),
        observation(signal=share(0.6, 0.9), services=LIVE),
        at(-1),
    ),
    "what a person says": (Statement(outage_s=720), None, at(-12)),
    "the earlier of both": (Statement(outage_s=60), observation(SICK, services=LIVE), at(-4)),
    "longer than time itself": (Statement(outage_s=1e15), None, None),
    "all is well": (Statement(), observation(health("api"), signal=share(0, 0.1, failed=0)), None),
}


@pytest.mark.parametrize("name", STARTS)
def test_when_the_impact_began(name: str) -> None:
    statement, seen, expected = STARTS[name]
    assert decide(statement, seen).impact_start == expected


def test_the_thresholds_are_the_policys() -> None:
    policy = Policy(rollback_over_share=0.2, outage_over_s=60, hotfix_under_s=120)

    def says(statement: Statement) -> Decision:
        return judge(policy, statement, None, [], START).decision

    assert says(Statement(affected=0.2)) is MONITOR
    assert says(Statement(affected=0.21)) is ROLLBACK
    assert says(Statement(outage_s=60)) is MONITOR
    assert says(Statement(outage_s=61)) is ROLLBACK
    assert says(Statement(affected=0.3, hotfix_in_s=120)) is ROLLBACK
    assert says(Statement(affected=0.3, hotfix_in_s=119)) is HOTFIX


def test_the_table_is_whole_and_leads_only_downward() -> None:
    names = [row.name for row in TREE]
    assert len(set(names)) == len(names)
    assert set(names) == set(ANSWERS)
    for place, row in enumerate(TREE):
        for says in Says:
            end = row.leads_to(says)
            assert isinstance(end, Decision) or end in names[place + 1 :]


FEW = share(0.01, 0.09, n=600, failed=30)
ONLY = release("b", minutes=-5)
"""The one known good release, and it is what runs."""


def test_the_odd_failed_request_has_no_cause_to_name() -> None:
    verdict = decide(Statement(), observation(health("api"), signal=FEW, services=LIVE))
    assert verdict.decision is MONITOR
    assert verdict.reasons[1:] == ("monitor closely and keep the rollback prepared",)


def test_a_share_does_not_say_which_service_failed() -> None:
    high = share(0.55, 0.7, n=240, failed=150)
    verdict = decide(Statement(), observation(health("api"), signal=high, services=LIVE))
    assert verdict.path[-1].because.startswith("requests of users failed within ")
    assert verdict.path[-1].because.endswith(" of backend's deployment")


def test_a_word_that_stands_alone_is_not_said_to_be_uncontested() -> None:
    seen = observation(health("api"), services=LIVE)
    verdict = judge(Policy(), Statement(affected=0.6), seen, (ONLY,), START)
    assert verdict.decision is ROLLBACK
    assert verdict.path[-1].because == (
        "a person's word stands; backend runs its only known good release"
    )


@pytest.mark.parametrize("releases", [(), (ONLY,)])
def test_that_there_is_nowhere_to_go_back_to_is_said(releases: tuple[Release, ...]) -> None:
    seen = observation(health("api"), services=LIVE)
    verdict = judge(Policy(), Statement(security=True), seen, releases, START)
    assert verdict.decision is ROLLBACK
    assert "`lastgood rollback --to REVISION`" in verdict.reasons[-1]


def test_when_the_release_is_not_the_cause_other_changes_are_to_be_looked_for() -> None:
    verdict = judge(Policy(), Statement(), observation(SICK, services=LIVE), (ONLY,), START)
    assert verdict.decision is MONITOR
    assert "look at what else changed" in verdict.reasons[-1]


def test_that_all_is_healthy_is_said_once() -> None:
    seen = observation(health("api"), services=LIVE)
    verdict = decide(Statement(failed_deployment=True), seen)
    assert [r for r in verdict.reasons if "healthy" in r] == ["every check is healthy (1)"]


def test_a_running_outage_need_not_be_waited_for_by_who_knows_more() -> None:
    belongs = {"api": ("backend",), "home": ("frontend",)}
    seen = observation(SICK, health("home"), belongs=belongs, services=LIVE)
    verdict = decide(Statement(), seen)
    assert verdict.decision is MONITOR
    assert "`lastgood decide --affected 60`" in verdict.reasons[-1]


def test_that_this_machine_is_blind_is_said_once() -> None:
    verdict = decide(Statement(), observation(SICK, connectivity=False))
    assert len([r for r in verdict.reasons if "reached nothing at all" in r]) == 1


@pytest.mark.parametrize(
    ("stated", "damage"),
    [
        (Statement(affected=0.6), Damage.NONE),
        (Statement(affected=0.6, failed_migration=True), Damage.SCHEMA),
        (Statement(failed_migration=True, data_loss=True), Damage.DATA),
        (Statement(failed_migration=True, corruption=True), Damage.DATA),
    ],
)
def test_whether_a_schema_or_rows_are_damaged_is_told_apart(
    stated: Statement, damage: Damage
) -> None:
    verdict = decide(stated)
    assert (verdict.damage, verdict.damaged) == (damage, damage is not Damage.NONE)


def showing(what: str | None, state: HealthState = HealthState.FAILING) -> Health:
    seen = health("data", state, since=-5)
    assert seen.last is not None
    last = msgspec.structs.replace(seen.last, error="index by_email: damaged", shows=what)
    return msgspec.structs.replace(seen, last=last)


def test_a_check_that_found_damage_answers_for_corruption() -> None:
    verdict = decide(Statement(), observation(showing("corruption"), health("api"), services=LIVE))
    assert (verdict.decision, verdict.method) == (ROLLBACK, Method.DATABASE)
    assert verdict.path[-1].because == "data is damaged: data: index by_email: damaged"
    assert ("data", "failing") in {(one.name, one.value) for one in verdict.evidence}


@pytest.mark.parametrize(
    "seen",
    [
        observation(showing(None), health("api"), services=LIVE),
        observation(showing("corruption", HealthState.UNKNOWN), health("api"), services=LIVE),
        observation(showing("corruption"), health("api"), services=LIVE, connectivity=False),
    ],
)
def test_what_shows_no_damage_or_is_not_believed_is_no_corruption(seen: Observation) -> None:
    verdict = decide(Statement(), seen)
    assert verdict.decision is not ROLLBACK
    assert verdict.method is not Method.DATABASE
