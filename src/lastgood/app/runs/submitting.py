"""Giving the command: one committed row, and a runner that takes it up."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from lastgood import __version__
from lastgood.app.project import now, operator
from lastgood.engine.direct.spawn import depose, ensure_runner
from lastgood.errors import RefusedError
from lastgood.model.noun import to_json
from lastgood.model.plan import PlanKind, plan_digest
from lastgood.model.run import Outcome, Run, RunState
from lastgood.model.verdict import Decision
from lastgood.store.journal import new_run_id

if TYPE_CHECKING:
    from datetime import datetime

    from lastgood.app.project import Project
    from lastgood.model.lock import Lease
    from lastgood.model.observation import Observation
    from lastgood.model.plan import Plan
    from lastgood.model.verdict import Verdict
    from lastgood.store.state import State


def submit(
    project: Project,
    plan: Plan,
    *,
    observation: Observation | None,
    verdict: Verdict | None,
    commanded_at: datetime,
    take_over: str | None = None,
) -> Run:
    """Commit the run and the environment's lock in one transaction, then wake a runner.

    Args:
        project: where.
        plan: what was approved; it runs as it is.
        observation: what was seen beforehand: the baseline of the proof.
        verdict: what the judge said, if it was asked.
        commanded_at: when the command was given; the budget's clock starts here.
        take_over: the run whose lock is taken away; it ends as cancelled.

    Raises:
        RefusedError: the plan has refusals, or another run holds the lock (`locked`).
    """
    if plan.refusals:
        first, *others = plan.refusals
        raise RefusedError(
            first.what,
            cause="; ".join(problem.what for problem in others),
            mend=first.mend,
            code=first.code,
        )
    state = project.state
    at = now()
    run_id = new_run_id(at)
    with state.transaction():
        lease = _lock(state, project.name, run_id, at, take_over)
        incident = _incident(state, project.name, plan, verdict, at, commanded_at)
        run = Run(
            id=run_id,
            environment=project.name,
            plan=plan,
            plan_digest=plan_digest(plan),
            epoch=lease.epoch,
            state=RunState.OPEN,
            by=operator(),
            commanded_at=commanded_at,
            incident=incident,
            tool_version=__version__,
            before=observation,
            verdict=verdict,
        )
        state.journal.create_run(run)
        moves = ", ".join(
            (
                *(
                    f"{m.service} {str(m.origin)[:12]} to {m.target[:12]} by {m.method}"
                    for m in plan.moves
                ),
                *(f"{e.database} to {e.goal} by {e.way}" for e in plan.exchanges),
            )
        )
        state.events.append(
            "run.submitted", run.by, f"{plan.kind} approved: {moves}",
            at=at, environment=project.name, incident=incident, run=run_id,
            data={"plan": plan.id, "digest": run.plan_digest},
        )  # fmt: skip
    if take_over is not None:
        depose(state.folder)  # the runner of that run may be stopped or stuck
    wake(project)
    return run


def wake(project: Project, *, linger_s: float = 1.0) -> bool:
    """Start a runner unless one lives; gives whether one was started.

    Args:
        project: whose state it serves.
        linger_s: how long it waits for the first rows: a command that is about to commit one
            starts the runner early, so that both load at the same time.
    """
    state = project.state  # the folder is there, and private, from here on
    command = [
        sys.executable, "-P", "-m", "lastgood.runner",
        "--config", str(project.settings.file), "--env", project.name,
        "--linger", f"{linger_s:g}",
    ]  # fmt: skip
    return ensure_runner(state.folder, command)


def _lock(state: State, environment: str, run: str, at: datetime, take_over: str | None) -> Lease:
    if take_over is None:
        return state.locks.take(environment, run, operator(), at)
    lease = state.locks.take_over(environment, take_over, run, operator(), at)
    state.journal.end_run(take_over, outcome=Outcome.CANCELLED, code="taken-over", at=at)
    state.events.append(
        "run.taken-over", operator(), f"{take_over} was taken over by {run}",
        at=at, environment=environment, run=take_over,
    )  # fmt: skip
    return lease


def _incident(
    state: State,
    environment: str,
    plan: Plan,
    verdict: Verdict | None,
    at: datetime,
    commanded_at: datetime,
) -> str | None:
    """The open incident, or a new one; an undo belongs to the one it undoes."""
    current = state.incidents.current(environment)
    if current is not None:
        return current.id
    if plan.kind is PlanKind.UNDO:
        return None
    # Somebody who orders a rollback against the judge's advice knows more than its reasons say.
    advised = verdict if verdict and verdict.decision is Decision.ROLLBACK else None
    title = plan.reason or (advised.reasons[0] if advised and advised.reasons else "rollback")
    opened = state.incidents.open(
        environment,
        title,
        operator(),
        at,
        impact_start=advised.impact_start if advised else None,
        detected_at=min(at, commanded_at),
    )
    state.events.append(
        "incident.opened", operator(), title,
        at=at, environment=environment, incident=opened.id,
        data={"verdict": to_json(verdict)} if verdict else None,
    )  # fmt: skip
    return opened.id
