"""Whatever is known and asked for, a plan does no harm."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import msgspec
from hypothesis import given, settings
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

T = TypeVar("T")

SERVICES = ("api", "backend", "frontend")
LETTERS = st.sampled_from("abcd")
COMMITS = LETTERS.map(commit)
OTHER_WAYS = [Method.CI, Method.TREE, Method.DROP]
GONE = Problem(code="release-gone", what="gone", mend="build it")


def seldom(rare: st.SearchStrategy[T], usual: st.SearchStrategy[T]) -> st.SearchStrategy[T]:
    """One time in eight the rare; where everything is rare, no plan is ever made."""
    return st.sampled_from(range(8)).flatmap(lambda number: rare if number == 7 else usual)


@st.composite
def facts(draw: st.DrawFn, name: str) -> ServiceFacts:
    letters = draw(st.lists(LETTERS, unique=True, min_size=2))
    ledger = [
        release(
            letter,
            draw(st.sampled_from([*Standing, Standing.KNOWN_GOOD, Standing.KNOWN_GOOD])),
            minutes=draw(st.integers(-100, 0)),
            service=name,
            same_tree_as=draw(seldom(LETTERS, st.none())),
        )
        for letter in letters
    ]
    ways = st.builds(
        Route,
        service=st.just(name),
        target=COMMITS,
        method=seldom(st.sampled_from(OTHER_WAYS), st.just(Method.ARTIFACT)),
        driver=st.just("driver"),
        index=st.integers(0, 2),
        problems=seldom(st.just((GONE,)), st.just(())),
        drop=seldom(COMMITS, st.none()),
        needs_version=st.booleans(),
        typical_s=st.sampled_from([0.0, 5.5, 120.0, 1000.0]),
    )
    kept = [msgspec.structs.replace(draw(ways), target=r.commit) for r in ledger]
    instances = st.sampled_from(["10.0.0.1", "10.0.0.2"])
    return ServiceFacts(
        name=name,
        live=draw(seldom(st.none(), COMMITS)),
        strays=draw(seldom(st.dictionaries(instances, COMMITS), st.just({}))),
        releases=tuple(ledger),
        routes=(*kept, *draw(st.lists(ways, max_size=2))),
        built_on_held=tuple(draw(st.lists(COMMITS, max_size=1))),
        shared_key=draw(st.sampled_from([None, "one", "two"])),
        names_version=draw(st.booleans()),
        tells_current=draw(st.booleans()),
        every_instance=draw(st.booleans()),
    )


ENVIRONMENTS = st.lists(st.sampled_from(SERVICES), min_size=1, unique=True).flatmap(
    lambda names: st.tuples(*(facts(name) for name in names))
)
HOLDS = st.lists(
    st.builds(
        hold,
        LETTERS,
        service=st.sampled_from(SERVICES),
        lifted=st.booleans(),
    ),
    max_size=4,
)


@st.composite
def requests(draw: st.DrawFn, services: tuple[ServiceFacts, ...]) -> PlanRequest:
    named = seldom(st.sampled_from(SERVICES), st.sampled_from([f.name for f in services]))
    return PlanRequest(
        environment=ENVIRONMENT,
        services=tuple(draw(st.lists(named, max_size=2, unique=True))),
        targets=draw(st.dictionaries(named, COMMITS, max_size=2)),
        method=draw(seldom(st.sampled_from(Method), st.just(Method.AUTO))),
        drop=draw(seldom(COMMITS, st.none())),
    )


# What is asked for, and what is known.
ASKED = ENVIRONMENTS.flatmap(lambda services: st.tuples(requests(services), st.just(services)))
Asked = tuple[PlanRequest, tuple[ServiceFacts, ...]]
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


def test_plans_are_made() -> None:
    """What is shown below of every plan says nothing where there is none."""
    moves: list[int] = []
    named: list[bool] = []
    undone: list[bool] = []

    @settings(derandomize=True, database=None)
    @given(ASKED, HOLDS)
    def count(asked: Asked, holds: list[Hold]) -> None:
        made = make(*asked, holds, [])
        moves.append(len(made.moves))
        named.append(any(move.service in asked[0].targets for move in made.moves))
        undone.append(bool(made.moves and undo(made, asked[1], holds).moves))

    count()
    assert sum(number > 0 for number in moves) > len(moves) / 10
    assert max(moves) > 1
    assert any(named)
    assert any(undone)


@given(ASKED, HOLDS, PAST)
def test_a_rollback_never_targets_a_bad_or_held_release(
    asked: Asked, holds: list[Hold], past: list[PastStep]
) -> None:
    request, services = asked
    by_name = {f.name: f for f in services}
    for move in make(request, services, holds, past).moves:
        known = by_name[move.service]
        if request.drop is None:
            assert move.target not in forbidden(move.service, known.releases, holds)
            assert move.target not in known.built_on_held
            assert move.target != move.origin or known.strays
            assert move.method is not Method.DROP
        if move.service not in request.targets and request.drop is None:
            standings = {r.commit: r.standing for r in known.releases}
            assert standings[move.target] is Standing.KNOWN_GOOD


@given(ASKED, HOLDS, PAST)
def test_the_steps_are_whole_ordered_and_without_a_circle(
    asked: Asked, holds: list[Hold], past: list[PastStep]
) -> None:
    made = make(*asked, holds, past)
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


@given(ASKED, HOLDS, PAST)
def test_equal_inputs_give_equal_plans(
    asked: Asked, holds: list[Hold], past: list[PastStep]
) -> None:
    request, services = asked
    made = make(request, services, holds, past)
    again = make(request, tuple(reversed(services)), holds, past)
    assert again == made, "the order in which services are read is no part of a plan"
    assert made.id == f"plan-{plan_digest(made)[:12]}"


@given(ASKED, HOLDS)
def test_every_move_goes_where_the_drivers_were_asked_about(
    asked: Asked, holds: list[Hold]
) -> None:
    request, services = asked
    surveyed = {f.name: candidates(request, f, holds) for f in services}
    for move in make(request, services, holds, []).moves:
        assert move.target in surveyed[move.service]


@given(ASKED, HOLDS, HOLDS)
def test_an_undo_goes_only_to_what_the_run_replaced(
    asked: Asked, holds: list[Hold], later: list[Hold]
) -> None:
    request, services = asked
    undone = make(request, services, holds, [])
    origins = {m.service: m.origin for m in undone.moves}
    made = undo(undone, services, later)
    assert all(move.target == origins[move.service] for move in made.moves)
    assert all(step.kind != "hold" for step in made.steps)


def undo(undone: Plan, services: tuple[ServiceFacts, ...], holds: list[Hold]) -> Plan:
    """The plan that puts back what a plan that was carried out replaced."""
    targets = {m.service: m.target for m in undone.moves}
    now = tuple(msgspec.structs.replace(f, live=targets.get(f.name, f.live)) for f in services)
    ask = PlanRequest(environment=ENVIRONMENT, kind=PlanKind.UNDO, undoes="run-1")
    return make(ask, now, holds, [], undone)


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
