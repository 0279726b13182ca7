"""Old releases are removed, never one that a rollback may want."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lastgood.app.project import now
from lastgood.errors import LastgoodError
from lastgood.execute.action import StepAction
from lastgood.model.release import Standing
from lastgood.process.children import PlainChildren

if TYPE_CHECKING:
    from lastgood.app.project import Project
    from lastgood.app.wiring import Drivers

NEWEST_GOOD = 3
"""So many newest known good releases are possible targets and always stay."""


async def prune_releases(project: Project, drivers: Drivers, service: str) -> None:
    """Let each deploy driver remove what is old.

    Nothing is removed while an incident is open, a release is held or a run is under way: what is
    old today may be wanted tonight.
    """
    state = project.state
    busy = (
        state.incidents.current(project.name) is not None
        or state.holds.standing(project.name)
        or state.journal.open_runs(project.name)
    )
    if busy:
        return
    releases = state.ledger.releases(project.name, service)
    good = [r.commit for r in releases if r.standing is Standing.KNOWN_GOOD]
    live = state.ledger.live(project.name, service)
    protected = {*good[:NEWEST_GOOD], *([live.commit] if live else [])}

    def check_free() -> None:
        if state.journal.open_runs(project.name):
            raise LastgoodError("a run has begun", code="busy", retryable=True)

    action = StepAction(
        children=PlainChildren(project.masker), check_lease=check_free, write_note=lambda _: None
    )
    for deployer in drivers.deployers[service]:
        try:
            gone = await deployer.prune(protected, action)
        except LastgoodError as error:
            text = f"old releases of {service} could not be removed: {error}"
        else:
            if not gone:
                continue
            text = f"removed old releases of {service}: {', '.join(c[:12] for c in gone)}"
        state.events.append("releases.pruned", "lastgood", text, at=now(), environment=project.name)
