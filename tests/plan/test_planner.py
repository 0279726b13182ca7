"""Plans as a table: what is known, what is asked for, and where it leads."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec
import pytest

from lastgood.model.noun import from_json, to_json
from lastgood.model.plan import CommitLine, Plan, PlanKind, plan_digest
from lastgood.model.problem import Problem
from lastgood.model.release import Release, Standing
from lastgood.model.route import Route
from lastgood.model.verdict import Decision, Method, Verdict
from lastgood.plan.planner import make_plan
from lastgood.plan.request import PastStep, PlanRequest, ServiceFacts
from lastgood.plan.target import candidates
from lastgood.testing.nouns import ENVIRONMENT, START, commit, hold, release

if TYPE_CHECKING:
    from lastgood.model.hold import Hold

ASK = PlanRequest(environment=ENVIRONMENT)
GONE = Problem(code="release-gone", what="its directory is gone", mend="build it again")
PUSHED = Problem(code="not-deployed", what="main carries it already", mend="look at CI")
CANDIDATE, UNKNOWN, BAD = Standing.CANDIDATE, Standing.UNKNOWN, Standing.BAD

# Two known good releases, and a bad one live on top of them.
LEDGER = (release("a", minutes=-60), release("b", minutes=-40), release("c", CANDIDATE, minutes=-5))


def route(letter: str, method: Method = Method.ARTIFACT, **more: object) -> Route:
    """A way to a release that nothing stands in the way of."""
    made = Route(
        service="backend", target=commit(letter), method=method, driver="releases", typical_s=10.0
    )
    return msgspec.structs.replace(made, **more)


def service(
    letter: str | None = "c",
    releases: tuple[Release, ...] = LEDGER,
    routes: tuple[Route, ...] | None = None,
    name: str = "backend",
    **more: object,
) -> ServiceFacts:
    """A service with an artifact of every release, unless the routes are given."""
    if routes is None:
        routes = tuple(route(r.commit[0]) for r in releases)
    made = ServiceFacts(
        name=name,
        live=None if letter is None else commit(letter),
        releases=tuple(msgspec.structs.replace(r, service=name) for r in releases),
        routes=tuple(msgspec.structs.replace(r, service=name) for r in routes),
        names_version=True,
        every_instance=True,
    )
    return msgspec.structs.replace(made, **more)


def plan(
    request: PlanRequest = ASK,
    *services: ServiceFacts,
    holds: tuple[Hold, ...] = (),
    past: tuple[PastStep, ...] = (),
    verdict: Verdict | None = None,
    undone: Plan | None = None,
    budget_s: float = 300,
    this_machine_only: bool = False,
) -> Plan:
    return make_plan(
        request,
        services=services or (service(),),
        budget_s=budget_s,
        now=START,
        holds=holds,
        past=past,
        verdict=verdict,
        undone=undone,
        this_machine_only=this_machine_only,
    )


def to(letter: str, name: str = "backend") -> PlanRequest:
    return PlanRequest(environment=ENVIRONMENT, targets={name: commit(letter)})


@dataclass(frozen=True)
class Case:
    """What is asked and known; the target's digit and the warnings, or the refusal's code."""

    target: str | None = None
    refusal: str | None = None
    warnings: tuple[str, ...] = ()
    request: PlanRequest = ASK
    facts: ServiceFacts = field(default_factory=service)
    holds: tuple[Hold, ...] = ()


G, H = release("a", minutes=-60), release("b", minutes=-40)
NAMED = {m: msgspec.structs.replace(ASK, method=m) for m in Method}
DROP = msgspec.structs.replace(ASK, drop=commit("d"))

CASES = {
    "the newest known good release": Case("b"),
    "newest by its deployment, whatever the order": Case(
        "b", facts=service(releases=(H, release("c", CANDIDATE), G))
    ),
    "never the previous one for being previous": Case(
        "a",
        facts=service(releases=(G, release("b", CANDIDATE, minutes=-40), release("c", CANDIDATE))),
    ),
    "never one of unknown standing by itself": Case(
        "a", facts=service(releases=(G, release("b", UNKNOWN), release("c", CANDIDATE)))
    ),
    "never a held one": Case("a", holds=(hold("b"),)),
    "a hold that was lifted does not count": Case("b", holds=(hold("b", lifted=True),)),
    "another service's hold does not count": Case("b", holds=(hold("b", service="frontend"),)),
    "never what carries a held tree": Case(
        "a",
        facts=service(releases=(G, release("b", same_tree_as="d"), release("c", CANDIDATE))),
        holds=(hold("d"),),
    ),
    "never what carries a bad tree": Case(
        "a",
        facts=service(releases=(G, release("b", same_tree_as="d"), release("d", BAD))),
    ),
    "never what is built on a held one": Case("a", facts=service(built_on_held=(commit("b"),))),
    "never what was built on it before it was held": Case(
        "a", facts=service(built_on_held=(commit("b"),)), holds=(hold("d", minutes=-40),)
    ),
    "but what soaked since it was held": Case(
        "b", facts=service(built_on_held=(commit("b"),)), holds=(hold("d", minutes=-41),)
    ),
    "but not what soaked before another was held": Case(
        "a",
        facts=service(built_on_held=(commit("b"),)),
        holds=(hold("d", minutes=-41), hold("e", minutes=-39)),
    ),
    "but not what soaks yet": Case(
        refusal="target-held",
        request=to("c"),
        facts=service("b", built_on_held=(commit("c"),)),
        holds=(hold("d", minutes=-41),),
    ),
    "the named fix of a held one": Case(
        "c",
        warnings=("unknown-standing", "live-known-good"),
        request=to("c"),
        facts=service("b", built_on_held=(commit("c"),)),
        holds=(hold("d", fix="c"),),
    ),
    "the older one when the newer cannot be deployed": Case(
        "a",
        warnings=("newer-good-unreachable",),
        facts=service(routes=(route("b", problems=(GONE,)), route("a"))),
    ),
    "no further back when it is pushed and CI has not deployed it": Case(
        refusal="not-deployed",
        facts=service(routes=(route("b", problems=(PUSHED,)), route("a"))),
    ),
    "refused when none can be deployed": Case(
        refusal="release-gone",
        facts=service(routes=(route("b", problems=(GONE,)), route("a", problems=(GONE,)))),
    ),
    "refused when no driver has a way": Case(refusal="no-route", facts=service(routes=())),
    "another target's route does not do": Case(
        refusal="no-route", facts=service(routes=(route("c"),))
    ),
    "nothing known good": Case(
        refusal="nothing-known-good", facts=service(releases=(release("c", CANDIDATE),))
    ),
    "an empty ledger": Case(refusal="nothing-known-good", facts=service(releases=())),
    "only what runs is known good": Case(
        refusal="nothing-known-good", facts=service("a", releases=(G,))
    ),
    "only the tree that runs is known good": Case(
        refusal="nothing-known-good",
        facts=service("c", releases=(G, release("c", CANDIDATE, same_tree_as="a"))),
    ),
    "what runs is known good and nobody rolled back: further": Case(
        "a", warnings=("live-known-good",), facts=service("b", releases=(G, H))
    ),
    "came back by a rollback: nothing to do": Case(
        refusal="nothing-to-do", facts=service("b"), holds=(hold("c"),)
    ),
    "came back by a commit with the good tree: nothing to do": Case(
        refusal="nothing-to-do",
        facts=service(
            "e", releases=(*LEDGER, release("e", CANDIDATE, same_tree_as="b", minutes=1))
        ),
        holds=(hold("c"),),
    ),
    "a hold of a former incident says nothing of this one": Case(
        "a",
        warnings=("live-known-good",),
        facts=service("b", releases=(G, H)),
        holds=(hold("d", minutes=-41),),
    ),
    "further back when named, even then": Case(
        "a", warnings=("live-known-good",), request=to("a"), facts=service("b"), holds=(hold("c"),)
    ),
    "nobody knows what runs": Case("b", warnings=("origin-unknown",), facts=service(None)),
    "named: an older known good one": Case("a", request=to("a")),
    "named: what runs": Case(refusal="nothing-to-do", request=to("c")),
    "named: what carries the tree that runs": Case(
        refusal="nothing-to-do",
        request=to("b"),
        facts=service("e", releases=(*LEDGER, release("e", CANDIDATE, same_tree_as="b"))),
    ),
    "named: of unknown standing": Case(
        "d",
        warnings=("unknown-standing",),
        request=to("d"),
        facts=service(releases=(*LEDGER, release("d", UNKNOWN)), routes=(route("d"),)),
    ),
    "named: one that the ledger does not have": Case(
        "e", warnings=("unknown-standing",), request=to("e"), facts=service(routes=(route("e"),))
    ),
    "named: a bad one": Case(
        refusal="target-bad", request=to("d"), facts=service(releases=(*LEDGER, release("d", BAD)))
    ),
    "named: a held one": Case(refusal="target-held", request=to("a"), holds=(hold("a"),)),
    "named: built on a held one": Case(
        refusal="target-held", request=to("a"), facts=service(built_on_held=(commit("a"),))
    ),
    "named: cannot be deployed": Case(
        refusal="release-gone",
        request=to("a"),
        facts=service(routes=(route("a", problems=(GONE,)),)),
    ),
    "a service that is not there": Case(refusal="unknown-service", request=to("a", "billing")),
    "a method without a route": Case(refusal="no-route", request=NAMED[Method.TREE]),
    "a database": Case(refusal="method-impossible", request=NAMED[Method.DATABASE]),
    "a drop without a commit": Case(refusal="drop-unnamed", request=NAMED[Method.DROP]),
    "a drop by another method": Case(
        refusal="drop-method", request=msgspec.structs.replace(DROP, method=Method.TREE)
    ),
    "a drop": Case(
        "b",
        warnings=("drop-not-held",),
        request=DROP,
        facts=service(routes=(route("b"), route("b", Method.DROP, drop=commit("d")))),
    ),
    "a drop where nothing is known good": Case(
        "c",
        warnings=("drop-not-held",),
        request=DROP,
        facts=service(releases=(), routes=(route("c", Method.DROP, drop=commit("d")),)),
    ),
    "no drop without being asked": Case(
        refusal="no-route", facts=service(routes=(route("b", Method.DROP),))
    ),
    "full goes by the cheapest way and says what it leaves": Case(
        "b", warnings=("code-only",), request=NAMED[Method.FULL]
    ),
    "an undo without a run": Case(
        refusal="nothing-to-undo", request=msgspec.structs.replace(ASK, kind=PlanKind.UNDO)
    ),
    "migrations between": Case(
        "b",
        warnings=("migrations-stay",),
        facts=service(routes=(route("b", migrations=("versions/3.py",)),)),
    ),
    "commits that go with it": Case(
        "b",
        warnings=("commits-dropped",),
        facts=service(
            routes=(route("b", dropped=(CommitLine(commit=commit("c"), subject="Faster"),)),)
        ),
    ),
    "a driver's own warning": Case(
        "b", warnings=("release-gone",), facts=service(routes=(route("b", warnings=(GONE,)),))
    ),
    "nothing will name the version": Case(
        "b",
        warnings=("unproven",),
        facts=service(routes=(route("b", needs_version=True),), names_version=False),
    ),
    "the driver tells what runs": Case(
        "b",
        facts=service(
            routes=(route("b", needs_version=True),), names_version=False, tells_current=True
        ),
    ),
    "the driver proves it itself": Case("b", facts=service(names_version=False)),
    "one address": Case("b", warnings=("one-address",), facts=service(every_instance=False)),
}


@pytest.mark.parametrize("name", CASES)
def test_where_it_leads(name: str) -> None:
    case = CASES[name]
    made = plan(case.request, case.facts, holds=case.holds)
    assert [m.target for m in made.moves] == ([commit(case.target)] if case.target else [])
    assert [p.code for p in made.refusals] == ([case.refusal] if case.refusal else [])
    assert tuple(p.code for p in made.warnings) == case.warnings
    assert bool(made.steps) is (case.target is not None)
    assert all(p.what and p.mend for p in made.refusals)


def test_nothing_known_good_says_how_to_record_one() -> None:
    (refusal,) = plan(ASK, service(releases=())).refusals
    assert "lastgood releases import" in refusal.mend
    assert "lastgood releases mark COMMIT good --service backend --reason TEXT" in refusal.mend
    assert "--to backend=REVISION" in refusal.mend


ALL_WAYS = (
    route("b", Method.TREE),
    route("b", Method.CI),
    route("b", Method.ARTIFACT, index=1, driver="second"),
    route("b", Method.ARTIFACT, index=0, driver="first"),
)
BARRED = (*(msgspec.structs.replace(r, problems=(GONE,)) for r in ALL_WAYS[2:]), *ALL_WAYS[:2])


@pytest.mark.parametrize(
    ("method", "routes", "expected", "driver"),
    [
        (Method.AUTO, ALL_WAYS, Method.ARTIFACT, "first"),
        (Method.FULL, ALL_WAYS, Method.ARTIFACT, "first"),
        (Method.AUTO, BARRED, Method.CI, "releases"),
        (Method.AUTO, ALL_WAYS[:1], Method.TREE, "releases"),
        (Method.CI, ALL_WAYS, Method.CI, "releases"),
        (Method.TREE, ALL_WAYS, Method.TREE, "releases"),
    ],
)
def test_the_cheapest_way_that_is_enough_or_the_named_one(
    method: Method, routes: tuple[Route, ...], expected: Method, driver: str
) -> None:
    (move,) = plan(NAMED[method], service(routes=routes)).moves
    assert (move.method, move.driver) == (expected, driver)


def test_the_newer_release_by_a_dearer_way_comes_before_an_older_one() -> None:
    (move,) = plan(ASK, service(routes=(route("a"), route("b", Method.TREE)))).moves
    assert (move.target, move.method) == (commit("b"), Method.TREE)


def test_a_move_carries_what_the_route_says() -> None:
    dropped = (CommitLine(commit=commit("c"), subject="Faster"),)
    way = route("b", Method.TREE, index=1, base=commit("f"), dropped=dropped, migrations=("m",))
    (move,) = plan(ASK, service(routes=(way,))).moves
    assert (move.origin, move.route, move.base, move.dropped, move.migrations) == (
        commit("c"),
        1,
        commit("f"),
        dropped,
        ("m",),
    )


# ---- several services -----------------------------------------------------------------------

GOOD_FRONT = service("b", name="frontend")
BAD_FRONT = service("c", name="frontend")


def names(made: Plan) -> list[str]:
    return [move.service for move in made.moves]


def test_a_service_that_runs_a_known_good_release_is_left_alone() -> None:
    assert names(plan(ASK, service(), GOOD_FRONT)) == ["backend"]


def test_when_all_run_known_good_releases_all_are_meant() -> None:
    assert names(plan(ASK, service("b"), GOOD_FRONT)) == ["backend", "frontend"]


def test_a_rollback_repeated_moves_nobody_else() -> None:
    made = plan(ASK, service("b"), GOOD_FRONT, holds=(hold("c"),))
    assert [p.code for p in made.refusals] == ["nothing-to-do"]


def test_the_verdict_says_which_services_are_meant() -> None:
    verdict = Verdict(
        environment=ENVIRONMENT,
        at=START,
        decision=Decision.ROLLBACK,
        method=Method.DATABASE,
        reasons=("users cannot log in", "more"),
        services=("frontend", "gone"),
    )
    made = plan(ASK, service(), BAD_FRONT, verdict=verdict)
    assert names(made) == ["frontend"]
    assert made.reason == "users cannot log in"
    assert [p.code for p in made.warnings] == ["code-only"]
    named = msgspec.structs.replace(ASK, services=("backend",), reason="mine")
    made = plan(named, service(), BAD_FRONT, verdict=verdict)
    assert (names(made), made.reason) == (["backend"], "mine")


def test_a_named_target_means_its_service_only() -> None:
    assert names(plan(to("a", "frontend"), service(), BAD_FRONT)) == ["frontend"]


def test_one_refusal_refuses_the_whole_plan() -> None:
    made = plan(ASK, service(), service(name="frontend", releases=()))
    assert [p.code for p in made.refusals] == ["nothing-known-good"]
    assert not made.moves
    assert not made.steps
    assert not made.warnings


def test_an_environment_without_services() -> None:
    made = make_plan(ASK, services=(), budget_s=300, now=START)
    assert [p.code for p in made.refusals] == ["no-services"]


def test_what_the_deploy_drivers_are_asked_for() -> None:
    assert candidates(ASK, service(routes=()), ()) == [commit("b"), commit("a")]
    assert candidates(to("d"), service(routes=()), ()) == [commit("d")]


# ---- an instance that keeps another version -------------------------------------------------

STRAYS = {"http://10.0.0.2:8000": commit("c")}


def test_what_runs_is_put_live_once_more_for_an_instance_that_keeps_the_bad_release() -> None:
    made = plan(ASK, service("b", strays=STRAYS), holds=(hold("c"),))
    (move,) = made.moves
    assert (move.origin, move.target, move.again) == (commit("b"), commit("b"), True)
    assert [w.code for w in made.warnings] == ["strays"]
    assert "http://10.0.0.2:8000 answers cccccccccccc" in made.warnings[0].what
    assert not made.holds, "the known good release is not held for being put live once more"


def test_also_when_its_release_was_named() -> None:
    made = plan(to("b"), service("b", strays=STRAYS), holds=(hold("c"),))
    assert [m.target for m in made.moves] == [commit("b")]


def test_an_instance_that_cannot_be_reached_by_any_way_is_named_with_the_mend() -> None:
    made = plan(ASK, service("b", strays=STRAYS, routes=(route("b", problems=(GONE,)), route("a"))))
    assert not made.moves, "going further back would help nobody"
    (refusal,) = made.refusals
    assert refusal.code == "strays"
    assert "http://10.0.0.2:8000 answers" in refusal.what
    assert "its directory is gone" in refusal.what
    assert "lastgood check" in refusal.mend


def test_the_bad_release_is_left_for_a_good_one_whoever_strays() -> None:
    made = plan(ASK, service("c", strays={"http://10.0.0.2:8000": commit("b")}))
    assert [(m.target, m.again) for m in made.moves] == [(commit("b"), False)]


def test_a_service_with_a_stray_is_meant_when_another_is_well() -> None:
    made = plan(ASK, service("b", strays=STRAYS), GOOD_FRONT, holds=(hold("c"),))
    assert [m.service for m in made.moves] == ["backend"]


def test_an_undo_does_not_put_live_once_more() -> None:
    done = plan(ASK, service("b", strays=STRAYS), holds=(hold("c"),))
    ask = msgspec.structs.replace(ASK, kind=PlanKind.UNDO, undoes="run-1")
    made = plan(ask, service("b", strays=STRAYS), undone=done)
    assert [p.code for p in made.refusals] == ["nothing-to-do"]


# ---- steps ----------------------------------------------------------------------------------


def after(made: Plan) -> dict[str, tuple[str, ...]]:
    return {step.id: step.after for step in made.steps}


def test_independent_services_move_side_by_side() -> None:
    assert after(plan(ASK, service(), BAD_FRONT)) == {
        "precheck": (),
        "hold:backend": ("precheck",),
        "deploy:backend": ("hold:backend",),
        "prove:backend": ("deploy:backend",),
        "hold:frontend": ("precheck",),
        "deploy:frontend": ("hold:frontend",),
        "prove:frontend": ("deploy:frontend",),
        "verify": ("prove:backend", "prove:frontend"),
    }


@pytest.mark.parametrize(
    ("method", "keys", "before"),
    [
        (Method.TREE, ("one", "one"), ("hold:frontend", "deploy:backend")),
        (Method.TREE, ("one", "two"), ("hold:frontend",)),
        (Method.TREE, (None, None), ("hold:frontend",)),
        (Method.ARTIFACT, ("one", "one"), ("hold:frontend",)),
    ],
)
def test_services_that_push_to_one_branch_go_one_after_the_other(
    method: Method, keys: tuple[str | None, str | None], before: tuple[str, ...]
) -> None:
    made = plan(
        ASK,
        service(routes=(route("b", method),), shared_key=keys[0]),
        service(name="frontend", routes=(route("b", method),), shared_key=keys[1]),
    )
    assert after(made)["deploy:frontend"] == before


def test_the_bad_release_is_held() -> None:
    made = plan(msgspec.structs.replace(ASK, reason="logins fail"))
    assert made.holds == {"backend": commit("c")}
    assert made.step("hold:backend").arguments == {"commit": commit("c"), "reason": "logins fail"}


@pytest.mark.parametrize(
    ("request_", "facts"),
    [
        (ASK, service(None)),
        (DROP, service(routes=(route("b", Method.DROP, drop=commit("d")),))),
    ],
)
def test_nothing_is_held_when_nobody_knows_what_ran_or_it_is_built_upon(
    request_: PlanRequest, facts: ServiceFacts
) -> None:
    made = plan(request_, facts)
    assert not made.holds
    assert [s.kind for s in made.steps] == ["precheck", "deploy", "prove", "verify"]
    assert made.step("deploy:backend").after == ("precheck",)


# ---- undo -----------------------------------------------------------------------------------


UNDO = PlanRequest(environment=ENVIRONMENT, kind=PlanKind.UNDO, undoes="run-1", reason="a mistake")


def test_an_undo_goes_back_to_what_was_replaced_and_lifts_its_hold() -> None:
    ledger = (*LEDGER[:2], release("c", BAD))
    undone = plan()
    made = plan(UNDO, service("b", ledger), holds=(hold("c"),), undone=undone)
    (move,) = made.moves
    assert (move.origin, move.target) == (commit("b"), commit("c"))
    assert [s.kind for s in made.steps] == ["precheck", "unhold", "deploy", "prove", "verify"]
    assert made.step("unhold:backend").arguments["commit"] == commit("c")
    assert (made.undoes, made.holds) == ("run-1", {})
    assert [p.code for p in made.warnings] == ["unknown-standing"]


def test_an_undo_without_a_hold_lifts_none() -> None:
    made = plan(UNDO, service("b"), holds=(hold("a"),), undone=plan())
    assert [s.kind for s in made.steps] == ["precheck", "deploy", "prove", "verify"]


def test_a_drop_of_what_is_held_lifts_no_hold() -> None:
    facts = service(releases=(), routes=(route("c", Method.DROP, drop=commit("d")),))
    made = plan(DROP, facts, holds=(hold("c"),))
    assert [s.kind for s in made.steps] == ["precheck", "deploy", "prove", "verify"]


def test_an_undo_touches_only_what_the_run_touched() -> None:
    undone = plan(ASK, service(), GOOD_FRONT)
    assert names(plan(UNDO, service("b"), GOOD_FRONT, undone=undone)) == ["backend"]


def test_an_undo_of_what_is_undone_has_nothing_to_do() -> None:
    made = plan(UNDO, service("c"), undone=plan())
    assert [p.code for p in made.refusals] == ["nothing-to-do"]


def test_an_undo_of_a_move_from_nowhere_is_refused() -> None:
    undone = plan(ASK, service(None))
    made = plan(UNDO, service("b"), holds=(hold("c"),), undone=undone)
    assert [p.code for p in made.refusals] == ["undo-unknown"]


# ---- identity -------------------------------------------------------------------------------


def test_the_id_is_the_digest_of_everything_else() -> None:
    made = plan()
    assert made.id == f"plan-{plan_digest(made)[:12]}"
    assert plan() == made
    assert plan(budget_s=301).id != made.id
    assert plan(to("a")).id != made.id


def test_a_plan_survives_being_written_and_read() -> None:
    made = plan(ASK, service(), BAD_FRONT, this_machine_only=True)
    again = from_json(to_json(made), Plan)
    assert again == made
    assert plan_digest(again) == plan_digest(made)


def test_a_lock_of_this_machine_is_said() -> None:
    assert [p.code for p in plan(this_machine_only=True).warnings] == ["this-machine-only"]
