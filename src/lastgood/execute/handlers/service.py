"""`stop` and `start`: a service rests while its database is replaced."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lastgood.errors import ChildError, StepError
from lastgood.model.run import StepOutcome, StepState

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from lastgood.model.plan import Step
    from lastgood.ports.action import Action

MARGIN = 0.9
"""The share of the step's time that its command has: it is ended by us, with what it said."""


class ServiceHandler:
    """Runs a service's command; to stop what is stopped, or start what runs, must be harmless.

    Args:
        commands: each service's command.
        folder: where they are run.
    """

    def __init__(self, commands: Mapping[str, Sequence[str]], folder: Path) -> None:
        self._commands = commands
        self._folder = folder

    async def inspect(self, step: Step) -> StepOutcome | None:
        """Nothing tells whether it is so; the command is run."""
        del step
        return None

    async def apply(self, step: Step, action: Action) -> None:
        """Run the command to its end.

        Raises:
            StepError: it failed, hung or is not there (`stop-failed`, `start-failed`).
        """
        argv = self._commands.get(str(step.service))
        if argv is None:
            raise self._failed(
                step, f"the configuration names no command to {step.kind} it any more"
            )
        action.fence()
        action.note(f"{step.kind}: {argv[0]}")
        try:
            await action.children.run(argv, timeout=step.timeout_s * MARGIN, cwd=self._folder)
        except ChildError as error:
            raise self._failed(step, str(error), retryable=True) from error

    async def confirm(self, step: Step, action: Action) -> StepOutcome:
        """The command's word; what answers is proven by another step."""
        del step, action
        return StepOutcome(state=StepState.DONE)

    def _failed(self, step: Step, cause: str, *, retryable: bool = False) -> StepError:
        stop = step.kind == "stop"
        return StepError(
            f"{step.service} could not be {'stopped' if stop else 'started'}",
            cause=cause,
            mend=f"see why {step.service} does not stop, then plan again"
            if stop
            else f"start {step.service} by hand: it rests",
            code=f"{step.kind}-failed",
            retryable=retryable,
        )
