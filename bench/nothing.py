"""A plan of twelve steps that do nothing, and the real runner with its hands tied.

As a script it is `lastgood.runner` with the same arguments; only the handlers are replaced.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from lastgood.app import executing
from lastgood.model.plan import Plan, PlanKind, Step
from lastgood.model.run import StepOutcome, StepState
from lastgood.model.verdict import Method
from lastgood.runner.__main__ import main

if TYPE_CHECKING:
    from lastgood.ports.action import Action

KIND = "precheck"
COUNT = 12
DONE = StepOutcome(state=StepState.DONE)

PLAN = Plan(
    id="plan-nothing",
    kind=PlanKind.ROLLBACK,
    environment="production",
    made_at=datetime(2026, 1, 1, tzinfo=UTC),
    method=Method.ARTIFACT,
    moves=(),
    steps=tuple(
        Step(
            id=f"step:{number}",
            kind=KIND,
            name=f"Nothing, number {number}",
            after=(f"step:{number - 1}",) if number else (),
        )
        for number in range(COUNT)
    ),
    estimate_s=0.0,
    budget_s=300.0,
)


class NothingHandler:
    """Finds nothing done, does nothing, and confirms it: every write of the journal is made."""

    async def inspect(self, step: Step) -> StepOutcome | None:
        """It is never so already."""
        del step
        return None

    async def apply(self, step: Step, action: Action) -> None:
        """Do nothing, behind the fence as every step does."""
        del step
        action.fence()

    async def confirm(self, step: Step, action: Action) -> StepOutcome:
        """It is so."""
        del step, action
        return DONE


if __name__ == "__main__":
    executing._handlers = lambda *_: {KIND: NothingHandler()}  # noqa: SLF001 - the rest of the runner is the real one
    main()
