"""What a database could go back to, what stands in the way, and what would be lost."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING

import msgspec

from lastgood.app.backups.place import Place, place_of
from lastgood.app.backups.warming import doubt_of
from lastgood.app.databases.descending import descent_of
from lastgood.app.databases.losing import loss_by_manifest
from lastgood.app.databases.rewinding import rewound_by, survey_rewind
from lastgood.app.project import now
from lastgood.backup.layout import new_id, taken_at
from lastgood.errors import LastgoodError, RefusedError, RemoteError
from lastgood.model.plan import PlanKind
from lastgood.model.problem import Problem
from lastgood.model.verdict import Damage
from lastgood.plan.exchanges import choose_copy, nothing_sound
from lastgood.plan.request import Candidate, DatabaseFacts, PlanRequest
from lastgood.ports.database import KnowsRoom
from lastgood.ports.swapping import Closed, Copy, Swapping

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lastgood.app.project import Project
    from lastgood.backup.manifest import Reading
    from lastgood.model.backup import Backup, StoredBackup
    from lastgood.model.loss import Loss
    from lastgood.model.plan import Plan
    from lastgood.ports.database import Database

STORE_S = 15.0
"""How long the store may take to list the backups."""

LONGEST_LOSS_S = 20.0
"""How long the counting of a loss may take for a plan; what takes longer is estimated."""


async def survey_databases(
    project: Project, request: PlanRequest, undone: Plan | None, live: frozenset[str]
) -> list[DatabaseFacts]:
    """What is known of each database that shall go back, while these commits run."""
    return list(
        await asyncio.gather(
            *(
                asyncio.to_thread(_survey, project, request, undone, name, live)
                for name in request.databases
            )
        )
    )


def _survey(
    project: Project,
    request: PlanRequest,
    undone: Plan | None,
    name: str,
    live: frozenset[str] = frozenset(),
) -> DatabaseFacts:
    facts = DatabaseFacts(name=name, quarantine=new_id(now()))
    try:
        place = place_of(project, name)
        database = place.database
        manifests: dict[str, StoredBackup] = {}
        if request.kind is not PlanKind.UNDO:
            manifests, unread = _manifests(place)
            facts = msgspec.structs.replace(facts, unread=unread)
        if request.damage is Damage.SCHEMA:
            descent = descent_of(project, place, list(manifests.values()), live)
            facts = msgspec.structs.replace(facts, descent=descent)
        if not isinstance(database, Swapping):
            return _barred(facts, _no_swap(name))
        rewound = rewound_by(undone.exchanges, name) if undone is not None else None
        if request.physical or rewound is not None:
            backups = list(manifests.values())
            return survey_rewind(project, request, facts, database, backups, rewound)
        if undone is not None and request.kind is PlanKind.UNDO:
            candidates = _former(undone, name, [one.id for one in database.quarantined()])
        else:
            kept = [one.side for one in database.kept()]
            candidates = _candidates(project, manifests, kept)
        facts = msgspec.structs.replace(facts, candidates=candidates)
        chosen = choose_copy(request, facts)
        copy = _copy(request, chosen) if chosen is not None else None
        obstacles = database.obstacles(copy, drop_slots=request.drop_slots)
        facts = msgspec.structs.replace(facts, obstacles=tuple(obstacles))
        if chosen is None:
            return facts
        if copy is not None:
            loss = database.loss(copy, longest_s=LONGEST_LOSS_S)
        else:
            for hindrance in _of_a_restore(name, database):
                facts = _barred(facts, hindrance)
            loss = loss_by_manifest(place, manifests[chosen.id].backup, LONGEST_LOSS_S)
        return msgspec.structs.replace(facts, losses={chosen.id: loss})
    except LastgoodError as error:
        return _barred(
            facts,
            Problem(
                code=error.code, what=f"{name}: {error.message}: {error.cause}", mend=error.mend
            ),
        )


def preview(
    project: Project, database: str | None, backup: str | None
) -> tuple[str, Candidate, Loss]:
    """What a database would lose now: its name, what it would go back to, and the loss.

    Raises:
        RefusedError: there is nothing to go back to, or it cannot be counted.
        UsageError: there is no such database, or several and none is named.
    """
    name = place_of(project, database).name
    request = PlanRequest(environment=project.name, databases=(name,), backup=backup)
    facts = _survey(project, request, None, name)
    chosen = choose_copy(request, facts)
    if chosen is None or chosen.id not in facts.losses:
        problem = (*facts.obstacles, nothing_sound(request, facts))[0]
        raise RefusedError(problem.what, mend=problem.mend, code=problem.code)
    return name, chosen, facts.losses[chosen.id]


def chosen_copy(project: Project, place: Place, backup: str | None) -> Candidate:
    """The backup whose content is right: the named one, or as a rollback would choose it.

    Raises:
        RefusedError: there is none.
    """
    manifests, unread = _manifests(place)
    candidates = _candidates(project, manifests, [one.side for one in place.database.kept()])
    request = PlanRequest(environment=project.name, databases=(place.name,), backup=backup)
    facts = DatabaseFacts(name=place.name, candidates=candidates, unread=unread)
    chosen = choose_copy(request, facts)
    if chosen is None:
        problem = nothing_sound(request, facts)
        raise RefusedError(problem.what, mend=problem.mend, code=problem.code)
    return chosen


def _manifests(place: Place) -> tuple[dict[str, StoredBackup], Problem | None]:
    """The backups that a restore has proven; none of them when the store cannot be reached.

    What stands restored beside the database needs no store.
    """
    try:
        read = _listed(place)
    except RemoteError as error:
        what = f"the backups of {place.name} cannot be read: {error.message}: {error.cause}"
        return {}, Problem(code="store-unread", what=what, mend=error.mend)
    return {one.backup.id: one for one in read.backups if one.restorable}, None


def _listed(place: Place) -> Reading:
    """The backups that are in the store.

    Raises:
        RemoteError: the store cannot be reached, or does not answer in time (`store-silent`).
    """
    answer: Future[Reading] = Future()

    def ask() -> None:
        try:
            answer.set_result(place.kept.all())
        except BaseException as error:  # noqa: BLE001 - raised where it is waited for
            answer.set_exception(error)

    # By itself it would be patient for minutes, which a rollback has not.
    threading.Thread(target=ask, daemon=True).start()
    try:
        return answer.result(STORE_S)
    except TimeoutError:
        raise RemoteError(
            f"the backups of {place.name} cannot be listed",
            cause=f"{place.store.describe()} did not answer in {STORE_S:g} s",
            mend="see what is wrong with the store; a restored copy that stands needs none",
            code="store-silent",
            retryable=True,
        ) from None


def _candidates(
    project: Project, manifests: dict[str, StoredBackup], kept: list[str]
) -> tuple[Candidate, ...]:
    found = [_candidate(project, one, kept) for one in manifests.values()]
    # Promoted once by the rules; that its manifest cannot be read now speaks of the store.
    found += [
        Candidate(id=side, at=taken_at(side), stands=True) for side in kept if side not in manifests
    ]
    return tuple(sorted(found, key=lambda one: one.id, reverse=True))


def _candidate(project: Project, stored: StoredBackup, kept: list[str]) -> Candidate:
    backup: Backup = stored.backup
    return Candidate(
        id=backup.id,
        at=backup.created_at,
        stands=backup.id in kept,
        restore_s=stored.proof.seconds if stored.proof is not None else None,
        doubt=_unfit(stored) or doubt_of(project, backup),
        before=backup.before,
    )


def _unfit(stored: StoredBackup) -> str:
    """What the project's own check of the restored copy says against it; empty for nothing."""
    problems = stored.proof.unfit if stored.proof is not None else ()
    return "; ".join(problem.what for problem in problems)


def _former(undone: Plan, name: str, there: list[str]) -> tuple[Candidate, ...]:
    """The database that the undone run has replaced."""
    return tuple(
        Candidate(id=exchange.quarantine, at=None, stands=True)
        for exchange in undone.exchanges
        if exchange.database == name and exchange.quarantine in there
    )


def _copy(request: PlanRequest, chosen: Candidate) -> Copy | None:
    """The closed copy that stands; None when it has to be restored first."""
    if request.kind is PlanKind.UNDO:
        return Copy(kind=Closed.QUARANTINED, id=chosen.id)
    return Copy(kind=Closed.KEPT, id=chosen.id) if chosen.stands else None


def _barred(facts: DatabaseFacts, problem: Problem) -> DatabaseFacts:
    return msgspec.structs.replace(facts, obstacles=(*facts.obstacles, problem))


def _of_a_restore(name: str, database: Database) -> Iterator[Problem]:
    """Why no copy can be restored beside the live database and kept there."""
    if hindrance := database.why_unkept():
        yield Problem(
            code="restored-elsewhere",
            what=f"a restored copy of {name} cannot take its place: {hindrance}",
            mend="see to that, or restore by hand: docs/backups.md",
        )
    room = database.room() if isinstance(database, KnowsRoom) else None
    if room is not None and room.lacking():
        yield Problem(
            code="no-room",
            what=f"a copy of {name} takes {room.needed:,} bytes with a fifth to spare, and "
            f"{room.free:,} are free ({room.how})",
            mend="make room: lastgood db quarantine --drop ID, or --drop-warm-target",
        )


def _no_swap(name: str) -> Problem:
    return Problem(
        code="no-swap",
        what=f"the driver of {name} cannot replace a database by a copy",
        mend="roll the code back: --without-database",
    )
