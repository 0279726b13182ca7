"""`precheck`: what was approved still describes the world."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lastgood.errors import StepError
from lastgood.model.run import StepOutcome, StepState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lastgood.model.plan import Plan, Step
    from lastgood.ports.action import Action
    from lastgood.ports.deploy import Deployer


class PrecheckHandler:
    """Every service still runs what the plan says, and every target can still be deployed."""

    def __init__(self, plan: Plan, deployers: Mapping[str, Deployer]) -> None:
        self._plan = plan
        self._deployers = deployers

    async def inspect(self, step: Step) -> StepOutcome | None:
        """Never so already: the look itself is the step."""
        del step
        return None

    async def apply(self, step: Step, action: Action) -> None:
        """Nothing is changed by looking."""
        del step, action

    async def confirm(self, step: Step, action: Action) -> StepOutcome:
        """Look at each service.

        Raises:
            StepError: the world moved on since the plan was made (`changed-meanwhile`).
        """
        del step
        for move in self._plan.moves:
            action.note(f"{move.service}: is {move.target[:12]} still deployable?")
            deployer = self._deployers[move.service]
            live = await deployer.current()
            if live is not None and live not in (move.origin, move.target):
                raise StepError(
                    f"{move.service} runs {live[:12]} now, not {str(move.origin)[:12]}",
                    cause="somebody deployed after the plan was made",
                    mend="run the command again: the new plan says what would be replaced",
                    code="changed-meanwhile",
                )
        return StepOutcome(state=StepState.DONE)
