"""One pure coroutine walks a plan: order, parallel branches, time limits, retries, cancel.

It reaches no clock, socket, process or database. An engine supplies two things only: `call`, which
performs an act and gives its outcome, and `sleep`. The same coroutine can therefore run in a
process of ours or as a workflow on a cluster, and can be tested at every crash point.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from lastgood.model.act import Act, Perform, Settle
from lastgood.model.run import StepOutcome, StepState

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from lastgood.model.plan import Plan, Step

    Call = Callable[[Act], Awaitable[StepOutcome]]
    Sleep = Callable[[float], Awaitable[None]]


async def interpret(plan: Plan, call: Call, sleep: Sleep) -> Mapping[str, StepOutcome]:
    """Walk the plan to its end and give each step's outcome.

    A step begins when all steps that it comes after are done, and is skipped when one of them is
    not. Independent branches go on when another fails: bringing one service back is worth having
    even when its neighbour could not be. A step that takes another one back is done whenever that
    one was begun: a service that was stopped is started again.
    """
    walking: dict[str, asyncio.Task[StepOutcome]] = {}
    begun = set[str]()

    async def walk(step: Step) -> StepOutcome:
        former = [await walking[before] for before in step.after]
        # One that was begun may have had an effect, whatever became of it.
        if step.takes_back in begun or all(one.state is StepState.DONE for one in former):
            begun.add(step.id)
            return await _attempt(step, call, sleep)
        cancelled = any(outcome.state is StepState.CANCELLED for outcome in former)
        state = StepState.CANCELLED if cancelled else StepState.SKIPPED
        return await call(Settle(step=step, outcome=StepOutcome(state=state)))

    async with asyncio.TaskGroup() as group:
        for step in plan.steps:
            walking[step.id] = group.create_task(walk(step))
    return {step_id: task.result() for step_id, task in walking.items()}


async def _attempt(step: Step, call: Call, sleep: Sleep) -> StepOutcome:
    """Try a step until it is done, fails for good or has no attempts left."""
    for attempt in range(1, step.attempts + 1):
        outcome = await _within_limit(step, attempt, call, sleep)
        last = attempt == step.attempts
        if outcome.state is not StepState.FAILED or not outcome.retryable or last:
            break
        await sleep(step.backoff_s * 2 ** (attempt - 1))
    if outcome.state is StepState.FAILED:
        return await call(Settle(step=step, outcome=outcome))
    return outcome


async def _within_limit(step: Step, attempt: int, call: Call, sleep: Sleep) -> StepOutcome:
    """One attempt, stopped when its time is over."""
    acting = asyncio.ensure_future(call(Perform(step=step, attempt=attempt)))
    limit = asyncio.ensure_future(sleep(step.timeout_s))
    try:
        await asyncio.wait({acting, limit}, return_when=asyncio.FIRST_COMPLETED)
        if acting.done():
            return acting.result()
        acting.cancel()
        # The act ends only when its children are dead; an outcome it still reached counts.
        await asyncio.wait({acting})
        if not acting.cancelled():
            return acting.result()
        return StepOutcome(
            state=StepState.FAILED,
            code="step-timeout",
            error=f"the step took longer than its {step.timeout_s:g} s and was stopped",
            mend="look at its last note, then plan again",
            retryable=True,
        )
    finally:
        limit.cancel()
        acting.cancel()
        await asyncio.gather(acting, limit, return_exceptions=True)
