"""`prove` and `verify`: wait until what answers is the proof."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from lastgood.errors import StepError
from lastgood.model.noun import to_json
from lastgood.model.run import StepOutcome, StepState

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from lastgood.model.plan import Step
    from lastgood.model.proof import Proof
    from lastgood.ports.action import Action

    Look = Callable[[Step], Awaitable[Proof]]

PATIENCE_MARGIN = 0.9
"""The share of the step's time limit after which the last look is taken as the answer."""


class ProveHandler:
    """Looks again and again until the proof stands or the step's time is nearly over."""

    def __init__(self, look: Look, *, cadence_s: float) -> None:
        self._look = look
        self._cadence_s = cadence_s

    async def inspect(self, step: Step) -> StepOutcome | None:
        """Proof is never taken as given: it is looked for each time."""
        del step
        return None

    async def apply(self, step: Step, action: Action) -> None:
        """Nothing is changed by looking."""
        del step, action

    async def confirm(self, step: Step, action: Action) -> StepOutcome:
        """Look until proven.

        Raises:
            StepError: it is not proven; the code is the proof's, the text names what answered.
        """
        clock = asyncio.get_running_loop().time
        deadline = clock() + step.timeout_s * PATIENCE_MARGIN
        proof = await self._look(step)
        while not proof.proven and proof.code != "unproven" and clock() < deadline:
            action.note("; ".join(problem.what for problem in proof.problems) or "looking")
            await asyncio.sleep(self._cadence_s)
            proof = await self._look(step)
        if proof.proven:
            return StepOutcome(state=StepState.DONE, detail={"proof": to_json(proof)})
        raise StepError(
            "; ".join(problem.what for problem in proof.problems) or "not proven",
            mend=next((problem.mend for problem in proof.problems if problem.mend), ""),
            code=proof.code,
        )
