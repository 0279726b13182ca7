"""Facts about what is going on: runs, the lock, watches and who keeps them, holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lastgood.app.facts.fact import Fact
from lastgood.app.status import runner_is_alive

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from lastgood.app.project import Project


async def work_facts(project: Project) -> AsyncIterator[Fact]:
    """What a rollback would meet if it were commanded now."""
    alive = runner_is_alive(project)
    open_runs = project.state.journal.open_runs(project.name)
    yield _runs([run.id for run in open_runs], alive=alive)
    lock = project.state.locks.get(project.name)
    if lock.run is not None and lock.run not in {run.id for run in open_runs}:
        yield Fact(
            name="lock",
            ok=False,
            what=f"{project.name} is locked by {lock.run} of {lock.holder}, which has ended",
            mend="lastgood unlock --reason TEXT",
        )
    else:
        yield Fact(name="lock", ok=True, what=f"held by {lock.run}" if lock.run else "free")
    yield _scheduler(project, alive=alive)
    holds = project.state.holds.standing(project.name)
    names = ", ".join(f"{hold.service} {hold.commit[:12]}" for hold in holds)
    yield Fact(
        name="holds",
        ok=True,
        what=f"held: {names}" if holds else "none stands",
        mend="when a fix is there: lastgood hold release --fix COMMIT --reason TEXT"
        if holds
        else "",
    )
    incident = project.state.incidents.current(project.name)
    if incident is not None:
        yield Fact(
            name="incident",
            ok=True,
            what=f"{incident.id} is open: {incident.title}",
            mend="when it is over: lastgood incident resolve",
        )


def _runs(runs: list[str], *, alive: bool) -> Fact:
    if not runs:
        return Fact(name="runs", ok=True, what="none is open")
    names = ", ".join(runs)
    if alive:
        return Fact(name="runs", ok=True, what=f"{names} is going on", mend="lastgood watch")
    return Fact(
        name="runs",
        ok=False,
        what=f"{names} was interrupted: no runner lives",
        mend="lastgood resume, or lastgood cancel",
    )


def _scheduler(project: Project, *, alive: bool) -> Fact:
    """A watch that nobody keeps is never over: no release would become known good."""
    pending = project.state.watches.pending(project.name)
    names = ", ".join(f"{watch.kind} of {watch.service or watch.subject}" for watch in pending)
    if alive:
        return Fact(
            name="runner", ok=True, what="one lives" + (f"; it keeps {names}" * bool(names))
        )
    if not pending:
        return Fact(
            name="runner",
            ok=True,
            what="none lives, and no watch is pending",
            mend="let one live across reboots, so that releases soak: lastgood worker",
        )
    return Fact(
        name="runner",
        ok=False,
        what=f"none lives, and nobody keeps: {names}",
        mend="lastgood worker, best as a service: docs/worker.md",
    )
