"""Proof as tables: what answers, how the checks stand, what the signals say."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lastgood.model.check import HealthState
from lastgood.model.plan import Move
from lastgood.model.policy import Policy
from lastgood.model.revision import same_version
from lastgood.model.verdict import Method
from lastgood.testing.nouns import START, at, commit, failing, health, share
from lastgood.verify.look import ServiceLook
from lastgood.verify.verify import FAILURES, prove, together, verify

if TYPE_CHECKING:
    from lastgood.model.check import Health
    from lastgood.model.proof import Proof
    from lastgood.model.signal import Signal

OLD, TARGET, NEW = commit("b"), commit("a"), commit("e")
MOVE = Move(service="backend", origin=OLD, target=TARGET, method=Method.ARTIFACT, driver="releases")
DROP = Move(
    service="backend", origin=OLD, target=TARGET, method=Method.DROP, driver="git", drop=OLD
)


def look(*versions: str | None, expected: tuple[str, ...] = ()) -> ServiceLook:
    """Instances that answer with these versions."""
    return ServiceLook(
        service="backend",
        answering={f"10.0.0.{n}": version for n, version in enumerate(versions, 1)},
        expected=expected,
        names_version=True,
        every_instance=True,
    )


def told(current: str | None) -> ServiceLook:
    """No check names a version; the deploy driver says what runs."""
    return ServiceLook(
        service="backend", answering={"edge": None}, tells_current=True, current=current
    )


@dataclass(frozen=True)
class Case:
    code: str
    seen: ServiceLook | None
    move: Move = MOVE
    healths: tuple[Health, ...] = field(default_factory=lambda: (health("api"),))


CASES = {
    "every instance answers the target": Case("proven", look(TARGET, TARGET)),
    "one keeps the old version": Case("wrong-version", look(TARGET, OLD)),
    "all keep the old version": Case("wrong-version", look(OLD, OLD)),
    "one names no version": Case("wrong-version", look(TARGET, None)),
    "none names a version, though a check could": Case("wrong-version", look(None, None)),
    "nobody answers": Case("wrong-version", look()),
    "nobody looked": Case("wrong-version", None),
    "an abbreviated commit": Case("proven", look(TARGET[:7])),
    "abbreviated too far": Case("wrong-version", look(TARGET[:6])),
    "the commit that the deployment made": Case("proven", look(NEW, expected=(NEW,))),
    "some carry the same content": Case("proven", look(TARGET, NEW, expected=(NEW,))),
    "another commit": Case("wrong-version", look(NEW)),
    "a drop is proven by its own commit": Case("proven", look(NEW, expected=(NEW,)), DROP),
    "and not by the release it started from": Case(
        "wrong-version", look(TARGET, expected=(NEW,)), DROP
    ),
    "nothing names a version": Case("unproven", ServiceLook(service="backend")),
    "nothing names a version, whatever answers": Case(
        "unproven", ServiceLook(service="backend", answering={"edge": TARGET}, current=TARGET)
    ),
    "the driver says the target runs": Case("proven", told(TARGET)),
    "the driver says the old one runs": Case("wrong-version", told(OLD)),
    "the driver says nothing runs": Case("wrong-version", told(None)),
    "what answers counts more than what the driver says": Case(
        "wrong-version",
        ServiceLook(
            service="backend",
            answering={"edge": OLD},
            names_version=True,
            tells_current=True,
            current=TARGET,
        ),
    ),
    "a check fails": Case("unhealthy", look(TARGET), healths=(health("api"), failing("login", 0))),
    "a check has no standing yet": Case(
        "unhealthy", look(TARGET), healths=(health("api", HealthState.UNKNOWN),)
    ),
    "the wrong version is graver than a failing check": Case(
        "wrong-version", look(OLD), healths=(failing("api", 0),)
    ),
    "a service without checks": Case("proven", look(TARGET), healths=()),
}


def named(healths: tuple[Health, ...]) -> dict[str, Health]:
    return {h.name: h for h in healths}


def whole(case: Case, before: tuple[Signal, ...] = (), after: tuple[Signal, ...] = ()) -> Proof:
    return verify(
        (case.move,),
        {} if case.seen is None else {"backend": case.seen},
        named(case.healths),
        before,
        after,
        moved_at=START,
        policy=Policy(),
        now=at(1),
    )


@pytest.mark.parametrize("name", CASES)
def test_what_answers_is_the_proof(name: str) -> None:
    case = CASES[name]
    for proof in (prove(case.move, case.seen, named(case.healths), START), whole(case)):
        assert proof.code == case.code, proof.problems
        assert proof.proven is (case.code == "proven")
        assert proof.services[0].proven is (case.code not in {"wrong-version", "unproven"})
        assert bool(proof.problems) is not proof.proven
        assert all(problem.mend for problem in proof.problems)


def test_the_instance_that_keeps_the_old_version_is_named() -> None:
    proof = prove(MOVE, look(TARGET, OLD), {}, START)
    assert [p.what for p in proof.problems] == [f"backend: 10.0.0.2 answers version {OLD}"]
    assert proof.services[0].answering == {"10.0.0.1": TARGET, "10.0.0.2": OLD}
    assert proof.services[0].scope == "every instance"
    assert prove(MOVE, told(TARGET), {}, START).services[0].scope == "one address"


def test_a_failing_check_is_named_with_what_it_says() -> None:
    proof = prove(MOVE, look(TARGET), {"login": failing("login", 0)}, START)
    assert [p.what for p in proof.problems] == ["check login fails: answered 500"]
    assert [c.name for c in proof.checks] == ["login"]


def test_a_healthy_standing_does_not_hide_that_the_newest_look_failed() -> None:
    kept = msgspec.structs.replace(health("login"), last=failing("login", 0).last)
    proof = prove(MOVE, look(TARGET), {"login": kept}, START)
    assert (proof.proven, proof.code) == (False, "unhealthy")
    assert [p.what for p in proof.problems] == ["check login fails: answered 500"]


def test_what_to_do_about_a_wrong_version_is_a_command_that_works_once_the_run_has_ended() -> None:
    (problem,) = prove(MOVE, look(TARGET, OLD), {}, START).problems
    assert "lastgood rollback" in problem.mend
    assert "lastgood check" in problem.mend
    assert "resume" not in problem.mend


def test_looks_at_single_services_come_to_their_gravest_problem_and_prove_no_whole() -> None:
    well = prove(MOVE, look(TARGET), {"api": health("api")}, at(1))
    kept = prove(MOVE, look(TARGET, OLD), {"api": health("api")}, at(2))
    assert together(()) is None
    alone = together([well])
    assert alone is not None
    assert (alone.proven, alone.code) == (False, "unproven")
    both = together([well, kept])
    assert both is not None
    assert (both.at, both.code) == (at(2), "wrong-version")
    assert [service.proven for service in both.services] == [True, False]
    assert [problem.what for problem in both.problems] == [p.what for p in kept.problems]
    assert len(both.checks) == 1


def test_one_service_of_two_is_not_enough() -> None:
    other = Move(service="frontend", origin=OLD, target=TARGET, method=Method.CI, driver="git")
    looks = {"backend": look(TARGET), "frontend": look(OLD)}
    proof = verify((MOVE, other), looks, {}, (), (), moved_at=START, policy=Policy(), now=START)
    assert (proof.code, [s.proven for s in proof.services]) == ("wrong-version", [True, False])


AFTER = 2.0  # minutes after the move: the whole window of a minute lies after it


@dataclass(frozen=True)
class Measured:
    code: str
    said: tuple[str, ...]
    after: Signal | None
    before: Signal | None = field(default_factory=lambda: share(0.4, 0.5))


SLOW = "slow_requests"
SIGNALS = {
    "better": Measured("proven", (), share(0.0, 0.01, minutes=AFTER)),
    "as before": Measured("proven", (), share(0.4, 0.5, minutes=AFTER)),
    "overlapping": Measured("proven", (), share(0.49, 0.9, minutes=AFTER)),
    "touching": Measured("proven", (), share(0.5, 0.9, minutes=AFTER)),
    "still over the threshold": Measured(
        "signals-worse",
        ("signals-worse",),
        share(0.51, 0.6, minutes=AFTER),
        share(0.7, 0.9),
    ),
    "worse": Measured(
        "signals-worse",
        ("signals-worse",),
        share(0.2, 0.3, minutes=AFTER),
        share(0.0, 0.1),
    ),
    "another signal over a half, as before": Measured(
        "proven", (), share(0.6, 0.9, minutes=AFTER, name=SLOW), share(0.6, 0.9, name=SLOW)
    ),
    "another signal, worse": Measured(
        "signals-worse",
        ("signals-worse",),
        share(0.6, 0.9, minutes=AFTER, name=SLOW),
        share(0.1, 0.59, name=SLOW),
    ),
    "nothing before to compare with": Measured("proven", (), share(0.4, 0.5, minutes=AFTER), None),
    "unmeasured before": Measured(
        "proven", (), share(0.4, 0.5, minutes=AFTER), share(None, None, n=0)
    ),
    "nothing after": Measured("proven", ("signal-missing",), None),
    "unmeasured after": Measured(
        "proven", ("signal-missing",), share(None, None, n=0, minutes=AFTER)
    ),
    "the window reaches back over the move": Measured(
        "proven", ("signal-early",), share(0.9, 1.0, minutes=0.9)
    ),
    "the window begins with the move": Measured(
        "signals-worse", ("signals-worse",), share(0.9, 1.0, minutes=1)
    ),
}


@pytest.mark.parametrize("name", SIGNALS)
def test_signals_are_compared_by_their_intervals(name: str) -> None:
    case = SIGNALS[name]
    proof = whole(
        Case("", look(TARGET)),
        () if case.before is None else (case.before,),
        () if case.after is None else (case.after,),
    )
    assert (proof.code, tuple(p.code for p in proof.problems)) == (case.code, case.said)


def test_a_worse_signal_says_both_intervals() -> None:
    (problem,) = whole(
        Case("", look(TARGET)), (share(0.0, 0.1),), (share(0.2, None, minutes=AFTER),)
    ).problems
    assert problem.what == (
        "users_affected is worse than before: 20 to ? % (n = 200), before 0 to 10 % (n = 200)"
    )


def test_a_failing_check_is_graver_than_a_worse_signal() -> None:
    proof = whole(
        Case("", look(TARGET), healths=(failing("api", 0),)),
        (),
        (share(0.9, 1.0, minutes=AFTER),),
    )
    assert proof.code == "unhealthy"
    assert {p.code for p in proof.problems} == {"unhealthy", "signals-worse"}


@pytest.mark.parametrize(
    ("answered", "expected", "same"),
    [
        ("v1.2", "v1.2", True),
        ("v1.2", "v1.2.1", False),
        (TARGET, TARGET, True),
        (TARGET[:7], TARGET, True),
        (TARGET, TARGET[:12], True),
        (TARGET[:6], TARGET, False),
        ("1234567890", "1234567891", False),
        ("", TARGET, False),
        ("release-abcdef0", "release-abcdef01", False),
    ],
)
def test_when_two_names_mean_one_version(answered: str, expected: str, *, same: bool) -> None:
    assert same_version(answered, expected) is same


VERSIONS = st.none() | st.sampled_from([OLD, TARGET, NEW, "v1"])


@given(
    versions=st.lists(VERSIONS, max_size=4),
    names=st.booleans(),
    tells=st.booleans(),
    current=VERSIONS,
)
def test_proven_means_that_every_answer_is_the_target(
    *, versions: list[str | None], names: bool, tells: bool, current: str | None
) -> None:
    seen = ServiceLook(
        service="backend",
        answering={str(n): version for n, version in enumerate(versions)},
        names_version=names,
        tells_current=tells,
        current=current,
    )
    proof = prove(MOVE, seen, {}, START)
    by_answers = names and bool(versions) and set(versions) == {TARGET}
    by_driver = not names and tells and current == TARGET
    assert proof.proven is (by_answers or by_driver)
    assert (proof.code in FAILURES) is not proof.proven
