"""The whole flow: observe -> judge -> plan -> execute -> verify -> report.

`prepare` is what a command does before anybody approves; `carry_out` is what the runner does with
an approved plan, whoever gave the command: nothing goes round it. `decide` and the watches call the
same first stages one by one (see `responding`), since most verdicts come to no plan.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple

from lastgood.app.executing import execute
from lastgood.app.judging import judge
from lastgood.app.observing import observe
from lastgood.app.planning import plan
from lastgood.app.proving import Prover as Verifier
from lastgood.app.reporting import report
from lastgood.app.repositories import refresh
from lastgood.app.stating import stated

if TYPE_CHECKING:
    from pathlib import Path

    from lastgood.app.project import Project
    from lastgood.app.request import Request
    from lastgood.model.observation import Observation
    from lastgood.model.plan import Plan
    from lastgood.model.run import Run
    from lastgood.model.verdict import Verdict


class Prepared(NamedTuple):
    """What was seen, what follows from it, and what would be done."""

    observation: Observation
    verdict: Verdict
    plan: Plan


async def prepare(project: Project, request: Request) -> Prepared:
    """From the first look to the plan; changes nothing."""
    async with project.drivers() as drivers:
        # The remotes are asked while the checks are looked at; what is down is told by the plan.
        observation, _ = await asyncio.gather(observe(project, drivers), refresh(drivers))
        verdict = judge(project, observation, stated(project, request.statement))
        made = await plan(project, drivers, request, observation, verdict)
    return Prepared(observation, verdict, made)


async def carry_out(project: Project, run: Run) -> Path:
    """From the approved plan to the report; picks up wherever the run's journal stands."""
    async with project.drivers() as drivers:
        verify = Verifier(project, drivers, run)
        ended = await execute(project, drivers, run, verify)
    return report(project, ended.id)
