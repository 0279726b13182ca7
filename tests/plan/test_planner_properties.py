"""Whatever is known and asked for, a plan does no harm."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from lastgood.model.plan import Plan, PlanKind, plan_digest
from lastgood.model.problem import Problem
from lastgood.model.release import Release, Standing
from lastgood.model.route import Route
from lastgood.model.verdict import Method
from lastgood.plan.planner import make_plan
from lastgood.plan.request import PastStep, PlanRequest, ServiceFacts
from lastgood.plan.target import candidates
from lastgood.testing.nouns import ENVIRONMENT, START, commit, hold, release

if TYPE_CHECKING:
    from lastgood.model.hold import Hold

SERVICES = ("api", "backend", "frontend")
LETTERS = st.sampled_from("abcde")
COMMITS = LETTERS.map(commit)
GONE = Problem(code="release-gone", what="gone", mend="build it")


@st.composite
def facts(draw: st.DrawFn, name: str) -> ServiceFacts:
    letters = draw(st.lists(LETTERS, unique=True))
    ledger = [
        release(
            letter,
            draw(st.sampled_from(Standing)),
            minutes=draw(st.integers(-100, 0)),
            service=name,
            same_tree_as=draw(st.none() | LETTERS),
        )
        for letter in letters
    ]
    ways = st.builds(
        Route,
        service=st.just(name),
        target=COMMITS,
        method=st.sampled_from([Method.ARTIFACT, Method.CI, Method.TREE, Method.DROP]),
        driver=st.just("driver"),
        index=st.integers(0, 2),
        problems=st.sampled_from([(), (GONE,)]),
        drop=st.none() | COMMITS,
        needs_version=st.booleans(),
        typical_s=st.sampled_from([0.0, 5.5, 120.0, 1000.0]),
    )
    return ServiceFacts(
        name=name,
        live=draw(st.none() | COMMITS),
        strays=draw(st.dictionaries(st.sampled_from(["10.0.0.1", "10.0.0.2"]), COMMITS)),
        releases=tuple(ledger),
        routes=tuple(draw(st.lists(ways, max_size=6))),
        built_on_held=tuple(draw(st.lists(COMMITS, max_size=1))),
        shared_key=draw(st.sampled_from([None, "one", "two"])),
        names_version=draw(st.booleans()),
        tells_current=draw(st.booleans()),
        every_instance=draw(st.booleans()),
    )


ENVIRONMENTS = st.lists(st.sampled_from(SERVICES), unique=True).flatmap(
    lambda names: st.tuples(*(facts(name) for name in names))
)
HOLDS = st.lists(
    st.builds(hold, LETTERS, service=st.sampled_from(SERVICES), lifted=st.booleans()), max_size=4
)
REQUESTS = st.builds(
    PlanRequest,
    environment=st.just(ENVIRONMENT),
    services=st.lists(st.sampled_from(SERVICES), max_size=2, unique=True).map(tuple),
    targets=st.dictionaries(st.sampled_from(SERVICES), COMMITS, max_size=2),
    method=st.sampled_from(Method),
    drop=st.none() | COMMITS,
)
PAST = st.lists(
    st.builds(
        PastStep,
        kind=st.sampled_from(["precheck", "hold", "deploy", "prove", "verify"]),
        seconds=st.sampled_from([0.0, 0.2, 44.0, 1e5]),
        service=st.none() | st.sampled_from(SERVICES),
        method=st.none() | st.sampled_from(Method),
    ),
    max_size=6,
)


def make(
    request: PlanRequest,
    services: tuple[ServiceFacts, ...],
    holds: list[Hold],
    past: list[PastStep],
    undone: Plan | None = None,
) -> Plan:
    return make_plan(
        request,
        services=services,
        budget_s=300,
        now=START,
        holds=holds,
        past=past,
        undone=undone,
    )


def forbidden(service: str, ledger: tuple[Release, ...], holds: list[Hold]) -> set[str]:
    """What may never be a target: bad, held, or of such a tree."""
    wrong = {r.commit for r in ledger if r.standing is Standing.BAD}
    wrong |= {h.commit for h in holds if h.service == service and h.stands}
    return wrong | {r.commit for r in ledger if r.same_tree_as in wrong}


@given(REQUESTS, ENVIRONMENTS, HOLDS, PAST)
def test_a_rollback_never_targets_a_bad_or_held_release(
    request: PlanRequest,
    services: tuple[ServiceFacts, ...],
    holds: list[Hold],
    past: list[PastStep],
) -> None:
    by_name = {f.name: f for f in services}
    for move in make(request, services, holds, past).moves:
        known = by_name[move.service]
        if request.drop is None:
            assert move.target not in forbidden(move.service, known.releases, holds)
            assert move.target not in known.built_on_held
            assert move.target != move.origin
            assert move.method is not Method.DROP
        if move.service not in request.targets and request.drop is None:
            standings = {r.commit: r.standing for r in known.releases}
            assert standings[move.target] is Standing.KNOWN_GOOD


@given(REQUESTS, ENVIRONMENTS, HOLDS, PAST)
def test_the_steps_are_whole_ordered_and_without_a_circle(
    request: PlanRequest,
    services: tuple[ServiceFacts, ...],
    holds: list[Hold],
    past: list[PastStep],
) -> None:
    made = make(request, services, holds, past)
    before: set[str] = set()
    for step in made.steps:
        assert step.id not in before
        assert set(step.after) <= before, "a step comes after what it waits for"
        assert step.timeout_s >= 30
        before.add(step.id)
    assert bool(made.steps) == bool(made.moves) == (not made.refusals)
    if made.steps:
        kinds = [step.kind for step in made.steps]
        assert (kinds[0], kinds[-1]) == ("precheck", "verify")
        assert kinds.count("deploy") == kinds.count("prove") == len(made.moves)
        longest = max(step.estimate_s for step in made.steps)
        assert longest <= made.estimate_s <= sum(s.estimate_s for s in made.steps) + 1e-6


@given(REQUESTS, ENVIRONMENTS, HOLDS, PAST)
def test_equal_inputs_give_equal_plans(
    request: PlanRequest,
    services: tuple[ServiceFacts, ...],
    holds: list[Hold],
    past: list[PastStep],
) -> None:
    made = make(request, services, holds, past)
    again = make(request, tuple(reversed(services)), holds, past)
    assert again == made, "the order in which services are read is no part of a plan"
    assert made.id == f"plan-{plan_digest(made)[:12]}"


@given(REQUESTS, ENVIRONMENTS, HOLDS)
def test_every_move_goes_where_the_drivers_were_asked_about(
    request: PlanRequest, services: tuple[ServiceFacts, ...], holds: list[Hold]
) -> None:
    asked = {f.name: candidates(request, f, holds) for f in services}
    for move in make(request, services, holds, []).moves:
        assert move.target in asked[move.service]


@given(REQUESTS, ENVIRONMENTS, HOLDS, HOLDS)
def test_an_undo_goes_only_to_what_the_run_replaced(
    request: PlanRequest,
    services: tuple[ServiceFacts, ...],
    holds: list[Hold],
    later: list[Hold],
) -> None:
    undone = make(request, services, holds, [])
    undo = PlanRequest(environment=ENVIRONMENT, kind=PlanKind.UNDO, undoes="run-1")
    origins = {m.service: m.origin for m in undone.moves}
    made = make(undo, services, later, [], undone)
    assert all(move.target == origins[move.service] for move in made.moves)
    assert all(step.kind != "hold" for step in made.steps)


@given(ENVIRONMENTS, HOLDS, HOLDS)
def test_more_holds_never_open_a_way(
    services: tuple[ServiceFacts, ...], holds: list[Hold], more: list[Hold]
) -> None:
    """A target that is refused with few holds stays refused with more."""
    ask = PlanRequest(environment=ENVIRONMENT, targets={f.name: commit("a") for f in services})
    few = make(ask, services, holds, [])
    many = make(ask, services, [*holds, *more], [])
    if {"target-held", "target-bad"} & {p.code for p in few.refusals}:
        assert many.refusals
