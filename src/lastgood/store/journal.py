"""The journal: runs and their steps; what a run's outcome is read from."""

from __future__ import annotations

import difflib
import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from sqlalchemy import Connection, Update, and_, bindparam, func, insert, select, update

from lastgood.errors import RefusedError, StateError
from lastgood.model.run import Outcome, Run, RunState, StepOutcome, StepRecord, StepState
from lastgood.process.masking import harmless
from lastgood.store.columns import Moment, one_line
from lastgood.store.database import Database, noun_of
from lastgood.store.schema import runs, steps

if TYPE_CHECKING:
    from lastgood.model.plan import Plan
    from lastgood.model.proof import Proof

_SUGGESTED = 3
_REMEMBERED = 200
_PROGRESS = {StepState.WAITING, StepState.RUNNING}

# Made once: building a statement costs more than running it.
_THE_STEP = and_(steps.c.run == bindparam("of_run"), steps.c.step == bindparam("of_step"))
_STEP = select(steps).where(_THE_STEP)
_UPDATE_STEP = update(steps).where(_THE_STEP, steps.c.outcome.is_(None))
_START_STEP = _UPDATE_STEP.values(
    started_at=func.coalesce(steps.c.started_at, bindparam("at", type_=Moment()))
)


class Duration(NamedTuple):
    """How long a step of a past run took; what estimates are made of."""

    kind: str
    service: str | None
    method: str
    seconds: float


def new_run_id(at: datetime) -> str:
    """An id for a run commanded at that time, e.g. `run-20261122-105301-ab12`."""
    return f"run-{at.astimezone(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


class Journal:
    """Runs and steps. An outcome, once written, is never replaced by a different one."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create_run(self, run: Run) -> None:
        """Write a run down, each step of its plan waiting: the outbox that a runner looks into."""
        waiting = [
            {
                "run": run.id,
                "step": step.id,
                "place": place,
                "state": StepState.WAITING,
                "attempt": 0,
                "note": "",
            }
            for place, step in enumerate(run.plan.steps)
        ]
        with self._database.write() as connection:
            values = {field: getattr(run, field) for field in run.__struct_fields__}
            connection.execute(insert(runs).values(values))
            if waiting:
                connection.execute(insert(steps), waiting)

    def run(self, run_id: str) -> Run:
        """That run.

        Raises:
            RefusedError: there is none (code `unknown-run`); names the nearest ids.
        """
        with self._database.read() as connection:
            return _run(connection, run_id)

    def runs(self, environment: str | None = None, limit: int = 20) -> list[Run]:
        """The runs, newest command first."""
        query = select(runs).order_by(runs.c.commanded_at.desc(), runs.c.id.desc()).limit(limit)
        if environment is not None:
            query = query.where(runs.c.environment == environment)
        with self._database.read() as connection:
            return [noun_of(Run, row) for row in connection.execute(query)]

    def open_runs(self, environment: str | None = None) -> list[Run]:
        """The runs without an end, oldest command first."""
        query = select(runs).where(runs.c.state == RunState.OPEN)
        if environment is not None:
            query = query.where(runs.c.environment == environment)
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(runs.c.commanded_at, runs.c.id))
            return [noun_of(Run, row) for row in rows]

    def end_run(
        self,
        run_id: str,
        *,
        outcome: Outcome,
        code: str,
        at: datetime,
        proof: Proof | None = None,
        proven_at: datetime | None = None,
    ) -> Run:
        """Write how a run ended; gives the run with the recorded end when it had one already."""
        values = {
            "state": RunState.ENDED,
            "outcome": outcome,
            "code": code,
            "ended_at": at,
            "proof": proof,
            "proven_at": proven_at,
        }
        return self._update_open(run_id, values)

    def request_cancel(self, run_id: str, by: str, at: datetime) -> Run:
        """Ask an open run to stop; the first asking counts."""
        with self._database.write() as connection:
            run = _run(connection, run_id)
            if run.cancel_at is not None:
                return run
            return self._update_open(run_id, {"cancel_at": at, "cancel_by": by})

    def mark_resumed(self, run_id: str, at: datetime) -> Run:
        """Write that somebody asked an open run to go on."""
        return self._update_open(run_id, {"resumed_at": at})

    def set_epoch(self, run_id: str, epoch: int) -> Run:
        """Write the lock's epoch that an open run's side effects carry from now on."""
        return self._update_open(run_id, {"epoch": epoch})

    def steps(self, run_id: str) -> list[StepRecord]:
        """A run's steps in the plan's order."""
        query = select(steps).where(steps.c.run == run_id).order_by(steps.c.place)
        with self._database.read() as connection:
            return [noun_of(StepRecord, row) for row in connection.execute(query)]

    def step(self, run_id: str, step: str) -> StepRecord:
        """One step's line.

        Raises:
            StateError: the run has no such step.
        """
        with self._database.read() as connection:
            return _step(connection, run_id, step)

    def start_step(self, run_id: str, step: str, attempt: int, at: datetime) -> StepRecord:
        """Write that an attempt begins; a step with an outcome stays as it is.

        The time of the first start is kept: a step's seconds count from there.
        """
        values = {"state": StepState.RUNNING, "attempt": attempt, "touched_at": at, "at": at}
        return self._update_step(run_id, step, values, _START_STEP)

    def note_step(self, run_id: str, step: str, text: str) -> StepRecord:
        """Write what is going on; a step with an outcome stays as it is."""
        return self._update_step(run_id, step, {"note": text, "touched_at": datetime.now(UTC)})

    def finish_step(
        self, run_id: str, step: str, outcome: StepOutcome, at: datetime
    ) -> StepOutcome:
        """Write a step's outcome; gives the recorded one when it had one already."""
        if outcome.state in _PROGRESS:
            raise ValueError(f"{outcome.state} is no outcome")
        clean = _storable(outcome)
        values = {"state": outcome.state, "outcome": clean, "ended_at": at, "touched_at": at}
        recorded = self._update_step(run_id, step, values)
        return recorded.outcome or clean

    def last_activity(self, run_id: str) -> datetime:
        """When the run, or one of its steps, was last written to.

        Raises:
            RefusedError: there is no such run.
        """
        with self._database.read() as connection:
            run = _run(connection, run_id)
            query = select(func.max(steps.c.touched_at)).where(steps.c.run == run_id)
            touched = connection.execute(query).scalar()
        times = (run.commanded_at, run.resumed_at, run.cancel_at, run.ended_at, touched)
        return max(at for at in times if at is not None)

    def durations(self, environment: str, limit: int = 50) -> list[Duration]:
        """The times of steps that were really applied in the newest ended runs, newest run first.

        Args:
            environment: whose runs.
            limit: how many runs are looked at.
        """
        newest = (
            select(runs.c.id, runs.c.plan)
            .where(runs.c.environment == environment, runs.c.state == RunState.ENDED)
            .order_by(runs.c.commanded_at.desc(), runs.c.id.desc())
            .limit(limit)
        )
        found: list[Duration] = []
        with self._database.read() as connection:
            plans = {row.id: row.plan for row in connection.execute(newest)}
            done = select(steps).where(
                steps.c.run.in_(list(plans)), steps.c.state == StepState.DONE
            )
            records: dict[str, list[StepRecord]] = {run_id: [] for run_id in plans}
            for row in connection.execute(done.order_by(steps.c.place)):
                records[row.run].append(noun_of(StepRecord, row))
        for run_id, plan in plans.items():
            found += [_duration(plan, record) for record in records[run_id] if _applied(record)]
        return found

    def _update_open(self, run_id: str, values: dict[str, Any]) -> Run:
        """Change an open run; an ended one stays as it is. Gives the run as it then stands."""
        with self._database.write() as connection:
            is_open = runs.c.state == RunState.OPEN
            connection.execute(update(runs).where(runs.c.id == run_id, is_open).values(values))
            return _run(connection, run_id)

    def _update_step(
        self, run_id: str, step: str, values: dict[str, Any], statement: Update = _UPDATE_STEP
    ) -> StepRecord:
        """Change a step without an outcome. Gives the step as it then stands."""
        with self._database.write() as connection:
            connection.execute(statement, {"of_run": run_id, "of_step": step, **values})
            return _step(connection, run_id, step)


def _run(connection: Connection, run_id: str) -> Run:
    row = connection.execute(select(runs).where(runs.c.id == run_id)).first()
    if row is not None:
        return noun_of(Run, row)
    newest = select(runs.c.id).order_by(runs.c.commanded_at.desc()).limit(_REMEMBERED)
    known = [str(other) for other in connection.execute(newest).scalars()]
    near = difflib.get_close_matches(run_id, known, n=_SUGGESTED) or known[:_SUGGESTED]
    raise RefusedError(
        f"there is no run {one_line(run_id)[:60]}",
        cause=f"the nearest are {', '.join(near)}" if near else "nothing was run yet",
        mend="`lastgood status` names the open runs, `lastgood report` the past ones",
        code="unknown-run",
    )


def _step(connection: Connection, run_id: str, step: str) -> StepRecord:
    row = connection.execute(_STEP, {"of_run": run_id, "of_step": step}).first()
    if row is None:
        raise StateError(
            f"run {run_id} has no step {step} in its journal",
            cause="its plan does not name that step",
            mend="`lastgood doctor`",
            code="unknown-step",
        )
    return noun_of(StepRecord, row)


def _storable(outcome: StepOutcome) -> StepOutcome:
    """The outcome with words that nothing acts on, and facts that are text at all."""
    return msgspec.structs.replace(
        outcome,
        error=harmless(outcome.error),
        mend=harmless(outcome.mend),
        detail={key: _text(value) for key, value in outcome.detail.items()},
    )


def _text(value: str) -> str:
    """Odd bytes of a file's name have no place in JSON; everything else stays as it is."""
    return value.encode(errors="replace").decode()


def _applied(record: StepRecord) -> bool:
    return (
        record.outcome is not None and not record.outcome.found_done and record.seconds is not None
    )


def _duration(plan: Plan, record: StepRecord) -> Duration:
    step = plan.step(record.step)
    methods = {move.service: move.method for move in plan.moves}
    method = methods.get(step.service or "", plan.method)
    return Duration(step.kind, step.service, method.value, record.seconds or 0.0)
