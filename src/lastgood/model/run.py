"""A run: one execution of a plan, and the outcomes of its steps."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from lastgood.model.noun import Noun
from lastgood.model.observation import Observation
from lastgood.model.plan import Plan
from lastgood.model.proof import Proof
from lastgood.model.verdict import Verdict


class RunState(StrEnum):
    """Where a run stands."""

    OPEN = "open"
    ENDED = "ended"


class Outcome(StrEnum):
    """How a run ended."""

    RECOVERED = "recovered"
    FAILED = "failed"
    CANCELLED = "cancelled"
    REFUSED = "refused"


class StepState(StrEnum):
    """Where a step stands."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"


class StepOutcome(Noun, frozen=True, kw_only=True):
    """How one attempt of a step ended.

    Attributes:
        state: done, failed, skipped or cancelled.
        found_done: the desired state was there already: nothing was applied.
        detail: facts that later steps and the report need, plain strings.
        error: what went wrong, why and the mend.
        code: the error's code.
    """

    state: StepState
    found_done: bool = False
    detail: dict[str, str] = {}
    error: str = ""
    mend: str = ""
    code: str = ""
    retryable: bool = False


class StepRecord(Noun, frozen=True, kw_only=True):
    """A step's line in the journal.

    Attributes:
        attempt: 1 for the first try; 0 before any.
        seconds: from the first start to the outcome.
        note: the newest word of progress.
    """

    run: str
    step: str
    state: StepState
    attempt: int = 0
    started_at: datetime | None = None
    ended_at: datetime | None = None
    outcome: StepOutcome | None = None
    note: str = ""

    @property
    def seconds(self) -> float | None:
        """From the first start to the outcome; None while it is not over."""
        if self.started_at is None or self.ended_at is None:
            return None
        return seconds_between(self.started_at, self.ended_at)


def seconds_between(begin: datetime, end: datetime) -> float:
    """Never less than none: a clock that was set back in between has lost how long it took."""
    return max(0.0, (end - begin).total_seconds())


class Run(Noun, frozen=True, kw_only=True):
    """One execution of a plan.

    Attributes:
        epoch: the lock's epoch that the run's side effects carry.
        commanded_at: when the command was given: the budget's clock starts here.
        proven_at: when the environment was proven to be back.
        cancel_at: when somebody asked it to stop.
        resumed_at: when somebody last asked it to go on.
        before: what was seen when the command was given: the baseline of the proof.
        verdict: what the judge had said, when the run came from a verdict.
    """

    id: str
    environment: str
    plan: Plan
    plan_digest: str
    epoch: int
    state: RunState
    by: str
    commanded_at: datetime
    incident: str | None = None
    outcome: Outcome | None = None
    code: str = ""
    ended_at: datetime | None = None
    proven_at: datetime | None = None
    proof: Proof | None = None
    cancel_at: datetime | None = None
    cancel_by: str = ""
    resumed_at: datetime | None = None
    tool_version: str = ""
    before: Observation | None = None
    verdict: Verdict | None = None

    @property
    def seconds(self) -> float | None:
        """From the command to the proof, or to the end without one."""
        end = self.proven_at or self.ended_at
        return seconds_between(self.commanded_at, end) if end else None
