"""`precheck`: what was approved still describes the world."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lastgood.errors import StepError
from lastgood.model.run import StepOutcome, StepState

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from lastgood.model.plan import Plan, Step
    from lastgood.ports.action import Action
    from lastgood.ports.deploy import Deployer


class PrecheckHandler:
    """Every service still runs what the plan says, and nobody else is at work.

    Args:
        plan: what was approved.
        deployers: the chosen deploy driver of each service.
        lock: takes what must be taken before anything is changed; raises when it cannot be had.
    """

    def __init__(
        self,
        plan: Plan,
        deployers: Mapping[str, Deployer],
        lock: Callable[[Action], Awaitable[None]],
    ) -> None:
        self._plan = plan
        self._deployers = deployers
        self._lock = lock

    async def inspect(self, step: Step) -> StepOutcome | None:
        """Never so already: the look itself is the step."""
        del step
        return None

    async def apply(self, step: Step, action: Action) -> None:
        """Take the locks that other machines see."""
        del step
        await self._lock(action)

    async def confirm(self, step: Step, action: Action) -> StepOutcome:
        """Look at each service.

        Raises:
            StepError: the world moved on since the plan was made (`changed-meanwhile`).
        """
        del step, action
        for move in self._plan.moves:
            live = await self._deployers[move.service].current()
            if live is not None and live not in (move.origin, move.target):
                raise StepError(
                    f"{move.service} runs {live[:12]} now, not {str(move.origin)[:12]}",
                    cause="somebody deployed after the plan was made",
                    mend="run the command again: the new plan says what would be replaced",
                    code="changed-meanwhile",
                )
        return StepOutcome(state=StepState.DONE)
