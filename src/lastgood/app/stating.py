"""What was stated of the damage in an open incident counts for every command until it is mended.

Who said to `decide` that a migration failed must not have to say so again to `rollback`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from lastgood.model.noun import from_json
from lastgood.model.run import Outcome
from lastgood.model.statement import Statement

if TYPE_CHECKING:
    from datetime import datetime

    from lastgood.app.project import Project

NEWEST = 200
"""How many events are searched."""


def stated(project: Project, now: Statement) -> Statement:
    """What is stated now, with the damage that was stated before in the incident that is open.

    What a run has brought back since is damaged no more. Shares and times are of their moment.
    """
    state = project.state
    incident = state.incidents.current(project.name)
    if incident is None:
        return now
    mended = _mended(project)
    said = [
        _read(event.data.get("statement", ""))
        for event in state.events.tail(NEWEST, project.name, ("verdict.given",))
        if event.incident == incident.id and (mended is None or event.at > mended)
    ]
    return msgspec.structs.replace(
        now,
        corruption=now.corruption or any(one.corruption for one in said),
        data_loss=now.data_loss or any(one.data_loss for one in said),
        failed_migration=now.failed_migration or any(one.failed_migration for one in said),
    )


def _mended(project: Project) -> datetime | None:
    """When a run last brought the environment back."""
    ended = (
        run.ended_at
        for run in project.state.journal.runs(project.name)
        if run.outcome is Outcome.RECOVERED and run.ended_at is not None
    )
    return max(ended, default=None)


def _read(text: str) -> Statement:
    try:
        return from_json(text, Statement)
    except msgspec.DecodeError:  # it was given without one, or was cut
        return Statement()
