"""`decide`: look, judge, and do what the verdict asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lastgood.app.judging import ensure_incident, judge, record_verdict
from lastgood.app.observing import observe
from lastgood.app.planning import plan
from lastgood.app.project import now
from lastgood.app.request import Request
from lastgood.app.submitting import wake
from lastgood.errors import LastgoodError
from lastgood.model.verdict import Decision

if TYPE_CHECKING:
    from lastgood.app.project import Project
    from lastgood.app.wiring import Drivers
    from lastgood.model.observation import Observation
    from lastgood.model.statement import Statement
    from lastgood.model.verdict import Verdict

LEADS_TO_INCIDENT = (Decision.ROLLBACK, Decision.HOTFIX)


async def decide(project: Project, statement: Statement) -> Verdict:
    """The verdict on what is seen and stated.

    A rollback or a hotfix opens an incident, a hotfix starts its clock, and monitor keeps a checked
    plan ready: verdicts are not only words.
    """
    async with project.drivers() as drivers:
        observation = await observe(project, drivers)
        verdict = judge(project, observation, statement)
        incident = None
        if verdict.decision in LEADS_TO_INCIDENT:
            incident = ensure_incident(project, verdict, statement.by)
        record_verdict(project, verdict, statement, incident)
        if verdict.decision is Decision.MONITOR:
            await keep_plan(project, drivers, observation, verdict)
    if verdict.decision is Decision.HOTFIX:
        wake(project)
    return verdict


async def keep_plan(
    project: Project, drivers: Drivers, observation: Observation, verdict: Verdict
) -> None:
    """Keep the plan that a rollback would carry out now, so that it is checked before it is needed.

    That there is none yet must not hide the verdict: it becomes an event.
    """
    try:
        made = await plan(project, drivers, Request(), observation, verdict)
    except LastgoodError as error:
        text = f"no rollback can be kept ready: {error}"
    else:
        project.state.plans.keep(made, verdict, now())
        text = f"{made.id} is kept ready"
        if made.refusals:
            text = f"no rollback is possible now: {made.refusals[0].what}"
    project.state.events.append("plan.kept", "lastgood", text, at=now(), environment=project.name)
