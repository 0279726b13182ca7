"""The warnings that concern the plan as a whole and not one service."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lastgood.model.exchange import Way
from lastgood.model.problem import Problem
from lastgood.model.verdict import Method
from lastgood.plan import estimates
from lastgood.plan.steps import longest_path_s

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lastgood.model.plan import Plan
    from lastgood.model.verdict import Verdict
    from lastgood.plan.request import PastStep


QUICKER = "keep built releases at hand: the method artifact takes seconds"
WARMER = "keep a restored copy beside the database (`warm_target`): then only names are swapped"


def of_the_whole(
    plan: Plan, past: Sequence[PastStep], verdict: Verdict | None, *, this_machine_only: bool
) -> list[Problem]:
    """What whoever approves the plan must know of it."""
    found = []
    slow = longest_path_s(plan.steps, p90_s(plan, past))
    if not plan.fits_budget:
        found.append(
            Problem(
                code="over-budget",
                what=f"expected {plan.estimate_s:.0f} s, the budget is {plan.budget_s:.0f} s",
                mend=WARMER if _restores(plan) else QUICKER,
            )
        )
    elif slow > plan.budget_s:
        found.append(
            Problem(
                code="tight-budget",
                what=f"one run in ten takes over {slow:.0f} s, the budget is {plan.budget_s:.0f} s",
            )
        )
    asked = {plan.method, verdict.method if verdict is not None else None}
    if asked & {Method.DATABASE, Method.FULL} and not plan.exchanges:
        found.append(
            Problem(
                code="code-only",
                what="this plan rolls back code and touches no database",
                mend="where data is damaged, too: --with-database",
            )
        )
    if any(move.drop is not None for move in plan.moves):
        found.append(
            Problem(
                code="drop-not-held",
                what="what is dropped is not held: what is built on it goes on without it",
                mend="hold it when it must not come back: `lastgood hold set`",
            )
        )
    if this_machine_only:
        found.append(
            Problem(
                code="this-machine-only",
                what="the lock covers this machine only",
                mend="give the services a `repository`: machines see each other's lock in its refs",
            )
        )
    return found


def _restores(plan: Plan) -> bool:
    return any(exchange.way is Way.RESTORE for exchange in plan.exchanges)


def p90_s(plan: Plan, past: Sequence[PastStep]) -> dict[str, float]:
    """Each step's seconds on a bad day, by its id."""
    moves = {move.service: move for move in plan.moves}
    slow = {}
    for step in plan.steps:
        if step.database is not None:
            exchange = plan.exchange(step.database)
            if step.kind in {"restore", "downgrade"} or exchange.way is Way.PHYSICAL:
                slow[step.id] = exchange.restore_p90_s
                continue
        move = moves.get(step.service) if step.service is not None else None
        slow[step.id] = estimates.of_step(step.kind, move, past).p90
    return slow
