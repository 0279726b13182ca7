"""Whether backups and warm targets may go now, or new ones take their place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lastgood.model.watch import WatchKind

if TYPE_CHECKING:
    from lastgood.app.project import Project


def frozen(project: Project) -> str:
    """Why nothing may go now: what is old today may be wanted tonight."""
    state = project.state
    incident = state.incidents.current(project.name)
    if incident is not None:
        return f"{incident.id} is open"
    held = state.holds.standing(project.name)
    if held:
        return f"{held[0].service} {held[0].commit[:12]} is held"
    if state.journal.open_runs(project.name):
        return "a run is under way"
    soaks = [one for one in state.watches.pending(project.name) if one.kind is WatchKind.SOAK]
    return f"{soaks[0].service} {soaks[0].subject[:12]} soaks" if soaks else ""
