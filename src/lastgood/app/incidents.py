"""Incidents as people open, note and resolve them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lastgood.app.project import now, operator
from lastgood.errors import RefusedError

if TYPE_CHECKING:
    from lastgood.app.project import Project
    from lastgood.model.event import Event
    from lastgood.model.incident import Incident


def named(project: Project, incident_id: str | None) -> Incident:
    """The named incident, or the newest open one.

    Raises:
        RefusedError: there is none.
    """
    if incident_id is not None:
        return project.state.incidents.get(incident_id)
    current = project.state.incidents.current(project.name)
    if current is None:
        raise RefusedError(
            f"no incident is open in {project.name}",
            mend="name one of: lastgood incident list",
            code="no-incident",
        )
    return current


def open_incident(project: Project, title: str) -> Incident:
    """Open an incident.

    Raises:
        RefusedError: one is open already (`incident-open`).
    """
    refuse_second(project)
    title = project.said(title)
    with project.state.transaction():
        opened = project.state.incidents.open(
            project.name, title, operator(), now(), detected_at=now()
        )
        _event(project, opened.id, "incident.opened", title)
    return opened


def refuse_second(project: Project) -> None:
    """An environment has one open incident at most.

    Raises:
        RefusedError: one is open already (`incident-open`).
    """
    current = project.state.incidents.current(project.name)
    if current is not None:
        raise RefusedError(
            f"{current.id} is open already: {current.title}",
            mend="add to it: lastgood incident note TEXT",
            code="incident-open",
        )


def add_note(project: Project, incident_id: str | None, text: str) -> Event:
    """Write a line into an incident's timeline."""
    return _event(project, named(project, incident_id).id, "incident.noted", project.said(text))


def resolve_incident(project: Project, incident_id: str | None, note: str) -> Incident:
    """Resolve an incident; one that is resolved already stays as it is."""
    found = named(project, incident_id)
    note = project.said(note)
    with project.state.transaction():
        resolved = project.state.incidents.resolve(found.id, operator(), now(), note)
        if found.resolved_at is None:
            _event(project, found.id, "incident.resolved", note or "resolved")
    return resolved


def _event(project: Project, incident_id: str, kind: str, text: str) -> Event:
    return project.state.events.append(
        kind, operator(), text, at=now(), environment=project.name, incident=incident_id
    )
