"""Carrying a run out, in the runner: handlers for its steps, the engine, and its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lastgood.app.databases.downgrading import DatabaseDowngrader
from lastgood.app.databases.exchanging import DatabaseExchanger
from lastgood.app.holds.holding import HoldKeeper
from lastgood.app.project import now
from lastgood.app.runs.approved import refuse_changed
from lastgood.app.runs.lockrefs import free_lock_refs, take_lock_refs
from lastgood.app.runs.resting import start_what_rests
from lastgood.app.runs.settling import settle
from lastgood.engine.direct.engine import DirectEngine, claim, end_children
from lastgood.errors import RefusedError
from lastgood.execute.handlers.deploy import DeployHandler
from lastgood.execute.handlers.downgrade import DowngradeHandler
from lastgood.execute.handlers.exchange import RestoreHandler, SwapHandler
from lastgood.execute.handlers.hold import HoldHandler, UnholdHandler
from lastgood.execute.handlers.precheck import PrecheckHandler
from lastgood.execute.handlers.prove import ProveHandler
from lastgood.execute.handlers.service import ServiceHandler

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from lastgood.app.project import Project
    from lastgood.app.proving import Prover
    from lastgood.app.wiring import Drivers
    from lastgood.execute.step import Handler
    from lastgood.model.run import Run
    from lastgood.ports.action import Action

TAKEN_AWAY = ("taken-over", "unlocked")
"""Codes of runs whose lock was taken from them: what they left is ended before anything begins."""


async def execute(project: Project, drivers: Drivers, run: Run, prover: Prover) -> Run:
    """Carry an open run out from wherever its journal says it stands; gives the ended run.

    Raises:
        RefusedError: it was begun under another version or configuration; it stays open.
        StaleLeaseError: it was taken over; nothing more was done.
        StateError: the state cannot be written; the run stays open where it stands.
    """
    run = claim(project.state, run)
    handlers = _handlers(project, drivers, run, prover)
    for former in project.state.journal.runs(run.environment):
        if former.code in TAKEN_AWAY:
            await end_children(project.state, former.id, project.masker)
            await start_what_rests(project, former)
    engine = DirectEngine(project.state, run, handlers, project.masker, now)
    outcomes = await engine.carry_out()
    ended = settle(
        project.state,
        run,
        outcomes,
        newest_proof=prover.newest,
        stability_s=project.environment.stability if project.environment.checks else None,
    )
    for warning in await free_lock_refs(project, drivers, run.id):
        note(project, run, "lock.ref-left", warning)
    return ended


def note(project: Project, run: Run, kind: str, text: str) -> None:
    """Write a warning into the run's timeline."""
    project.state.events.append(
        kind, "lastgood", text,
        at=now(), environment=run.environment, incident=run.incident, run=run.id,
    )  # fmt: skip


def _handlers(project: Project, drivers: Drivers, run: Run, prover: Prover) -> dict[str, Handler]:
    """The handler of each kind of step.

    Raises:
        RefusedError: see `refuse_changed`; a run that did nothing yet ends as refused instead.
    """
    plan = run.plan
    services, folder = project.environment.services, project.settings.folder
    starts = {name: service.start for name, service in services.items() if service.start}
    start = ServiceHandler(starts, folder)
    if run.cancel_at is not None:
        # Nothing is begun any more, and whatever changed must not stand in the way; but what was
        # stopped does not stay so.
        return {"start": start}
    try:
        refuse_changed(project, run)
    except RefusedError as refusal:
        if any(record.started_at for record in project.state.journal.steps(run.id)):
            raise
        return {"precheck": PrecheckHandler(plan, {}, _refusing(refusal))}
    chosen = {move.service: drivers.deployers[move.service][move.route] for move in plan.moves}
    keeper = HoldKeeper(project, drivers, run.id)
    prove = ProveHandler(prover.look, cadence_s=prover.cadence_s)

    exchanger = DatabaseExchanger(project, run)

    async def lock(action: Action) -> None:
        action.fence()
        for exchange in plan.exchanges:
            await exchanger.require(exchange)
        for warning in await take_lock_refs(project, drivers, run):
            note(project, run, "lock.ref-missing", warning)

    stops = {name: service.stop for name, service in services.items() if service.stop}
    return {
        "precheck": PrecheckHandler(plan, chosen, lock),
        "restore": RestoreHandler(plan, exchanger),
        "stop": ServiceHandler(stops, folder),
        "swap": SwapHandler(plan, exchanger),
        "downgrade": DowngradeHandler(plan, DatabaseDowngrader(project, run)),
        "start": start,
        "hold": HoldHandler(keeper),
        "unhold": UnholdHandler(keeper),
        "deploy": DeployHandler(plan, chosen),
        "prove": prove,
        "verify": prove,
    }


def _refusing(refusal: RefusedError) -> Callable[[Action], Awaitable[None]]:
    async def refuse(action: Action) -> None:
        del action
        raise refusal

    return refuse
