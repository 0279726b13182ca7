"""What a person does to a run that is open: let it go on, stop it, take its lock away."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lastgood.app.project import now, operator
from lastgood.app.runs.approved import refuse_changed
from lastgood.app.runs.lockrefs import free_lock_refs, lock_ref_holder
from lastgood.app.runs.resting import start_what_rests
from lastgood.app.runs.submitting import wake
from lastgood.engine.direct.engine import end_children
from lastgood.engine.direct.spawn import depose
from lastgood.errors import RefusedError, RemoteError
from lastgood.model.run import Outcome, RunState

if TYPE_CHECKING:
    from lastgood.app.project import Project
    from lastgood.model.run import Run


def open_run(project: Project, run_id: str | None) -> Run:
    """The named run, or the environment's only open one.

    Raises:
        RefusedError: nothing is open (`nothing-open`).
    """
    journal = project.state.journal
    if run_id is not None:
        run = journal.run(run_id)
        if run.state is RunState.OPEN:
            return run
        raise RefusedError(
            f"{run_id} is not open", cause=f"it ended as {run.outcome}",
            mend="see: lastgood status", code="nothing-open",
        )  # fmt: skip
    runs = journal.open_runs(project.name)
    if not runs:
        raise RefusedError(
            f"no run is open in {project.name}", mend="see: lastgood status", code="nothing-open"
        )
    return runs[-1]


def resume(project: Project, run_id: str | None) -> Run:
    """Let an open run go on; a living runner that carries it out already is not disturbed.

    Raises:
        RefusedError: nothing is open, or what was approved cannot go on as it is now.
    """
    run = open_run(project, run_id)
    refuse_changed(project, run)
    with project.state.transaction():
        resumed = project.state.journal.mark_resumed(run.id, now())
        project.state.events.append(
            "run.resumed", operator(), f"{run.id} goes on",
            at=now(), environment=run.environment, incident=run.incident, run=run.id,
        )  # fmt: skip
    wake(project)
    return resumed


def cancel(project: Project, run_id: str | None) -> Run:
    """Ask an open run to stop; a runner that died is started to stop it properly."""
    run = open_run(project, run_id)
    with project.state.transaction():
        project.state.journal.request_cancel(run.id, operator(), now())
        stopped = project.state.journal.mark_resumed(run.id, now())
        project.state.events.append(
            "run.cancel-requested", operator(), f"{run.id} is asked to stop",
            at=now(), environment=run.environment, incident=run.incident, run=run.id,
        )  # fmt: skip
    wake(project)
    return stopped


async def holder(project: Project) -> str:
    """The run that holds the environment's lock, here or, by its ref, on another machine.

    Raises:
        RefusedError: nobody holds it (`not-locked`).
    """
    lock = project.state.locks.get(project.name)
    if lock.run is not None:
        return lock.run
    async with project.drivers() as drivers:
        run = await lock_ref_holder(project, drivers)
    if run is None:
        raise RefusedError(
            f"nobody holds the lock of {project.name}",
            mend="see: lastgood status",
            code="not-locked",
        )
    return run


class Freed(NamedTuple):
    """Whose lock was taken away.

    Attributes:
        run: the run that held it.
        ours: whether it was a run of this state, which ended by this.
        warnings: repositories in which the lock still is.
        unstarted: services that it had stopped and that could not be started, and why.
    """

    run: str
    ours: bool
    warnings: list[str]
    unstarted: list[str]


async def unlock(project: Project, reason: str) -> Freed:
    """Take the lock away from whoever holds it.

    The epoch grows, so that nothing of that run does anything any more; what it started here is
    ended before the lock counts as free. A run of another machine is not reached: that it is dead
    is what the person says by this command.

    Raises:
        RefusedError: nobody holds the lock (`not-locked`).
        RemoteError: it is another machine's, and still in a repository (`lock-left`).
    """
    state, run = project.state, await holder(project)
    ours = state.locks.get(project.name).run == run
    with state.transaction():
        if ours:
            state.locks.break_lock(project.name, now())
            state.journal.end_run(run, outcome=Outcome.CANCELLED, code="unlocked", at=now())
        state.events.append(
            "lock.broken", operator(), f"the lock was taken from {run}: {project.said(reason)}",
            at=now(), environment=project.name, run=run,
        )  # fmt: skip
    unstarted: list[str] = []
    if ours:
        depose(state.folder)  # the runner may be stopped or stuck, and the next run needs one
        await end_children(state, run, project.masker)
        unstarted = await start_what_rests(project, state.journal.run(run))
        wake(project)  # that runner may have worked for other environments: their runs go on
    async with project.drivers() as drivers:
        warnings = await free_lock_refs(project, drivers, run)
    if warnings and not ours:
        raise RemoteError(
            f"{project.name} is still locked by {run}",
            cause="; ".join(warnings),
            mend="when the repository can be reached: lastgood unlock --reason TEXT",
            code="lock-left",
        )
    return Freed(run, ours, warnings, unstarted)
