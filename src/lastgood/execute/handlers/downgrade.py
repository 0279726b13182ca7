"""`downgrade`: a database's schema is brought back by its own migrations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from lastgood.errors import StepError
from lastgood.model.run import StepOutcome, StepState

if TYPE_CHECKING:
    from lastgood.model.exchange import Exchange
    from lastgood.model.plan import Plan, Step
    from lastgood.ports.action import Action


class Downgrader(Protocol):
    """Who runs migrations backwards."""

    async def revision(self, exchange: Exchange) -> str | None:
        """Up to which migration the live schema is brought."""

    async def downgrade(self, exchange: Exchange, action: Action) -> None:
        """Run the migrations that are kept with the backup down to the exchange's revision."""

    def done(self, exchange: Exchange) -> None:
        """Remember that the schema is there."""


class DowngradeHandler:
    """The live schema is at the revision of before the deployment."""

    def __init__(self, plan: Plan, downgrader: Downgrader) -> None:
        self._plan = plan
        self._downgrader = downgrader

    async def inspect(self, step: Step) -> StepOutcome | None:
        """Done when the database itself says so."""
        exchange = self._plan.exchange(str(step.database))
        if await self._downgrader.revision(exchange) != exchange.lower:
            return None
        return StepOutcome(state=StepState.DONE, found_done=True)

    async def apply(self, step: Step, action: Action) -> None:
        """Run them."""
        await self._downgrader.downgrade(self._plan.exchange(str(step.database)), action)

    async def confirm(self, step: Step, action: Action) -> StepOutcome:
        """The database's word, not the tool's.

        Raises:
            StepError: the tool ended well, and the schema is elsewhere (`not-downgraded`).
        """
        del action
        exchange = self._plan.exchange(str(step.database))
        found = await self._downgrader.revision(exchange)
        if found != exchange.lower:
            raise StepError(
                f"{exchange.database} was not migrated down to {exchange.lower}",
                cause=f"the tool ended well, and the schema is at {found or 'no revision'}",
                mend="bring it back by a backup: lastgood db restore",
                code="not-downgraded",
            )
        self._downgrader.done(exchange)
        return StepOutcome(
            state=StepState.DONE, detail={"upper": exchange.upper, "lower": exchange.lower}
        )
