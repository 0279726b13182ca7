"""The direct engine: the interpreter in this process, our journal as its memory."""

from __future__ import annotations

import asyncio
import sys
import traceback
from typing import TYPE_CHECKING

from lastgood.engine.direct.journal import RunJournal
from lastgood.errors import LastgoodError
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
    """End whatever a run's steps left behind; returns when nothing of it is alive.

    Raises:
        ChildError: something does not die (`child-alive`).
    """
    for record in state.journal.steps(run):
        await step_children(state, run, record.step, masker).clear()


def claim(state: State, run: Run) -> Run:
    """Take the run's lock from whichever process carried it out before, by a new epoch.

    That process may only be stopped; should it go on, it finds its lease stale.

    Raises:
        RefusedError: the run does not hold the lock any more.
    """
    with state.transaction():
        lock = state.locks.get(run.environment)
        since = lock.since or run.commanded_at
        lease = state.locks.take_over(run.environment, run.id, run.id, lock.holder, since)
        return state.journal.set_epoch(run.id, lease.epoch)


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
        self._lease = Lease(environment=run.environment, run=run.id, epoch=run.epoch)
        self._journal = RunJournal(state, self._lease, now)
        self._acting: set[asyncio.Task[StepOutcome]] = set()

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
            if not walking.done():
                watching.result()  # the lease is gone: say so, having stopped everything below
            return await walking
        except BaseExceptionGroup as group:
            raise _first(group) from group
        finally:
            walking.cancel()
            watching.cancel()
            await asyncio.gather(walking, watching, return_exceptions=True)

    async def _call(self, act: Act) -> StepOutcome:
        """Perform a step or write an outcome down."""
        if isinstance(act, Settle):
            return self._journal.finish(act.step.id, act.outcome)
        # Before anything else: a runner that lost the run must not end its successor's children.
        self._state.locks.check(self._lease)
        children = step_children(self._state, self._run.id, act.step.id, self._masker)
        # A step is not run again before its former guard, and all below it, is gone.
        await children.claim()
        outcome = CANCELLED
        if act.step.takes_back is not None:
            outcome = await self._perform(act, children)  # also when it was asked to stop
        elif not self._asked_to_stop():
            outcome = await self._stoppable(asyncio.create_task(self._perform(act, children)))
        await children.clear()
        if outcome is CANCELLED:
            return self._journal.finish(act.step.id, CANCELLED)
        return outcome

    async def _stoppable(self, acting: asyncio.Task[StepOutcome]) -> StepOutcome:
        """Wait for an act that a request to stop ends; `CANCELLED` when it did."""
        self._acting.add(acting)
        try:
            await asyncio.wait({acting})
        except asyncio.CancelledError:
            acting.cancel()
            await asyncio.gather(acting, return_exceptions=True)
            raise
        finally:
            self._acting.discard(acting)
        return CANCELLED if acting.cancelled() else acting.result()

    async def _perform(self, act: Perform, children: GuardedChildren) -> StepOutcome:
        step = act.step
        action = StepAction(
            children=children,
            check_lease=lambda: self._state.locks.check(self._lease),
            write_note=lambda text: self._journal.note(step.id, self._masker.mask(text)),
        )
        try:
            handler = self._handlers[step.kind]
            return await perform(step, act.attempt, handler, self._journal, action)
        except LastgoodError:
            raise
        except Exception as fault:  # noqa: BLE001 - whatever a driver forgot ends its step only
            words = "".join(traceback.format_exception(fault))
            sys.stderr.write(f"{self._run.id} {step.id}: {self._masker.mask(words)}")
            return StepOutcome(
                state=StepState.FAILED,
                code="fault",
                error=self._masker.mask(f"a fault of lastgood: {type(fault).__name__}: {fault}"),
                mend="the runner's log has the details; please report them",
            )

    def _asked_to_stop(self) -> bool:
        """Whether somebody asked this run to stop."""
        return self._state.journal.run(self._run.id).cancel_at is not None

    async def _watch(self) -> None:
        """Look for a request to stop, and that the lease is still ours.

        Raises:
            StaleLeaseError: it is not.
        """
        while True:
            self._state.locks.check(self._lease)
            if self._acting and self._asked_to_stop():
                for task in self._acting:
                    task.cancel()
                self._acting.clear()  # asked once: a second time would break into its tidying
            await asyncio.sleep(LEASE_CADENCE_S)


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first error in a group of groups: branches fail together, one of them says why."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
