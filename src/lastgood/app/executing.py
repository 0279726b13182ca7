"""Carrying a run out, in the runner: handlers for its steps, the engine, and its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lastgood.app.holding import HoldKeeper
from lastgood.app.project import now
from lastgood.app.settling import settle
from lastgood.engine.direct.engine import DirectEngine
from lastgood.execute.handlers.deploy import DeployHandler
from lastgood.execute.handlers.hold import HoldHandler, UnholdHandler
from lastgood.execute.handlers.precheck import PrecheckHandler
from lastgood.execute.handlers.prove import ProveHandler

if TYPE_CHECKING:
    from lastgood.app.project import Project
    from lastgood.app.proving import Prover
    from lastgood.app.wiring import Drivers
    from lastgood.execute.step import Handler
    from lastgood.model.run import Run


async def execute(project: Project, drivers: Drivers, run: Run, prover: Prover) -> Run:
    """Carry an open run out from wherever its journal says it stands; gives the ended run.

    Raises:
        StaleLeaseError: it was taken over; nothing more was done.
        StateError: the state cannot be written; the run stays open where it stands.
    """
    handlers = _handlers(project, drivers, run, prover)
    engine = DirectEngine(project.state, run, handlers, project.masker, now)
    outcomes = await engine.carry_out()
    return settle(
        project.state,
        run,
        outcomes,
        newest_proof=prover.newest,
        stability_s=project.environment.stability,
    )


def _handlers(project: Project, drivers: Drivers, run: Run, prover: Prover) -> dict[str, Handler]:
    plan = run.plan
    chosen = {move.service: drivers.deployers[move.service][move.route] for move in plan.moves}
    keeper = HoldKeeper(project, drivers, run.id)
    prove = ProveHandler(prover.look, cadence_s=prover.cadence_s)
    return {
        "precheck": PrecheckHandler(plan, chosen),
        "hold": HoldHandler(keeper),
        "unhold": UnholdHandler(keeper),
        "deploy": DeployHandler(plan, chosen),
        "prove": prove,
        "verify": prove,
    }
