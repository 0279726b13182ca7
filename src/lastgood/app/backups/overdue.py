"""The alarm of a backup that is overdue: once for each time that none was proven for too long."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from lastgood.app.project import now, operator
from lastgood.config.duration import spell

if TYPE_CHECKING:
    from lastgood.app.project import Project
    from lastgood.model.event import Event

OVERDUE, PROVEN, CREATED, FAILED = (
    "backup.overdue", "backup.proven", "backup.created", "backup.failed",
)  # fmt: skip
INTERVALS = 2
"""One until the next is due, one for it to be made and proven."""
_LOOKED_AT = 500
_NEVER = "never"


def is_overdue(newest: datetime, every: float, at: datetime) -> bool:
    """Whether the next proven backup has been awaited for too long.

    Args:
        newest: when the newest proven one was taken, or when one was first tried.
        every: seconds from one to the next.
        at: the time.
    """
    return at - newest > timedelta(seconds=INTERVALS * every)


def sound_if_overdue(project: Project, database: str, every: float, known: datetime | None) -> bool:
    """Write the alarm down where it is due; whether it was.

    Args:
        project: whose events tell what this machine saw.
        database: of which the backups are.
        every: seconds from one to the next.
        known: when the newest proven backup was taken, as far as the store said.
    """
    state = project.state
    with state.transaction():  # of several who see it at once, one sounds it
        proven = max(filter(None, (known, newest_proven(project, database))), default=None)
        since = proven or first_try(project, database)
        if since is None or not is_overdue(since, every, now()):
            return False
        period = proven.isoformat() if proven else _NEVER
        sounded = _events(project, database, OVERDUE)
        if sounded and sounded[-1].data.get("since") == period:
            return False
        last = f"the last is of {proven:%Y-%m-%d %H:%M:%S} UTC" if proven else "there is none"
        state.events.append(
            OVERDUE, operator(),
            f"no proven backup of {database} for longer than {spell(INTERVALS * every)}: {last}",
            at=now(), environment=project.name, data={"database": database, "since": period},
        )  # fmt: skip
        return True


def newest_proven(project: Project, database: str) -> datetime | None:
    """When the newest backup was taken that this machine saw proven."""
    taken = (
        event.data.get("made_at", "")
        for event in _events(project, database, PROVEN)
        if event.data.get("restorable") == "true"
    )
    return max(map(datetime.fromisoformat, filter(None, taken)), default=None)


def first_try(project: Project, database: str) -> datetime | None:
    """When this machine first tried, as far as its newest events tell."""
    tries = _events(project, database, CREATED, FAILED)
    return tries[0].at if tries else None


def last_failure(project: Project, database: str) -> Event | None:
    """The newest try, if it made no backup."""
    tries = _events(project, database, CREATED, FAILED)
    return tries[-1] if tries and tries[-1].kind == FAILED else None


def _events(project: Project, database: str, *kinds: str) -> list[Event]:
    found = project.state.events.tail(_LOOKED_AT, project.name, kinds)
    return [event for event in found if event.data.get("database") == database]
