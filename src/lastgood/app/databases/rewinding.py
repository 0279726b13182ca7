"""Going back by the server's files: what it could go back to, and what goes with it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from lastgood.app.backups.warming import doubt_of
from lastgood.app.project import now
from lastgood.errors import UsageError
from lastgood.model.exchange import Way
from lastgood.model.problem import Problem
from lastgood.plan.request import Candidate
from lastgood.ports.rewinding import Point, PointKind, Rewinding

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lastgood.app.project import Project
    from lastgood.model.backup import StoredBackup
    from lastgood.model.exchange import Exchange
    from lastgood.plan.request import DatabaseFacts, PlanRequest
    from lastgood.ports.rewinding import Rewindable

BYTES_A_SECOND = 50_000_000
"""Of a restore that was never measured: files that are the same already are only read."""


def moment(text: str) -> datetime:
    """A moment that a person names.

    Raises:
        UsageError: it is none, or it does not say of which time zone it is.
    """
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = datetime.min  # noqa: DTZ901 - it has no zone: refused below
    if found.tzinfo is None:
        raise UsageError(
            f"--at {text[:60]!r} is no moment",
            cause="it must say of which time zone it is, else nobody knows which hour is meant",
            mend="e.g. --at 2026-11-22T03:15:00Z, or with +01:00",
        )
    return found.astimezone(UTC)


def survey_rewind(
    project: Project,
    request: PlanRequest,
    facts: DatabaseFacts,
    database: object,
    backups: Sequence[StoredBackup],
    undone: Exchange | None,
) -> DatabaseFacts:
    """What is known of a database whose whole server shall go back.

    `backups` are those before which a restore point was made; `undone` is the exchange that an undo
    puts back.
    """
    found = database.rewindable() if isinstance(database, Rewinding) else None
    if found is None:
        problem = Problem(
            code="no-physical",
            what=f"nothing says how the server of {facts.name} goes back in time",
            mend=f"write `physical` under databases.{facts.name}; or leave --physical out",
        )
        return msgspec.structs.replace(facts, obstacles=(*facts.obstacles, problem))
    seconds = found.backups[-1].bytes / BYTES_A_SECOND
    if undone is not None:
        candidates = [Candidate(id=undone.quarantine, at=None, stands=True, physical=True)]
    elif request.at is not None:
        candidates = [
            Candidate(id=request.at.isoformat(), at=request.at, stands=True, physical=True)
        ]
    else:
        candidates = [
            Candidate(
                id=one.backup.id,
                at=one.backup.created_at,
                stands=True,
                physical=True,
                before=one.backup.before,
                restore_point=one.backup.restore_point,
                doubt=doubt_of(project, one.backup),
            )
            for one in backups
            if one.backup.restore_point and one.backup.created_at > found.backups[0].ended_at
        ]
        candidates.sort(key=lambda one: one.id, reverse=True)
    return msgspec.structs.replace(
        facts,
        candidates=tuple(msgspec.structs.replace(one, restore_s=seconds) for one in candidates),
        obstacles=(*facts.obstacles, *_obstacles(project, request, found)),
    )


def point_of(exchange: Exchange) -> Point:
    """Where an exchange by the server's files goes back to."""
    at = exchange.snapshot_at or now()
    if exchange.restore_point:
        return Point(kind=PointKind.NAME, name=exchange.restore_point, at=at)
    return Point(kind=PointKind.TIME, at=at)


def rewound_by(undone: Sequence[Exchange], name: str) -> Exchange | None:
    """The exchange of a database that was one by the server's files; None when it was none."""
    found = (one for one in undone if one.database == name and one.way is Way.PHYSICAL)
    return next(found, None)


def _obstacles(project: Project, request: PlanRequest, found: Rewindable) -> Iterator[Problem]:
    yield from found.problems
    if found.others and not request.whole_server and request.undoes is None:
        yield Problem(
            code="whole-server",
            what="the whole server goes back, other databases, too: " + ", ".join(found.others),
            mend="if that is meant: --whole-server",
        )
    if request.at is not None and request.at >= now():
        yield Problem(
            code="not-past",
            what=f"{request.at:%Y-%m-%d %H:%M:%S} UTC is not over yet",
            mend="name a moment before the damage",
        )
    if project.settings.state.kind == "postgresql":
        yield Problem(
            code="state-goes-back",
            what="lastgood's own state is in a PostgreSQL server: were it this one, the run would "
            "forget itself half way",
            mend="do it with a configuration whose `state` is a file: sqlite:///...",
        )
