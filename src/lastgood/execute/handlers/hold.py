"""`hold` and `unhold`: a bad release may not come back by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from lastgood.model.run import StepOutcome, StepState

if TYPE_CHECKING:
    from lastgood.model.plan import Step
    from lastgood.ports.action import Action


class HoldKeeper(Protocol):
    """Where holds are kept: the ledger and, where one is configured, the repository's refs."""

    async def is_held(self, service: str, commit: str) -> bool:
        """Whether the hold stands everywhere it must."""

    async def hold(self, service: str, commit: str, reason: str, action: Action) -> str:
        """Set it everywhere; gives a word of warning where one place could not be reached."""

    async def lift(self, service: str, commit: str, reason: str, action: Action) -> str:
        """Lift it everywhere; gives a word of warning where one place could not be reached."""


class HoldHandler:
    """The release in `arguments["commit"]` is held."""

    def __init__(self, keeper: HoldKeeper) -> None:
        self._keeper = keeper

    async def inspect(self, step: Step) -> StepOutcome | None:
        """Done when it stands already."""
        if await self._keeper.is_held(str(step.service), step.arguments["commit"]):
            return StepOutcome(state=StepState.DONE, found_done=True)
        return None

    async def apply(self, step: Step, action: Action) -> None:
        """Set the hold. A repository that cannot be reached never stops a rollback."""
        warning = await self._keeper.hold(
            str(step.service), step.arguments["commit"], step.arguments.get("reason", ""), action
        )
        if warning:
            action.note(warning)

    async def confirm(self, step: Step, action: Action) -> StepOutcome:
        """The ledger is ours: written is written."""
        del step, action
        return StepOutcome(state=StepState.DONE)


class UnholdHandler:
    """The release in `arguments["commit"]` is no longer held."""

    def __init__(self, keeper: HoldKeeper) -> None:
        self._keeper = keeper

    async def inspect(self, step: Step) -> StepOutcome | None:
        """Done when nothing stands."""
        if await self._keeper.is_held(str(step.service), step.arguments["commit"]):
            return None
        return StepOutcome(state=StepState.DONE, found_done=True)

    async def apply(self, step: Step, action: Action) -> None:
        """Lift the hold."""
        warning = await self._keeper.lift(
            str(step.service), step.arguments["commit"], step.arguments.get("reason", ""), action
        )
        if warning:
            action.note(warning)

    async def confirm(self, step: Step, action: Action) -> StepOutcome:
        """The ledger is ours: written is written."""
        del step, action
        return StepOutcome(state=StepState.DONE)
