"""Rows as they were before repairs: what is kept of them, and until when."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from lastgood.app.backups.freezing import frozen
from lastgood.app.backups.place import place_of
from lastgood.app.databases.quarantine import NEVER_S
from lastgood.app.project import now, operator
from lastgood.backup.layout import taken_at
from lastgood.errors import LastgoodError, RefusedError
from lastgood.ports.repairing import Repairing

if TYPE_CHECKING:
    from collections.abc import Callable

    from lastgood.app.backups.place import Place
    from lastgood.app.project import Project
    from lastgood.ports.repairing import Before

    Tell = Callable[[str], None]

DROPPED = "database.repair-forgotten"


def repairing_place(project: Project, database: str | None) -> tuple[Place, Repairing]:
    """The named database, or the only one, in which rows can be repaired.

    Raises:
        RefusedError: its driver cannot do that (`no-repair`).
    """
    place = place_of(project, database)
    if not isinstance(place.database, Repairing):
        raise RefusedError(
            f"the driver of {place.name} cannot repair single tables",
            mend="bring the whole database back: lastgood db restore",
            code="no-repair",
        )
    return place, place.database


def befores(project: Project, database: str | None) -> list[Before]:
    """What is kept of rows before repairs; nothing where the driver repairs none."""
    repairing = place_of(project, database).database
    return repairing.befores() if isinstance(repairing, Repairing) else []


def forget(project: Project, database: str | None, before: str, why: str) -> None:
    """Drop what is kept of rows before a repair, for good.

    Raises:
        RefusedError: a run is under way (`locked`).
    """
    place, repairing = repairing_place(project, database)
    project.state.locks.require_free(project.name)
    repairing.drop_before(before)
    project.state.events.append(
        DROPPED, operator(),
        f"what was kept of rows of {place.name} before the repair {before} was dropped: {why}",
        at=now(), environment=project.name, data={"database": place.name, "before": before},
    )  # fmt: skip


def expire(project: Project, database: str, tell: Tell) -> None:
    """Drop what was kept as long as a replaced database is; nothing while that is frozen."""
    try:
        options = project.environment.databases[database].options
        kept_for = timedelta(seconds=getattr(options, "quarantine", NEVER_S))
        found = [one for one in befores(project, database) if now() >= taken_at(one.id) + kept_for]
        if not found or frozen(project):
            return
        for one in found:
            forget(project, database, one.id, f"it was kept since {taken_at(one.id):%Y-%m-%d}")
    except LastgoodError as error:
        tell(f"no rows before repairs were looked after: {error}")
