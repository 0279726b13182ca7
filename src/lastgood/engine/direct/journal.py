"""One run's lines in the journal, written only while its lease is the newest."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from lastgood.model.lock import Lease
    from lastgood.model.run import StepOutcome
    from lastgood.store.state import State


class RunJournal:
    """What the steps of one run write; each line in one transaction with a look at the lease.

    A runner that was stopped and goes on after its run was taken over therefore writes nothing.
    """

    def __init__(self, state: State, lease: Lease, now: Callable[[], datetime]) -> None:
        self._state = state
        self._lease = lease
        self._now = now

    def outcome(self, step: str) -> StepOutcome | None:
        """The recorded final outcome of a step."""
        return self._state.journal.step(self._lease.run, step).outcome

    def start(self, step: str, attempt: int) -> None:
        """Write that an attempt begins."""
        with self._ours():
            self._state.journal.start_step(self._lease.run, step, attempt, self._now())

    def finish(self, step: str, outcome: StepOutcome) -> StepOutcome:
        """Write the final outcome, unless there is one already."""
        with self._ours():
            return self._state.journal.finish_step(self._lease.run, step, outcome, self._now())

    def note(self, step: str, text: str) -> None:
        """Write a word of progress."""
        with self._ours():
            self._state.journal.note_step(self._lease.run, step, text)

    @contextmanager
    def _ours(self) -> Iterator[None]:
        with self._state.transaction():
            self._state.locks.check(self._lease)
            yield
