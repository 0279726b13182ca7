"""`decide`: look, judge, and do what the verdict asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lastgood.app.judging import judge
from lastgood.app.observing import observe
from lastgood.app.responding import respond
from lastgood.app.runs.submitting import wake
from lastgood.model.verdict import Decision

if TYPE_CHECKING:
    from lastgood.app.project import Project
    from lastgood.model.statement import Statement
    from lastgood.model.verdict import Verdict


async def decide(project: Project, statement: Statement, *, dry_run: bool = False) -> Verdict:
    """The verdict on what is seen and stated; it has its consequences, unless it is a dry run."""
    async with project.drivers() as drivers:
        observation = await observe(project, drivers)
        verdict = judge(project, observation, statement)
        if dry_run:
            return verdict
        run = await respond(project, drivers, observation, verdict, statement)
    if run is not None or verdict.decision is Decision.HOTFIX:
        wake(project)
    return verdict
