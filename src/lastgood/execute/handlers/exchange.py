"""`restore` and `swap`: a copy takes a database's place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from lastgood.errors import StepError
from lastgood.model.run import StepOutcome, StepState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lastgood.model.exchange import Exchange
    from lastgood.model.plan import Plan, Step
    from lastgood.ports.action import Action


class Exchanger(Protocol):
    """Who restores and swaps."""

    async def stands(self, exchange: Exchange) -> bool:
        """Whether the copy is there, closed."""

    async def restore(self, exchange: Exchange, action: Action) -> None:
        """Restore the backup beside the live database, prove it and keep it, closed."""

    async def swapped(self, exchange: Exchange) -> bool:
        """Whether the copy has taken the live database's place."""

    async def swap(self, exchange: Exchange, action: Action) -> Mapping[str, str]:
        """Let it, wholly or not at all; gives what is to be remembered of it."""

    async def recall(self, exchange: Exchange) -> Mapping[str, str]:
        """What is to be remembered of a swap that was done by somebody who then was cut off."""


class RestoreHandler:
    """The copy stands beside the live database."""

    def __init__(self, plan: Plan, exchanger: Exchanger) -> None:
        self._plan = plan
        self._exchanger = exchanger

    async def inspect(self, step: Step) -> StepOutcome | None:
        """Done when it stands, or stood and was swapped in."""
        exchange = self._plan.exchange(str(step.database))
        there = await self._exchanger.stands(exchange) or await self._exchanger.swapped(exchange)
        return StepOutcome(state=StepState.DONE, found_done=True) if there else None

    async def apply(self, step: Step, action: Action) -> None:
        """Restore it."""
        await self._exchanger.restore(self._plan.exchange(str(step.database)), action)

    async def confirm(self, step: Step, action: Action) -> StepOutcome:
        """What was restored was proven then; that it stands is seen before a service is stopped.

        Raises:
            StepError: it does not (`restore-vanished`).
        """
        del action
        exchange = self._plan.exchange(str(step.database))
        if not await self._exchanger.stands(exchange):
            raise StepError(
                f"{exchange.copy} was restored beside {exchange.database}, and is not there",
                cause="somebody removed it meanwhile",
                mend="see who it was, then plan again",
                code="restore-vanished",
                retryable=True,
            )
        return StepOutcome(state=StepState.DONE)


class SwapHandler:
    """The copy is the live database, the replaced one is in quarantine."""

    def __init__(self, plan: Plan, exchanger: Exchanger) -> None:
        self._plan = plan
        self._exchanger = exchanger
        self._details: dict[str, Mapping[str, str]] = {}

    async def inspect(self, step: Step) -> StepOutcome | None:
        """Done when the replaced one stands under this run's own name for it."""
        exchange = self._plan.exchange(str(step.database))
        if await self._exchanger.swapped(exchange):
            detail = dict(await self._exchanger.recall(exchange))
            return StepOutcome(state=StepState.DONE, found_done=True, detail=detail)
        return None

    async def apply(self, step: Step, action: Action) -> None:
        """Swap."""
        exchange = self._plan.exchange(str(step.database))
        self._details[step.id] = await self._exchanger.swap(exchange, action)

    async def confirm(self, step: Step, action: Action) -> StepOutcome:
        """The swap itself has looked whether it is so."""
        del action
        return StepOutcome(state=StepState.DONE, detail=dict(self._details.get(step.id, {})))
