"""Backups for tests, made with only what a case is about; times are hours after `START`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from lastgood.model.backup import (
    Backup,
    BackupKind,
    BackupProof,
    Fingerprint,
    Part,
    StoredBackup,
    TableContent,
)
from lastgood.model.sealed import RecipientKind, WrappedKey

START = datetime(2026, 8, 3, tzinfo=UTC)


def at(hours: float) -> datetime:
    return START + timedelta(hours=hours)


def name_at(hours: float) -> str:
    moment = at(hours)
    return f"{moment:%Y%m%dT%H%M%S}.000Z-{abs(hash(hours)) % 16**8:08x}"


def backup(
    hours: float = 0,
    *,
    kind: BackupKind = BackupKind.SCHEDULED,
    name: str = "",
    releases: dict[str, str] | None = None,
    parts: tuple[Part, ...] = (),
) -> Backup:
    return Backup(
        id=name or name_at(hours),
        environment="production",
        database="main",
        kind=kind,
        created_at=at(hours),
        seconds=2.5,
        server_version="16.14",
        client_version="16.14",
        parts=parts,
        keys=(
            WrappedKey(kind=RecipientKind.AGE, recipient="age1", wrapped="eA=="),
            WrappedKey(kind=RecipientKind.KEY_FILE, recipient="sha256:1", wrapped="eA=="),
        ),
        fingerprint=Fingerprint(tables=(TableContent(table="users", rows=3, digest="1"),)),
        releases=releases or {},
    )


def proof(of: Backup, *, restorable: bool = True) -> BackupProof:
    return BackupProof(
        backup=of.id,
        at=of.created_at,
        restorable=restorable,
        seconds=1,
        server="127.0.0.1",
        recipient="age1",
    )


def stored(
    hours: float = 0,
    *,
    restorable: bool | None = True,
    pinned: str = "",
    kind: BackupKind = BackupKind.SCHEDULED,
    releases: dict[str, str] | None = None,
) -> StoredBackup:
    """A backup in the store; `restorable` is None for one that was never proven."""
    made = backup(hours, kind=kind, releases=releases)
    shown = None if restorable is None else proof(made, restorable=restorable)
    return StoredBackup(backup=made, proof=shown, pinned=pinned)
