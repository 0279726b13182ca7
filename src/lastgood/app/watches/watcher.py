"""Watching an environment for people: what is seen, what the judge makes of it, what is pending."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, NamedTuple

from lastgood.app.judging import judge
from lastgood.app.observing import observe, observer, recorded
from lastgood.app.responding import respond
from lastgood.app.runs.submitting import wake
from lastgood.model.statement import Statement
from lastgood.model.verdict import Decision

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from lastgood.app.project import Project
    from lastgood.model.observation import Observation
    from lastgood.model.verdict import Verdict
    from lastgood.model.watch import Watch

CADENCE_S = 1.0


class Sight(NamedTuple):
    """One look with what follows from it."""

    observation: Observation
    verdict: Verdict
    watches: list[Watch]


def open_run_id(project: Project) -> str | None:
    """The environment's open run."""
    runs = project.state.journal.open_runs(project.name)
    return runs[-1].id if runs else None


async def first_sight(project: Project) -> Sight:
    """One look from cold."""
    async with project.drivers() as drivers:
        observation = await observe(project, drivers)
    verdict = judge(project, observation, Statement())
    return Sight(observation, verdict, project.state.watches.pending(project.name))


async def sights(project: Project) -> AsyncGenerator[Sight, None]:
    """Look again and again until closed; a verdict that changes has its consequences."""
    statement = Statement(by="watch")
    if project.state.watches.pending(project.name):
        wake(project)
    async with project.drivers() as drivers:
        watcher = observer(project, drivers)
        # From cold every check is without a standing: that is no verdict that anybody should read.
        observation = await watcher.settle(recorded(project))
        looking = asyncio.create_task(watcher.prober.run())
        told: Decision | None = Decision.MONITOR
        try:
            while True:
                verdict = judge(project, observation, statement)
                if verdict.decision is not told:
                    told = verdict.decision
                    if await respond(project, drivers, observation, verdict, statement):
                        wake(project)
                yield Sight(observation, verdict, project.state.watches.pending(project.name))
                await asyncio.sleep(CADENCE_S)
                observation = await watcher.observe(recorded(project))
        finally:
            looking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await looking
