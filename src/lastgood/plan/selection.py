"""Which services a request means."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from lastgood.model.plan import PlanKind
from lastgood.model.problem import Problem
from lastgood.plan import target

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lastgood.model.hold import Hold
    from lastgood.model.plan import Plan
    from lastgood.model.verdict import Verdict
    from lastgood.plan.request import PlanRequest, ServiceFacts


def settle(
    request: PlanRequest,
    services: Sequence[ServiceFacts],
    verdict: Verdict | None,
    undone: Plan | None,
) -> PlanRequest:
    """Fill in which services are meant: the named, else those with a target, else the verdict's."""
    if undone is not None and request.kind is PlanKind.UNDO:
        origins = {m.service: m.origin for m in undone.moves if m.origin is not None}
        meant = request.services or tuple(m.service for m in undone.moves)
        return msgspec.structs.replace(request, targets=origins, services=meant)
    known = {facts.name for facts in services}
    judged = tuple(s for s in verdict.services if s in known) if verdict is not None else ()
    meant = request.services or tuple(request.targets) or judged
    return msgspec.structs.replace(request, services=meant)


def wrong(
    request: PlanRequest, services: Sequence[ServiceFacts], undone: Plan | None
) -> list[Problem]:
    """What is wrong with the request itself."""
    known = {facts.name for facts in services}
    named = {*request.services, *request.targets}
    if request.kind is PlanKind.UNDO and undone is None:
        return [
            Problem(
                code="nothing-to-undo",
                what="no run has changed this environment",
                mend="see what ran: `lastgood status`",
            )
        ]
    if not known and request.code:
        return [
            Problem(
                code="no-services",
                what=f"the environment {request.environment} has no services",
                mend="describe one in lastgood.yaml, under `services`",
            )
        ]
    return [
        Problem(
            code="unknown-service",
            what=f"there is no service {name}",
            mend=f"name one of these: {', '.join(sorted(known))}",
        )
        for name in sorted(named - known)
    ]


def select(
    request: PlanRequest, services: Sequence[ServiceFacts], holds: Sequence[Hold]
) -> list[ServiceFacts]:
    """The services to choose for, by name.

    When none was named, those of which every instance runs a known good release are left alone as
    long as another one does not. When all do, those that came back by a rollback answer for all
    (there is nothing to do), and without one all are meant. An undo means those of its run, which
    may be none: then it has replaced databases only.
    """
    ordered = sorted(services, key=lambda facts: facts.name)
    if request.services or request.kind is PlanKind.UNDO:
        return [facts for facts in ordered if facts.name in request.services]
    suspect = [f for f in ordered if f.strays or not target.known_good_live(f)]
    returned = [facts for facts in ordered if target.came_back(facts, holds)]
    return suspect or returned or ordered
