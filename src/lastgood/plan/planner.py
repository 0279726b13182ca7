"""Making the plan: pure, so that what was approved can be shown, hashed and run unchanged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from lastgood.model.exchange import Way
from lastgood.model.plan import Plan, PlanKind, plan_digest
from lastgood.model.problem import Problem
from lastgood.model.verdict import Method
from lastgood.plan import routes, target
from lastgood.plan.choice import MIGRATIONS_STAY, Choice, choose
from lastgood.plan.descents import stays_down
from lastgood.plan.exchanges import (
    Exchanges,
    choose_exchanges,
    data_stays,
    in_words,
    may_go_alone,
)
from lastgood.plan.overall import of_the_whole
from lastgood.plan.selection import select, settle, wrong
from lastgood.plan.steps import longest_path_s, make_steps

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from lastgood.model.exchange import Exchange
    from lastgood.model.hold import Hold
    from lastgood.model.plan import Move
    from lastgood.model.verdict import Verdict
    from lastgood.plan.request import DatabaseFacts, PastStep, PlanRequest, ServiceFacts


def make_plan(
    request: PlanRequest,
    *,
    services: Sequence[ServiceFacts],
    budget_s: float,
    now: datetime,
    holds: Sequence[Hold] = (),
    databases: Sequence[DatabaseFacts] = (),
    stoppable: Sequence[str] = (),
    past: Sequence[PastStep] = (),
    verdict: Verdict | None = None,
    undone: Plan | None = None,
    this_machine_only: bool = False,
    config_hash: str = "",
) -> Plan:
    """The steps that bring the environment back, or the refusals that say why there are none.

    Args:
        request: what is asked for.
        services: what is known of every service of the environment.
        budget_s: the environment's time budget.
        now: when the plan is made.
        holds: all holds of the environment.
        databases: what is known of the databases that shall go back.
        stoppable: the services that can be stopped and started.
        past: durations of past steps.
        verdict: the judge's, when one led here.
        undone: for an undo, the plan of the run that is put back.
        this_machine_only: the state's lock covers this machine only.
        config_hash: the configuration's hash.
    """
    request = settle(request, services, verdict, undone)
    refusals = [*wrong(request, services, undone), *routes.method_problems(request)]
    choices: list[Choice] = []
    if not refusals and request.code:
        named = select(request, services, holds)
        choices = [choose(request, facts, holds, past) for facts in named]
        refusals = [c.refusal for c in choices if c.refusal is not None]
    moves = tuple(c.move for c in choices if c.move is not None)
    data = choose_exchanges(request, databases, moves)
    stays = list[Problem]()
    # Who has named a price wants the data back, and no half of that.
    insists = request.insists or request.acceptance is not None
    if data.refusals and not insists and may_go_alone(moves):
        stays, data = [data_stays(data)], Exchanges()
    refusals += data.refusals
    exchanges, loss = data.exchanges, in_words(data.exchanges)
    if not refusals and not moves and not exchanges:
        refusals = [nothing_to_do(choices)]
    plan = Plan(
        id="",
        kind=request.kind,
        environment=request.environment,
        made_at=now,
        method=one_method(request, moves, exchanges),
        moves=() if refusals else moves,
        steps=(),
        estimate_s=0.0,
        budget_s=budget_s,
        reason=request.reason or because(verdict),
        refusals=tuple(refusals),
        undoes=request.undoes,
        config_hash=config_hash,
        loss=loss,
        exchanges=exchanges,
    )
    if not refusals:
        plan = with_steps(plan, choices, holds, past, stoppable)
        warnings = (*(w for c in choices for w in c.warnings),)
        if any(exchange.way is Way.DOWNGRADE for exchange in exchanges):
            warnings = (*(w for w in warnings if w.code != MIGRATIONS_STAY),)
        warnings += (*data.warnings, *stays, *stays_down(undone))
        warnings += tuple(of_the_whole(plan, past, verdict, this_machine_only=this_machine_only))
        plan = msgspec.structs.replace(plan, warnings=warnings)
    return msgspec.structs.replace(plan, id=f"plan-{plan_digest(plan)[:12]}")


def nothing_to_do(choices: Sequence[Choice]) -> Problem:
    """The refusal when every service is where it should be."""
    names = ", ".join(choice.facts.name for choice in choices)
    if not names:
        return Problem(
            code="nothing-to-do",
            what="no database was replaced by it, or what it replaced is not kept any more",
            mend="see what is kept: `lastgood db quarantine`",
        )
    return Problem(
        code="nothing-to-do",
        what=f"already there: {names} run what this would bring back",
        mend="go further back with `--to [SERVICE=]REVISION`: `lastgood releases list`",
    )


def one_method(
    request: PlanRequest, moves: Sequence[Move], exchanges: Sequence[Exchange]
) -> Method:
    """The method of all moves, when they have one in common."""
    methods = {move.method for move in moves}
    if exchanges:
        return Method.FULL if moves else Method.DATABASE
    if request.method is Method.AUTO and len(methods) == 1:
        return methods.pop()
    return request.method


def because(verdict: Verdict | None) -> str:
    """The verdict's first reason."""
    return verdict.reasons[0] if verdict is not None and verdict.reasons else ""


def with_steps(
    plan: Plan,
    choices: Sequence[Choice],
    holds: Sequence[Hold],
    past: Sequence[PastStep],
    stoppable: Sequence[str],
) -> Plan:
    """The plan with its holds, steps and time."""
    undo = plan.kind is PlanKind.UNDO
    to_hold: dict[str, str] = {}
    to_lift: dict[str, str] = {}
    for move in plan.moves:
        if not undo and move.origin is not None and move.drop is None and not move.again:
            to_hold[move.service] = move.origin
        lifted = {hold.commit for hold in target.standing_holds(move.service, holds)}
        if undo and move.target in lifted:
            to_lift[move.service] = move.target
    keys = {choice.facts.name: choice.facts.shared_key for choice in choices}
    stopped = sorted(stoppable) if plan.exchanges else []
    steps = make_steps(
        plan.moves, to_hold, to_lift, keys, past, plan.reason, plan.exchanges, stopped
    )
    return msgspec.structs.replace(
        plan, holds=to_hold, steps=steps, estimate_s=longest_path_s(steps)
    )
