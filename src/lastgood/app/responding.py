"""What a verdict leads to: an incident, a kept plan, a clock, and where allowed the rollback."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lastgood.app.judging import ensure_incident, record_verdict
from lastgood.app.planning import plan
from lastgood.app.project import now
from lastgood.app.request import Request
from lastgood.app.runs.submitting import submit
from lastgood.errors import LastgoodError
from lastgood.model.verdict import Decision

if TYPE_CHECKING:
    from lastgood.app.project import Project
    from lastgood.app.wiring import Drivers
    from lastgood.model.observation import Observation
    from lastgood.model.run import Run
    from lastgood.model.statement import Statement
    from lastgood.model.verdict import Verdict

LEADS_TO_INCIDENT = (Decision.ROLLBACK, Decision.HOTFIX)


async def respond(
    project: Project,
    drivers: Drivers,
    observation: Observation,
    verdict: Verdict,
    statement: Statement,
) -> Run | None:
    """Do what a verdict asks for; gives the run, when the policy lets one begin by itself.

    A rollback or a hotfix opens an incident, a hotfix starts its clock, and monitor keeps a checked
    plan ready: verdicts are not only words.
    """
    incident = None
    if verdict.decision in LEADS_TO_INCIDENT:
        incident = ensure_incident(project, verdict, statement.by)
    record_verdict(project, observation, verdict, statement, incident)
    if verdict.decision is Decision.MONITOR:
        await keep_plan(project, drivers, observation, verdict)
    if verdict.decision is Decision.ROLLBACK and project.policy.auto == "rollback":
        return await _roll_back(project, drivers, observation, verdict)
    return None


async def keep_plan(
    project: Project, drivers: Drivers, observation: Observation, verdict: Verdict
) -> None:
    """Keep the plan that a rollback would carry out now, so that it is checked before it is needed.

    That there is none must not hide the verdict: it becomes an event.
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


async def _roll_back(
    project: Project, drivers: Drivers, observation: Observation, verdict: Verdict
) -> Run | None:
    """Begin the rollback that the policy allows; one that is refused becomes an event."""
    commanded_at = now()
    try:
        made = await plan(project, drivers, Request(), observation, verdict)
        return submit(
            project, made, observation=observation, verdict=verdict, commanded_at=commanded_at
        )
    except LastgoodError as error:
        project.state.events.append(
            "rollback.not-begun", "lastgood", f"no rollback by itself: {error}",
            at=now(), environment=project.name,
        )  # fmt: skip
        return None
