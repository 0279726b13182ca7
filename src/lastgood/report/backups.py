"""Backups as the contract's documents."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lastgood.report.documents import plain

if TYPE_CHECKING:
    from lastgood.model.backup import StoredBackup
    from lastgood.model.rehearsal import Rehearsal
    from lastgood.report.documents import Document


def backup_document(stored: StoredBackup, store: str, *, warm: bool | None = None) -> Document:
    """What `backup create`, `verify` and `show` answer.

    Args:
        stored: the backup with its proof.
        store: where it is kept, without credentials.
        warm: whether its restored copy stands as the warm target; None when nobody knows.
    """
    backup, proof = stored.backup, stored.proof
    return {
        "id": backup.id,
        "database": backup.database,
        "kind": backup.kind.value,
        "created_at": plain(backup.created_at),
        "bytes": backup.bytes,
        "seconds": round(backup.seconds, 3),
        "tables": len(backup.fingerprint.tables),
        "rows": backup.fingerprint.rows,
        "parts": [{"name": part.name, "bytes": part.bytes} for part in backup.parts],
        "schema_revision": backup.schema_revision,
        "encrypted": True,
        "recipients": [key.recipient for key in backup.keys],
        "verified_at": plain(proof.at) if proof is not None and proof.restorable else None,
        "restorable": stored.restorable if proof is not None else None,
        "problems": plain(proof.problems) if proof is not None else [],
        "unfit": plain(proof.unfit) if proof is not None else [],
        "proof_seconds": round(proof.seconds, 3) if proof is not None else None,
        "rehearsal": plain(stored.rehearsal) if stored.rehearsal is not None else None,
        "warm_target": warm,
        "pinned": stored.pinned or None,
        "before": backup.before,
        "restore_point": backup.restore_point,
        "releases": backup.releases,
        "imported": plain(backup.origin) if backup.origin is not None else None,
        "server_version": backup.server_version,
        "store": store,
    }


def rehearsal_text(rehearsal: Rehearsal) -> str:
    """What came of it, in one line."""
    way = f"from {rehearsal.lower or 'nothing'} up to {rehearsal.upper or '?'}"
    if not rehearsal.reversible:
        return f"the migrations {way} have no way down: {rehearsal.problems[0].what}"
    goes = f"; with it go: {', '.join(rehearsal.goes)}" if rehearsal.goes else ""
    return f"the migrations {way} can be run down again{goes}"
