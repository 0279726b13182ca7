"""Choosing how to get there: the cheapest way that is enough, or only the one that was named."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lastgood.model.problem import Problem
from lastgood.model.verdict import Method

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lastgood.model.route import Route
    from lastgood.plan.request import PlanRequest, ServiceFacts

CHEAPEST_FIRST = (Method.ARTIFACT, Method.CI, Method.TREE, Method.DROP)
AUTOMATIC = frozenset({Method.AUTO, Method.FULL})


def allowed(request: PlanRequest) -> frozenset[Method]:
    """The methods that a request permits; a drop happens only when the commit was named."""
    if request.drop is not None:
        named = request.method in AUTOMATIC or request.method is Method.DROP
        return frozenset({Method.DROP}) if named else frozenset()
    if request.method in AUTOMATIC:
        return frozenset(CHEAPEST_FIRST) - {Method.DROP}
    return frozenset({request.method}) & (frozenset(CHEAPEST_FIRST) - {Method.DROP})


def ways(request: PlanRequest, facts: ServiceFacts, target: str) -> list[Route]:
    """The routes to a target that the request permits, cheapest first, also the impossible ones."""
    permitted = allowed(request)
    found = [r for r in facts.routes if r.target == target and r.method in permitted]
    return sorted(found, key=lambda r: (CHEAPEST_FIRST.index(r.method), r.index))


def possible(routes: Sequence[Route]) -> Route | None:
    """The first route that nothing stands in the way of."""
    return next((route for route in routes if not route.problems), None)


def on_its_way(routes: Sequence[Route]) -> bool:
    """Whether a target was pushed and is not deployed yet: an older one would walk backward."""
    return any(p.code == "not-deployed" for route in routes for p in route.problems)


def method_problems(request: PlanRequest) -> list[Problem]:
    """What is wrong with the method that was asked for, before any route is looked at."""
    if request.method is Method.DATABASE and not request.databases:
        return [
            Problem(
                code="method-impossible",
                what="no database can be rolled back: none is described with its backups",
                mend="roll the code back: leave `--method` out, or take `--method auto`",
            )
        ]
    if request.drop is None and request.method is Method.DROP:
        return [
            Problem(
                code="drop-unnamed",
                what="the method drop takes a commit out, and none was named",
                mend="name it: `lastgood rollback --drop COMMIT`",
            )
        ]
    if request.drop is not None and not allowed(request):
        return [
            Problem(
                code="drop-method",
                what=f"`--drop` cannot be done by the method {request.method.value}",
                mend="leave `--method` out",
            )
        ]
    return []


def no_route(
    request: PlanRequest, facts: ServiceFacts, targets: Sequence[str], barred: Sequence[Route]
) -> Problem:
    """The refusal when every way to every target is barred: what bars them, and a mend."""
    problems = [problem for route in barred for problem in route.problems]
    codes = {problem.code for problem in problems}
    names = ", ".join(target[:12] for target in targets)
    bars = "; ".join(dict.fromkeys(p.what for p in problems))
    mend = "see what is kept: `lastgood releases list`"
    if request.method not in AUTOMATIC:
        mend = "leave `--method` out: then the cheapest way that is possible is taken"
    return Problem(
        code=codes.pop() if len(codes) == 1 else "no-route",
        what=f"{facts.name} cannot be brought back to {names}: "
        f"{bars or 'no deploy driver has such a way'}",
        mend=next((p.mend for p in problems if p.mend), mend),
    )
