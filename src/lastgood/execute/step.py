"""A step is a desired state: look whether it is so already, else bring it about and show it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from lastgood.errors import LastgoodError, StaleLeaseError, StateError
from lastgood.model.run import StepOutcome, StepState

if TYPE_CHECKING:
    from lastgood.model.plan import Step
    from lastgood.ports.action import Action


class Handler(Protocol):
    """Brings one kind of step about. Every method may be called again after a crash."""

    async def inspect(self, step: Step) -> StepOutcome | None:
        """The outcome when it is so already, else None. Changes nothing."""

    async def apply(self, step: Step, action: Action) -> None:
        """Bring it about, checking the fence right before each side effect."""

    async def confirm(self, step: Step, action: Action) -> StepOutcome:
        """Show that it is so; wait as long as it must."""


class StepJournal(Protocol):
    """Where a run's steps are written down."""

    def outcome(self, step: str) -> StepOutcome | None:
        """The recorded final outcome."""

    def start(self, step: str, attempt: int) -> None:
        """Write that an attempt begins."""

    def finish(self, step: str, outcome: StepOutcome) -> StepOutcome:
        """Write the final outcome; gives the recorded one when there was one already."""


async def perform(
    step: Step, attempt: int, handler: Handler, journal: StepJournal, action: Action
) -> StepOutcome:
    """Come to a step's outcome, whatever happened before.

    The order matters. The recorded outcome is returned first, since a crash may have come between
    writing it and telling the interpreter. Then the world is asked, since a crash may have come
    between the side effect and the record. Only then is anything done.

    Raises:
        StaleLeaseError: the run was taken over: it has no say any more, not even that it failed.
        StateError: nothing can be written down: the step stays where it stands.
    """
    recorded = journal.outcome(step.id)
    if recorded is not None:
        return recorded
    try:
        done = await handler.inspect(step)
        if done is None:
            journal.start(step.id, attempt)
            await handler.apply(step, action)
            done = await handler.confirm(step, action)
    except (StaleLeaseError, StateError):
        raise
    except LastgoodError as error:
        return failure(error)
    return journal.finish(step.id, done)


def failure(error: LastgoodError) -> StepOutcome:
    """A failed outcome from the error that caused it."""
    text = f"{error.message} ({error.cause})" if error.cause else error.message
    return StepOutcome(
        state=StepState.FAILED,
        error=text,
        mend=error.mend,
        code=error.code,
        retryable=error.retryable,
    )
