"""A dump that was made without lastgood becomes a backup: tried, sealed, proven, and only then one.

Whatever fails, nothing is left: no side database, no objects, no manifest.
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lastgood.app.backups.creating import Making
from lastgood.app.backups.keys import identity_of
from lastgood.app.backups.place import place_of
from lastgood.app.backups.proving import speaking_against
from lastgood.app.backups.tidying import proof_turn
from lastgood.app.project import now, operator
from lastgood.backup.layout import new_id
from lastgood.backup.recipients import find_recipients, unwrap, wrap
from lastgood.backup.sealing import new_key
from lastgood.errors import LastgoodError, RefusedError
from lastgood.model.backup import Backup, BackupKind, BackupProof, Origin, StoredBackup
from lastgood.report.documents import plain

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from lastgood.app.backups.place import Place
    from lastgood.app.project import Project
    from lastgood.backup.identity import Identity
    from lastgood.model.problem import Problem
    from lastgood.model.sealed import WrappedKey
    from lastgood.ports.database import ForeignDump

    Tell = Callable[[str], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Imported:
    """What an import came to.

    Attributes:
        stored: the backup with its proof.
        store: where it is kept.
    """

    stored: StoredBackup
    store: str


def import_backup(
    project: Project,
    database: str | None,
    file: Path,
    key: Path | None,
    *,
    trusted: bool,
    tell: Tell,
) -> Imported:
    """Make a backup of a dump that somebody else made, and prove it.

    Args:
        project: with the database and its settings.
        database: which one it is of; the only one when left out.
        file: the dump.
        key: what opens the backup for its proof; else a recipient's key that is here.
        trusted: whether it may be loaded by a role that could harm the server.
        tell: is given words of progress.

    Raises:
        LastgoodError: it could not be made; the events say so as well, and nothing is left.
    """
    place = place_of(project, database)
    try:
        stored = _Import(project, place, file, tell).made(identity_of(project, place, key), trusted)
    except LastgoodError as error:
        _remember(project, "backup.import-failed", f"{file} was not imported: {error}")
        raise
    _remember(project, "backup.imported", f"{stored.backup.id} of {place.name}: from {file}")
    return Imported(stored=stored, store=place.store.describe())


def would_import(project: Project, database: str | None, file: Path) -> tuple[str, dict[str, Any]]:
    """What an import would do, for a rehearsal: the dump is read to its end."""
    place = place_of(project, database)
    dump = place.database.examine(file)
    act = f"make a backup of {place.name} from {dump.file} ({dump.format}, {dump.bytes} bytes)"
    return act, {
        "database": place.name,
        "store": place.store.describe(),
        "created_at": plain(dump.made_at),
        "imported": plain(_origin(dump, 0)),
    }


class _Import:
    """One dump on its way to be a backup."""

    def __init__(self, project: Project, place: Place, file: Path, tell: Tell) -> None:
        self._project = project
        self._place = place
        self._file = file
        self._tell = tell
        self._began = time.monotonic()

    def made(self, identity: Identity, trusted: bool) -> StoredBackup:  # noqa: FBT001 - passed on
        """Examine, load, seal, prove, and name it a backup."""
        settings = self._place.settings
        recipients = find_recipients(settings.recipients, self._project.settings.folder)
        self._tell(f"{self._file} is read to its end first")
        dump = self._place.database.examine(self._file)
        # A clock that runs ahead must not make it the newest for days.
        at = min(dump.made_at, now())
        backup_id, key = new_id(at), new_key()
        keys = wrap(key, recipients, backup_id)
        unwrap(keys, identity, backup_id)  # it could not be proven otherwise
        # Not the backup's name, which is as old as the dump: whoever tidies up would take a side
        # database of that name for a leftover. Once we were killed this one is.
        side = new_id(now())
        with proof_turn(self._project, self._place, side):
            try:
                backup = self._sealed(dump, side, backup_id, at, key, keys, trusted=trusted)
                self._tell(f"{backup_id} is stored; it is restored now, to prove it")
                return self._proven(backup, side, key, identity)
            except LastgoodError as error:
                self._undo(backup_id)
                failure = error  # nothing is left: the turn was no crash
            except BaseException:
                self._undo(backup_id)
                raise
        raise failure

    def _sealed(
        self,
        dump: ForeignDump,
        side: str,
        backup_id: str,
        at: datetime,
        key: bytes,
        keys: tuple[WrappedKey, ...],
        *,
        trusted: bool,
    ) -> Backup:
        """Load it into a side database, and store what that holds; nothing names it yet."""
        place = self._place
        self._tell(f"it is loaded into a side database of {place.name}")
        intake = place.database.take_in(side, self._file, dump, trusted=trusted)
        try:
            _refuse_unexpected(place.database.verify(side))
            making = Making(place, backup_id, key, intake, at, self._tell)
            with place.database.side_snapshot(side, place.settings.snapshot_limit) as snapshot:
                part = making.dump(snapshot)
                fingerprint = snapshot.fingerprint()
                revision = snapshot.schema_revision()
        finally:
            place.database.drop(side)
        return Backup(
            id=backup_id,
            environment=self._project.name,
            database=place.name,
            kind=BackupKind.IMPORTED,
            created_at=at,
            seconds=time.monotonic() - self._began,
            server_version=intake.version,
            client_version=intake.client_version,
            # Roles, settings and lastgood's state of that time are not known.
            parts=(part,),
            keys=keys,
            fingerprint=fingerprint,
            schema_revision=revision,
            by=operator(),
            origin=_origin(dump, intake.left_out),
        )

    def _proven(self, backup: Backup, side: str, key: bytes, identity: Identity) -> StoredBackup:
        place, began = self._place, time.monotonic()
        _refuse_unexpected(speaking_against(place, backup, key, side, self._tell))
        proof = BackupProof(
            backup=backup.id,
            at=now(),
            restorable=True,
            seconds=time.monotonic() - began,
            server=place.database.proof_server(),
            recipient=", ".join(sorted(identity.recipients)),
        )
        place.kept.commit(backup)
        place.kept.prove(proof)
        return StoredBackup(backup=backup, proof=proof)

    def _undo(self, backup_id: str) -> None:
        """Leave nothing; what cannot be removed now is found by `backup prune`."""
        with suppress(LastgoodError):
            place = self._place
            names = (one.key for one in place.store.list(place.kept.key(backup_id, "")[:-1]))
            # The manifest first: what is left without one is no backup.
            place.store.delete(sorted(names, key=lambda name: not name.endswith("manifest.json")))


def _refuse_unexpected(problems: list[Problem] | tuple[Problem, ...]) -> None:
    if problems:
        raise RefusedError(
            "the dump does not hold what it should",
            cause="; ".join(problem.what for problem in problems[:3]),
            mend=problems[0].mend,
            code=problems[0].code,
        )


def _origin(dump: ForeignDump, left_out: int) -> Origin:
    return Origin(
        file=dump.file,
        format=dump.format,
        bytes=dump.bytes,
        created_at_from=dump.made_at_from,
        server_version=dump.server_version,
        client_version=dump.client_version,
        left_out=left_out,
    )


def _remember(project: Project, kind: str, text: str) -> None:
    project.state.events.append(kind, operator(), text, at=now(), environment=project.name)
