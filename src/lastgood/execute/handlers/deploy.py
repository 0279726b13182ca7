"""`deploy`: the service's deploy driver puts the target live."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lastgood.model.plan import Plan, Step
    from lastgood.model.run import StepOutcome
    from lastgood.ports.action import Action
    from lastgood.ports.deploy import Deployer


class DeployHandler:
    """Hands the service's move to its driver."""

    def __init__(self, plan: Plan, deployers: Mapping[str, Deployer]) -> None:
        self._plan = plan
        self._deployers = deployers

    async def inspect(self, step: Step) -> StepOutcome | None:
        """Ask the driver whether the move is done already."""
        service = str(step.service)
        return await self._deployers[service].inspect(self._plan.move(service))

    async def apply(self, step: Step, action: Action) -> None:
        """Let the driver do it."""
        service = str(step.service)
        await self._deployers[service].apply(self._plan.move(service), action)

    async def confirm(self, step: Step, action: Action) -> StepOutcome:
        """Let the driver show it."""
        service = str(step.service)
        return await self._deployers[service].confirm(self._plan.move(service), action)
