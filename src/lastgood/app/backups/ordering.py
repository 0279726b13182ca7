"""Backups as people and schedules order them: made when due, then proven, and remembered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from lastgood.app.backups.creating import Order, create_backup
from lastgood.app.backups.keys import identity_of
from lastgood.app.backups.place import place_of
from lastgood.app.backups.proving import prove_backup
from lastgood.app.backups.standing import UNASKED, Stands, warm_targets
from lastgood.app.backups.warming import Warming
from lastgood.app.project import now, operator
from lastgood.errors import LastgoodError, RefusedError
from lastgood.model.backup import BackupKind, StoredBackup

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from lastgood.app.backups.place import Place
    from lastgood.app.project import Project
    from lastgood.model.backup import Backup

    Tell = Callable[[str], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Made:
    """What an order came to.

    Attributes:
        stored: the backup; None when none was due.
        store: where it is kept.
        next_at: when the next one is due.
        unproven: why it could not be proven, where nothing speaks against it.
        stands: the warm targets afterwards.
    """

    store: str
    stored: StoredBackup | None = None
    next_at: datetime | None = None
    unproven: LastgoodError | None = None
    stands: Stands = UNASKED


def order_backup(
    project: Project, database: str | None, before: str | None, *, if_due: bool, tell: Tell
) -> Made:
    """Make a backup and prove it.

    Args:
        project: with the database and its settings.
        database: which one; the only one when left out.
        before: the commit that is about to be deployed.
        if_due: nothing is done while the newest scheduled one is young enough.
        tell: is given words of progress.

    Raises:
        LastgoodError: it could not be made; the events say so as well.
    """
    place = place_of(project, database)
    where = place.store.describe()
    due = next_due(place)
    if if_due and due is not None and due > now():
        return Made(store=where, next_at=due)
    kind = BackupKind.SCHEDULED if if_due else BackupKind.MANUAL
    order = Order(kind=BackupKind.BEFORE_DEPLOY if before else kind, before=before)
    try:
        backup = create_backup(project, place, order, tell)
    except LastgoodError as error:
        _remember(project, "backup.failed", f"no backup of {place.name}: {error}")
        raise
    size = f"{backup.bytes} bytes, {backup.fingerprint.rows} rows"
    _remember(project, "backup.created", f"{backup.id} of {place.name}: {size}")
    tell(f"{backup.id} is stored; it is restored now, to prove it")
    stored = StoredBackup(backup=backup)
    warming, unproven = Warming(project, place, tell), None
    try:
        stored = order_proof(project, place, stored, promote=warming.promote)
    except LastgoodError as error:
        unproven = error
    warming.settle()
    stands = warm_targets(project, place)
    return Made(store=where, stored=stored, unproven=unproven, stands=stands)


def would_order(
    project: Project, database: str | None, *, if_due: bool
) -> tuple[str, dict[str, Any]]:
    """What an order would do, for a rehearsal: the database and the store are asked."""
    place = place_of(project, database)
    facts, where = place.database.facts(), place.store.describe()
    due = next_due(place)
    waits = if_due and due is not None and due > now()
    act = f"back up {place.name}, {facts.bytes} bytes on its server, to {where}"
    if waits:
        act = f"do nothing: {place.name} is not due before {due:%Y-%m-%d %H:%M:%S} UTC"
    problems = [{"what": problem.what, "mend": problem.mend} for problem in facts.problems]
    return act, {"database": place.name, "due": not waits, "store": where, "problems": problems}


def order_proof(
    project: Project,
    place: Place,
    stored: StoredBackup,
    key: Path | None = None,
    promote: Callable[[Backup], None] | None = None,
) -> StoredBackup:
    """Prove a backup by a restore; gives it with its proof. For the rest see `prove_backup`.

    Raises:
        LastgoodError: it could not be tried; nothing is said of the backup.
    """
    backup = stored.backup
    try:
        proof = prove_backup(place, backup, identity_of(project, place, key), promote)
    except LastgoodError as error:
        _remember(project, "backup.unproven", f"{backup.id} could not be proven: {error}")
        raise
    found = "restorable" if proof.restorable else f"damaged: {proof.problems[0].what}"
    _remember(project, "backup.proven", f"{backup.id} is {found}")
    return StoredBackup(backup=backup, proof=proof, pinned=stored.pinned)


def next_due(place: Place) -> datetime | None:
    """When the next scheduled backup is due; None when there is none that a restore has proven."""
    proven = (
        one
        for one in place.kept.all().backups
        # A dump that somebody else made is no sign that the schedule works.
        if one.restorable and one.backup.kind is not BackupKind.IMPORTED
    )
    newest = max((one.backup.created_at for one in proven), default=None)
    return newest + timedelta(seconds=place.settings.every) if newest is not None else None


def named(place: Place, backup_id: str | None, *, whole: bool = True) -> StoredBackup:
    """The backup of that id, or the newest.

    Args:
        place: where backups are.
        backup_id: which one.
        whole: whether it must have all its parts, as those that are listed have; a proof finds out
            itself, and must not pass over a newest one that was cut off.

    Raises:
        RefusedError: there is none (`no-backup`).
    """
    wanted = backup_id if whole or backup_id is not None else place.kept.newest()
    if wanted is not None:
        return place.kept.read(wanted, whole=whole)
    found = place.kept.all().backups
    if found:
        return found[-1]
    raise RefusedError(
        f"{place.name} has no backup yet",
        cause=f"{place.store.describe()} has none",
        mend="make one: lastgood backup create",
        code="no-backup",
    )


def _remember(project: Project, kind: str, text: str) -> None:
    project.state.events.append(kind, operator(), text, at=now(), environment=project.name)
