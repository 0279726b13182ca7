"""The direct engine: the interpreter in this process, our journal as its memory."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from lastgood.execute.action import StepAction
from lastgood.execute.interpreter import interpret
from lastgood.execute.step import perform
from lastgood.model.act import Act, Settle
from lastgood.model.lock import Lease
from lastgood.model.run import StepOutcome, StepState
from lastgood.process.guarded import GuardedChildren

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from lastgood.execute.step import Handler
    from lastgood.model.act import Perform
    from lastgood.model.run import Run
    from lastgood.process.masking import Masker
    from lastgood.store.state import State

LEASE_CADENCE_S = 0.2
"""How often a run looks whether it was cancelled or its environment taken over."""

CANCELLED = StepOutcome(state=StepState.CANCELLED, code="cancelled", error="stopped on request")


def step_children(state: State, run: str, step: str, masker: Masker) -> GuardedChildren:
    """The children of one step: one guard's folder and tag, whichever process asks."""
    return GuardedChildren(state.folder / "guards", f"{run}.{step}", masker)


async def end_children(state: State, run: str, masker: Masker) -> None:
    """End whatever a run's begun steps left behind; returns when nothing of it is alive.

    Raises:
        ChildError: something does not die (`child-alive`).
    """
    for record in state.journal.steps(run):
        if record.started_at is not None:
            await step_children(state, run, record.step, masker).clear()


class RunJournal:
    """One run's lines in the store's journal."""

    def __init__(self, state: State, run: str, now: Callable[[], datetime]) -> None:
        self._journal = state.journal
        self._run = run
        self._now = now

    def outcome(self, step: str) -> StepOutcome | None:
        """The recorded final outcome of a step."""
        records = {record.step: record for record in self._journal.steps(self._run)}
        return records[step].outcome if step in records else None

    def start(self, step: str, attempt: int) -> None:
        """Write that an attempt begins."""
        self._journal.start_step(self._run, step, attempt, self._now())

    def finish(self, step: str, outcome: StepOutcome) -> StepOutcome:
        """Write the final outcome, unless there is one already."""
        return self._journal.finish_step(self._run, step, outcome, self._now())

    def note(self, step: str, text: str) -> None:
        """Write a word of progress."""
        self._journal.note_step(self._run, step, text)


class DirectEngine:
    """Carries one run out."""

    def __init__(
        self,
        state: State,
        run: Run,
        handlers: Mapping[str, Handler],
        masker: Masker,
        now: Callable[[], datetime],
    ) -> None:
        self._state = state
        self._run = run
        self._handlers = handlers
        self._masker = masker
        self._journal = RunJournal(state, run.id, now)
        self._lease = Lease(environment=run.environment, run=run.id, epoch=run.epoch)
        self._acting: set[asyncio.Task[StepOutcome]] = set()
        self._cancelled = False

    async def carry_out(self) -> Mapping[str, StepOutcome]:
        """Walk the run's plan from wherever its journal says it stands.

        Returns:
            Each step's outcome. Nothing of this run is alive any more when it returns.

        Raises:
            StaleLeaseError: the environment was taken over; nothing more was done.
            StateError: the journal cannot be written; the run stays open where it stands.
        """
        walking = asyncio.create_task(interpret(self._run.plan, self._call, asyncio.sleep))
        watching = asyncio.create_task(self._watch())
        try:
            await asyncio.wait({walking, watching}, return_when=asyncio.FIRST_COMPLETED)
            if watching.done() and not walking.done():
                watching.result()  # the lease is gone: say so, having stopped everything below
            return await walking
        except BaseExceptionGroup as group:
            raise _first(group) from group
        finally:
            for task in (walking, watching):
                task.cancel()
            await asyncio.wait({walking, watching})

    async def _call(self, act: Act) -> StepOutcome:
        """Perform a step or write an outcome down."""
        if isinstance(act, Settle):
            return self._journal.finish(act.step.id, act.outcome)
        if self._cancelled:
            return self._journal.finish(act.step.id, CANCELLED)
        children = step_children(self._state, self._run.id, act.step.id, self._masker)
        # A step is not run again before its former guard, and all below it, is gone.
        await children.clear()
        acting = asyncio.create_task(self._perform(act, children))
        self._acting.add(acting)
        try:
            await asyncio.wait({acting})
        except asyncio.CancelledError:
            acting.cancel()
            await asyncio.wait({acting})
            raise
        finally:
            self._acting.discard(acting)
        if acting.cancelled():
            return self._journal.finish(act.step.id, CANCELLED)
        return acting.result()

    async def _perform(self, act: Perform, children: GuardedChildren) -> StepOutcome:
        step = act.step
        action = StepAction(
            children=children,
            check_lease=lambda: self._state.locks.check(self._lease),
            write_note=lambda text: self._journal.note(step.id, self._masker.mask(text)),
        )
        handler = self._handlers.get(step.kind)
        if handler is None:
            # The plan was approved under another version of lastgood.
            return StepOutcome(
                state=StepState.FAILED,
                code="unknown-step",
                error=f"this version of lastgood knows no step of the kind {step.kind}",
                mend="resume with the version that made the plan, or unlock and plan again",
            )
        return await perform(step, act.attempt, handler, self._journal, action)

    async def _watch(self) -> None:
        """Look for a request to stop, and that the lease is still ours.

        Raises:
            StaleLeaseError: it is not.
        """
        while True:
            self._state.locks.check(self._lease)
            if not self._cancelled and self._state.journal.run(self._run.id).cancel_at is not None:
                self._cancelled = True
                for task in self._acting:
                    task.cancel()
            await asyncio.sleep(LEASE_CADENCE_S)


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first error in a group of groups: branches fail together, one of them says why."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
