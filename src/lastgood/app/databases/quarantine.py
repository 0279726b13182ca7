"""Replaced databases: which are kept, since when, until when; dropped by a person or by time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from lastgood.app.backups.freezing import frozen
from lastgood.app.backups.place import place_of
from lastgood.app.project import now, operator
from lastgood.backup.layout import is_id, taken_at
from lastgood.errors import LastgoodError, RefusedError
from lastgood.ports.swapping import Swapping

if TYPE_CHECKING:
    from collections.abc import Callable

    from lastgood.app.project import Project
    from lastgood.model.problem import Problem

    Tell = Callable[[str], None]

EXPIRING, DROPPED = "quarantine.expiring", "quarantine.dropped"
NOTICE = timedelta(days=1)
"""How long before its end people are told, and how long it stays at least once they were."""
NEVER_S = 604_800.0
MOST_EVENTS = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class SwappingPlace:
    """A database whose name copies can take."""

    name: str
    swapping: Swapping


@dataclass(frozen=True, kw_only=True, slots=True)
class Former:
    """A replaced database.

    Attributes:
        id: what it is kept under.
        replaced_at: when it was.
        until: when it may be dropped by itself.
        bytes: what it takes on the server.
        problems: whether it stands open, or who may enter it.
    """

    id: str
    replaced_at: datetime
    until: datetime
    bytes: int
    problems: tuple[Problem, ...] = ()


def swapping_place(project: Project, database: str | None) -> SwappingPlace:
    """The named database, or the only one.

    Raises:
        RefusedError: its driver cannot replace a database by a copy (`no-swap`).
    """
    place = place_of(project, database)
    if not isinstance(place.database, Swapping):
        raise RefusedError(
            f"the driver of {place.name} cannot replace a database by a copy",
            mend="restore by hand: docs/backups.md",
            code="no-swap",
        )
    return SwappingPlace(name=place.name, swapping=place.database)


def formers(project: Project, place: SwappingPlace) -> list[Former]:
    """The replaced databases that are there, the oldest first."""
    options = project.environment.databases[place.name].options
    kept_for = timedelta(seconds=getattr(options, "quarantine", NEVER_S))
    return [
        Former(
            id=one.id,
            replaced_at=taken_at(one.id),
            until=taken_at(one.id) + kept_for,
            bytes=one.bytes,
            problems=one.problems,
        )
        for one in place.swapping.quarantined()
    ]


def former(project: Project, place: SwappingPlace, quarantine: str | None) -> str:
    """The id of the named replaced database, or of the newest.

    Raises:
        RefusedError: there is none (`no-quarantine`).
    """
    ids = [one.id for one in formers(project, place)]
    if quarantine is None and ids:
        return ids[-1]
    if quarantine in ids:
        return str(quarantine)
    raise RefusedError(
        f"{place.name} has no replaced database{f' {quarantine[:60]!r}' if quarantine else ''}",
        cause=f"there are: {', '.join(ids)}" if ids else "nothing was replaced, or it was dropped",
        mend="see: lastgood db quarantine",
        code="no-quarantine",
    )


def drop(project: Project, place: SwappingPlace, quarantine: str, why: str) -> None:
    """Drop a replaced database, for good.

    Raises:
        RefusedError: there is no such one, or a run is under way (`locked`).
    """
    chosen = former(project, place, quarantine)
    project.state.locks.require_free(project.name)
    place.swapping.drop_quarantined(chosen)
    _remember(project, place, DROPPED, chosen, f"was dropped: {why}")


def expire(project: Project, database: str, tell: Tell) -> None:
    """Drop what was kept long enough, a day after people were told; nothing while it is frozen.

    Only what a run of ours has replaced: one of another name was named so by a person, to stay.
    """
    try:
        place = swapping_place(project, database)
        if not (found := formers(project, place)) or frozen(project):
            return
        events = project.state.events.tail(MOST_EVENTS, project.name, (EXPIRING,))
        told = {event.data.get("quarantine", ""): event.at for event in events}
        for one in found:
            if is_id(one.id):
                _expire(project, place, one, told.get(one.id))
    except LastgoodError as error:
        tell(f"no replaced database was looked after: {error}")


def _expire(project: Project, place: SwappingPlace, one: Former, told_at: datetime | None) -> None:
    if told_at is None and now() >= one.until - NOTICE:
        until = max(one.until, now() + NOTICE)
        _remember(
            project, place, EXPIRING, one.id,
            f"is dropped after {until:%Y-%m-%d %H:%M} UTC: nothing can be undone or salvaged then",
        )  # fmt: skip
    elif told_at is not None and now() >= max(one.until, told_at + NOTICE):
        drop(project, place, one.id, f"it was kept since {one.replaced_at:%Y-%m-%d}")


def _remember(
    project: Project, place: SwappingPlace, kind: str, quarantine: str, what: str
) -> None:
    project.state.events.append(
        kind, operator(), f"the replaced database {quarantine} of {place.name} {what}",
        at=now(), environment=project.name,
        data={"database": place.name, "quarantine": quarantine},
    )  # fmt: skip
