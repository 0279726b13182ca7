"""One service's choice: where to, by which way, what is said beside it, what forbids it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lastgood.model.plan import Move, PlanKind
from lastgood.model.problem import Problem
from lastgood.model.release import Standing, contents
from lastgood.model.verdict import Method
from lastgood.plan import estimates, routes, target

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lastgood.model.hold import Hold
    from lastgood.model.route import Route
    from lastgood.plan.request import PastStep, PlanRequest, ServiceFacts

MIGRATIONS_STAY = "migrations-stay"


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """What is to be done with one service: a move, nothing (already there), or a refusal."""

    facts: ServiceFacts
    move: Move | None = None
    warnings: tuple[Problem, ...] = ()
    refusal: Problem | None = None


def choose(
    request: PlanRequest, facts: ServiceFacts, holds: Sequence[Hold], past: Sequence[PastStep]
) -> Choice:
    """Decide for one service."""
    if arrived(request, facts, holds):
        return Choice(facts=facts)
    wanted = target.candidates(request, facts, holds)
    if not wanted:
        return Choice(facts=facts, refusal=target.nothing_known_good(request, facts))
    if request.kind is not PlanKind.UNDO and request.drop is None:
        forbidden = target.objection(facts, wanted[0], holds)
        if forbidden is not None:
            return Choice(facts=facts, refusal=forbidden)
    barred: list[Route] = []
    for commit in wanted:
        ways = routes.ways(request, facts, commit)
        route = routes.possible(ways)
        if route is not None:
            move = make_move(request, facts, route, past)
            warnings = (*passed_over(facts, barred), *said(request, facts, route))
            return Choice(facts=facts, move=move, warnings=warnings)
        if routes.on_its_way(ways):
            wanted, barred = [commit], ways
            break
        barred += ways
    if facts.strays and wanted == [facts.live]:
        return Choice(facts=facts, refusal=target.keeps_another(facts, barred))
    return Choice(facts=facts, refusal=routes.no_route(request, facts, wanted, barred))


def arrived(request: PlanRequest, facts: ServiceFacts, holds: Sequence[Hold]) -> bool:
    """Whether the service is where it should be already."""
    if request.drop is not None or (request.kind is PlanKind.ROLLBACK and facts.strays):
        return False
    named = request.targets.get(facts.name)
    if named is None:
        return request.kind is PlanKind.ROLLBACK and target.came_back(facts, holds)
    carried = contents(facts.releases)
    return facts.live is not None and carried.get(facts.live, facts.live) == carried.get(
        named, named
    )


def make_move(
    request: PlanRequest, facts: ServiceFacts, route: Route, past: Sequence[PastStep]
) -> Move:
    """The service's way by a route."""
    expected = estimates.of_route(route, past)
    return Move(
        service=facts.name,
        origin=facts.live,
        target=route.target,
        method=route.method,
        driver=route.driver,
        route=route.index,
        base=route.base,
        drop=route.drop,
        dropped=route.dropped,
        migrations=route.migrations,
        estimate_s=expected.p50,
        estimate_p90_s=expected.p90,
        estimate_source=expected.source,
        by=request.by,
    )


def passed_over(facts: ServiceFacts, barred: Sequence[Route]) -> list[Problem]:
    """The newer known good releases that cannot be deployed any more, and why."""
    return [
        Problem(
            code="newer-good-unreachable",
            what=f"{facts.name} {route.target[:12]} is known good and newer, but: {problem.what}",
            mend=problem.mend,
        )
        for route in barred
        for problem in route.problems
    ]


def said(request: PlanRequest, facts: ServiceFacts, route: Route) -> list[Problem]:
    """What whoever approves the move must know."""
    name, goal = facts.name, route.target[:12]
    found = list(route.warnings)
    if facts.live is None:
        found.append(
            Problem(
                code="origin-unknown",
                what=f"nobody can tell which release of {name} runs, so none is held",
                mend="record deployments: `lastgood deployment record`",
            )
        )
    if route.method is not Method.DROP and (
        target.known(facts, route.target) is not Standing.KNOWN_GOOD
    ):
        found.append(
            Problem(
                code="unknown-standing",
                what=f"{name} {goal} is not known to be good",
                mend="look at it first, or choose a known good release: `lastgood releases list`",
            )
        )
    if route.drop is None and route.target == facts.live:
        found.append(
            Problem(
                code="strays",
                what=f"{name} {goal} is live already, but {target.stray_answers(facts)}: "
                "it is put live once more",
                mend="if that does not help, restart the instance by hand",
            )
        )
    elif request.kind is PlanKind.ROLLBACK and target.known_good_live(facts):
        found.append(
            Problem(
                code="live-known-good",
                what=f"what runs of {name} is itself known good; this goes further back",
                mend="make sure that the release is the cause",
            )
        )
    if route.dropped:
        found.append(
            Problem(
                code="commits-dropped",
                what=f"later commits of {name} that go with it: {len(route.dropped)}",
                mend="bring the good ones back on top once it is stable",
            )
        )
    if route.migrations:
        found.append(
            Problem(
                code=MIGRATIONS_STAY,
                what=f"migrations of {name} lie between and stay applied while {goal} runs: "
                f"{', '.join(route.migrations)}",
                mend="make sure that the older code works with the newer schema",
            )
        )
    return found + proof_warnings(facts, route)


def proof_warnings(facts: ServiceFacts, route: Route) -> list[Problem]:
    """What the proof will lack."""
    if route.needs_version and not facts.names_version and not facts.tells_current:
        return [
            Problem(
                code="unproven",
                what=f"nothing says which version of {facts.name} answers: "
                "the outcome will be failed, with the code unproven",
                mend="give one of its checks a `version`",
            )
        ]
    if not facts.every_instance:
        return [
            Problem(
                code="one-address",
                what=f"the proof for {facts.name} rests on one address",
                mend="list its `instances`",
            )
        ]
    return []
