"""Backups as people and schedules order them: made when due, then proven, and remembered."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from lastgood.app.backups.creating import Order, create_backup
from lastgood.app.backups.deploying import release_before
from lastgood.app.backups.keys import identity_of
from lastgood.app.backups.overdue import CREATED, FAILED, PROVEN, sound_if_overdue
from lastgood.app.backups.place import place_of
from lastgood.app.backups.proving import prove_backup
from lastgood.app.backups.pruning import prune_backups
from lastgood.app.backups.rehearsing import rehearse
from lastgood.app.backups.standing import UNASKED, Stands, warm_targets
from lastgood.app.backups.tidying import proof_turn, tidy
from lastgood.app.backups.turns import turn, turn_file
from lastgood.app.backups.warming import Warming
from lastgood.app.databases.befores import expire as expire_befores
from lastgood.app.databases.quarantine import expire
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
        under_way: somebody else on this machine makes one now.
        unproven: why it could not be proven, where nothing speaks against it.
        stands: the warm targets afterwards.
    """

    store: str
    stored: StoredBackup | None = None
    next_at: datetime | None = None
    under_way: bool = False
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
        if_due: nothing is done while the newest one is young enough, or another is being made.
        tell: is given words of progress.

    Raises:
        LastgoodError: it could not be made; the events say so as well.
    """
    place = place_of(project, database)
    if before is not None:
        before = release_before(project, before)
    # Who asks for a backup gets one, whoever else is making one; a schedule does not.
    with turn(turn_file(project, "backup", place.name), shared=not if_due) as held:
        if if_due and not held.ours:
            return Made(store=place.store.describe(), under_way=True)
        try:
            if if_due:
                return _order_due(project, place, before, tell)
            return _make(project, place, BackupKind.MANUAL, before, tell)
        except LastgoodError as error:
            text = f"no backup of {place.name}: {error}"
            _remember(project, place, FAILED, text, {"code": error.code})
            if if_due:  # the store may be what failed: then by what was seen here
                sound_if_overdue(project, place.name, place.settings.every, None)
            raise


def _order_due(project: Project, place: Place, before: str | None, tell: Tell) -> Made:
    """Make the backup that is due, prove the one that is not proven yet, or say when one is due."""
    expire(project, place.name, tell)
    expire_befores(project, place.name, tell)
    backups = place.kept.all().backups
    newest = max((one.backup.created_at for one in backups if one.restorable), default=None)
    every = timedelta(seconds=place.settings.every)
    sound_if_overdue(project, place.name, place.settings.every, newest)
    at = now()
    if newest is not None and at < newest + every:
        return Made(store=place.store.describe(), next_at=newest + every)
    last = backups[-1] if backups else None
    if last is not None and last.proof is None and at < last.backup.created_at + every:
        tell(f"{last.backup.id} is young, but not proven; it is restored now")
        return _proven(project, place, last, tell)
    made = _make(project, place, BackupKind.SCHEDULED, before, tell)
    _prune(project, place, tell)
    return made


def _prune(project: Project, place: Place, tell: Tell) -> None:
    """Drop what need not stay: nobody else does, where a schedule makes backups."""
    try:
        pruned = prune_backups(project, place, dry_run=False)
    except LastgoodError as error:
        tell(f"nothing old was dropped: {error}")
        return
    for decision in pruned.decisions:
        if not decision.keep:
            tell(f"{decision.backup.backup.id} was dropped: {decision.reason}")


def _make(project: Project, place: Place, kind: BackupKind, before: str | None, tell: Tell) -> Made:
    tidy(project, place, tell)
    order = Order(kind=BackupKind.BEFORE_DEPLOY if before is not None else kind, before=before)
    backup = create_backup(project, place, order, tell)
    text = f"{backup.id} of {place.name}: {backup.bytes} bytes, {backup.fingerprint.rows} rows"
    data = {"backup": backup.id, "kind": backup.kind.value, "before": backup.before or ""}
    data["restore_point"] = backup.restore_point or ""
    _remember(project, place, CREATED, text, {key: said for key, said in data.items() if said})
    tell(f"{backup.id} is stored; it is restored now, to prove it")
    return _proven(project, place, StoredBackup(backup=backup), tell)


def _proven(project: Project, place: Place, stored: StoredBackup, tell: Tell) -> Made:
    unproven = None
    try:
        stored = order_kept_proof(project, place, stored, tell)
    except LastgoodError as error:
        unproven = error
    where, stands = place.store.describe(), warm_targets(project, place)
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


def order_kept_proof(
    project: Project, place: Place, stored: StoredBackup, tell: Tell, key: Path | None = None
) -> StoredBackup:
    """As `order_proof`; where the restored copy may become the warm target it does.

    Before that the way down of the migrations that are kept with it is tried, on a copy of it.
    """
    warming = Warming(project, place, tell)

    rehearsal = stored.rehearsal

    def standing(backup: Backup, data_key: bytes) -> None:
        nonlocal rehearsal
        rehearsal = rehearse(project, place, backup, data_key, tell)
        warming.promote(backup)

    try:
        proven = order_proof(project, place, stored, tell, key, standing)
    except LastgoodError:
        warming.settle()
        raise
    warming.settle()
    return StoredBackup(
        backup=proven.backup, proof=proven.proof, pinned=proven.pinned, rehearsal=rehearsal
    )


def order_copy(
    project: Project, place: Place, stored: StoredBackup, tell: Tell, key: Path | None = None
) -> StoredBackup:
    """As `order_proof`, at full speed; the restored copy is kept, closed, since somebody wants it.

    Done twice, the copy that stands is left as it is.
    """
    hurried = place.settings.model_copy(update={"proof_rate": None})
    at_once = dataclasses.replace(place, settings=hurried)
    return order_proof(
        project, at_once, stored, tell, key, lambda backup, _: place.database.keep(backup.id)
    )


def order_proof(
    project: Project,
    place: Place,
    stored: StoredBackup,
    tell: Tell,
    key: Path | None = None,
    standing: Callable[[Backup, bytes], None] | None = None,
) -> StoredBackup:
    """Prove a backup by a restore; gives it with its proof. For the rest see `prove_backup`.

    Raises:
        LastgoodError: it could not be tried; nothing is said of the backup.
    """
    backup = stored.backup
    try:
        identity = identity_of(project, place, key)
        with proof_turn(project, place, backup.id):
            proof = prove_backup(place, backup, identity, tell, standing)
        opened = {one.recipient for one in backup.keys} & identity.recipients
        place.kept.opened(opened, proof.at)
    except LastgoodError as error:
        text = f"{backup.id} could not be proven: {error}"
        _remember(project, place, "backup.unproven", text, {"backup": backup.id})
        raise
    found = "restorable" if proof.restorable else f"damaged: {proof.problems[0].what}"
    data = {
        "backup": backup.id,
        "made_at": backup.created_at.isoformat(),
        "restorable": str(proof.restorable).lower(),
        "recipient": proof.recipient,
    }
    _remember(project, place, PROVEN, f"{backup.id} is {found}", data)
    return StoredBackup(
        backup=backup, proof=proof, pinned=stored.pinned, rehearsal=stored.rehearsal
    )


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


def _remember(project: Project, place: Place, kind: str, text: str, data: dict[str, str]) -> None:
    project.state.events.append(
        kind, operator(), text,
        at=now(), environment=project.name, data={"database": place.name, **data},
    )  # fmt: skip
