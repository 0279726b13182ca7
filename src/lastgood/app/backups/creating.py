"""Making a backup: one snapshot, sealed on its way to the store, named by a manifest at its end.

It blocks, and runs in a worker thread: from the dump program to the object store it is one stream.
Killed anywhere it leaves no manifest, so nothing of it is ever taken for a backup.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lastgood.app.backups.meter import Meter
from lastgood.app.backups.migrations import migrations_of
from lastgood.app.project import now, operator
from lastgood.backup.layout import DUMP, MIGRATIONS, ROLES, SETTINGS, STATE, new_id
from lastgood.backup.recipients import find_recipients, wrap
from lastgood.backup.sealing import new_key, seal
from lastgood.errors import LastgoodError
from lastgood.model.backup import Backup, BackupKind, Part
from lastgood.model.sealed import SealedHeader
from lastgood.ports.database import RestorePoints

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import datetime

    from lastgood.app.backups.place import Place
    from lastgood.app.project import Project
    from lastgood.ports.database import DatabaseFacts, Intake, Snapshot

    Tell = Callable[[str], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """What is to be backed up, and why.

    Attributes:
        before: for `before-deploy`, the commit that is about to be deployed.
    """

    kind: BackupKind
    before: str | None = None


def create_backup(project: Project, place: Place, order: Order, tell: Tell) -> Backup:
    """Make a backup; it is whole when this returns, and proven only by a restore.

    Raises:
        RefusedError: fewer than two recipients, an unreadable table, no fitting dump program.
        ChildError: the dump program failed.
        RemoteError: the database or the object store failed.
    """
    began = time.monotonic()
    recipients = find_recipients(place.settings.recipients, project.settings.folder)
    facts = place.database.facts()
    begun_at = now()
    backup_id = new_id(begun_at)
    key = new_key()
    keys = wrap(key, recipients, backup_id)  # before anything is read: it may be refused
    # Before the snapshot, which must not wait for a git host.
    migrations = migrations_of(project, place, order.before, tell) if order.before else b""
    making = Making(place, backup_id, key, facts, begun_at, tell)
    with place.database.snapshot(place.settings.snapshot_limit) as snapshot:
        dump = making.dump(snapshot)
        fingerprint = snapshot.fingerprint()
        revision = snapshot.schema_revision()
        parts = [dump, *making.beside(project, snapshot)]
        at = snapshot.at
    if migrations:
        parts.append(making.part(MIGRATIONS, [migrations]))
    # At the end: what is written until then can be replayed up to it.
    point = restore_point(place, backup_id, tell) if order.before else None
    backup = Backup(
        id=backup_id,
        environment=project.name,
        database=place.name,
        kind=order.kind,
        created_at=at,
        seconds=time.monotonic() - began,
        server_version=facts.version,
        client_version=facts.client_version,
        parts=tuple(parts),
        keys=keys,
        fingerprint=fingerprint,
        schema_revision=revision,
        releases=_live(project),
        before=order.before,
        restore_point=point,
        by=operator(),
    )
    place.kept.commit(backup)
    return backup


def restore_point(place: Place, backup: str, tell: Tell) -> str | None:
    """A named point in the server's log, where the server and our role can make one.

    Most roles may not, and the backup is as good without it: that is only said.
    """
    if not isinstance(place.database, RestorePoints):
        return None
    name = f"lastgood_{backup}"
    try:
        place.database.restore_point(name)
    except LastgoodError as error:
        tell(f"no restore point in the server's log: {error.cause or error.message}")
        return None
    return name


class Making:
    """Seals and stores the parts of one backup under one key."""

    def __init__(
        self,
        place: Place,
        backup: str,
        key: bytes,
        facts: DatabaseFacts | Intake,
        at: datetime,
        tell: Tell,
    ) -> None:
        self._place = place
        self._backup = backup
        self._key = key
        self._facts = facts
        self._at = at
        self._tell = tell

    def dump(self, snapshot: Snapshot) -> Part:
        """Store the dump, and tell how far it is."""
        meter = Meter(self._tell, DUMP, "stored")
        return self._stored(DUMP, snapshot.dump(meter.heard), meter)

    def part(self, name: str, chunks: Iterable[bytes]) -> Part:
        """Store one part."""
        return self._stored(name, chunks, Meter(self._tell, name, "stored"))

    def _stored(self, name: str, chunks: Iterable[bytes], meter: Meter) -> Part:
        """Store one part; what is stored is counted and hashed on its way."""
        header = SealedHeader(
            backup=self._backup,
            part=name,
            made_at=self._at,
            server_version=self._facts.version,
            client_version=self._facts.client_version,
            compression="none",
            key_id=self._backup,
        )
        passing = _Passing(meter.passing(seal(chunks, self._key, header)))
        key = self._place.kept.key(self._backup, name)
        self._place.store.put(key, passing)
        return Part(name=name, key=key, bytes=passing.bytes, sha256=passing.digest.hexdigest())

    def beside(self, project: Project, snapshot: Snapshot) -> Iterator[Part]:
        """What a dump leaves out: roles, settings, and lastgood's own state with its holds."""
        beside = {
            ROLES: snapshot.roles(),
            SETTINGS: snapshot.settings(),
            STATE: project.state.copy(),
        }
        for name, content in beside.items():
            if content:
                yield self.part(name, [content])
            elif name == ROLES:
                self._tell("the server does not show its roles to us: the backup is without them")


class _Passing:
    """A stream that is counted and hashed while it passes."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = chunks
        self.bytes = 0
        self.digest = hashlib.sha256()

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._chunks:
            self.bytes += len(chunk)
            self.digest.update(chunk)
            yield chunk


def _live(project: Project) -> dict[str, str]:
    """What is live of each service, by the ledger."""
    live = {
        service: project.state.ledger.live(project.name, service)
        for service in project.environment.services
    }
    return {service: deployment.commit for service, deployment in live.items() if deployment}
