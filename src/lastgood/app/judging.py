"""Asking the judge, and keeping what its verdict asks for."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from lastgood.app.project import now, operator
from lastgood.app.remembering import memory_of
from lastgood.judge.judge import judge as decide
from lastgood.model.noun import to_json
from lastgood.model.verdict import Decision
from lastgood.model.watch import WatchKind

if TYPE_CHECKING:
    from lastgood.app.project import Project
    from lastgood.model.incident import Incident
    from lastgood.model.observation import Observation
    from lastgood.model.statement import Statement
    from lastgood.model.verdict import Verdict


def judge(project: Project, observation: Observation | None, statement: Statement) -> Verdict:
    """The verdict on what was seen and stated; nothing is written."""
    releases = project.state.ledger.releases(project.name)
    return decide(project.policy, statement, observation, releases, now())


def record_verdict(
    project: Project,
    observation: Observation | None,
    verdict: Verdict,
    statement: Statement,
    incident: Incident | None,
) -> None:
    """Write the verdict into the events, with since when checks fail; a hotfix starts its clock."""
    state = project.state
    with state.transaction():
        state.events.append(
            "verdict.given",
            statement.by or operator(),
            f"{verdict.decision}: {verdict.reasons[0] if verdict.reasons else 'no reason'}",
            at=verdict.at,
            environment=project.name,
            incident=incident.id if incident else None,
            data={"verdict": to_json(verdict), "statement": to_json(statement)}
            | memory_of(observation),
        )
        if verdict.decision is Decision.HOTFIX and statement.hotfix_in_s is not None:
            state.watches.supersede(project.name, WatchKind.HOTFIX)
            state.watches.add(
                project.name,
                WatchKind.HOTFIX,
                incident.id if incident else project.name,
                since=verdict.at,
                until=verdict.at + timedelta(seconds=project.policy.hotfix_under_s),
            )


def ensure_incident(project: Project, verdict: Verdict, by: str) -> Incident:
    """The environment's open incident; opened by this verdict when there is none."""
    state = project.state
    current = state.incidents.current(project.name)
    if current is not None:
        return current
    title = verdict.reasons[0] if verdict.reasons else verdict.decision.value
    with state.transaction():
        opened = state.incidents.open(
            project.name,
            title,
            by,
            verdict.at,
            impact_start=verdict.impact_start,
            detected_at=verdict.at,
        )
        state.events.append(
            "incident.opened",
            by,
            title,
            at=verdict.at,
            environment=project.name,
            incident=opened.id,
            data={"verdict": to_json(verdict)},
        )
    return opened
