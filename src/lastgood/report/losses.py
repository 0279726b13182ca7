"""The documents of `lastgood db`: what would be lost, what was brought back, what is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lastgood.report.documents import Document, plain

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from lastgood.model.loss import Loss, TableLoss
    from lastgood.model.salvage import Salvage


def loss_document(loss: Loss) -> Document:
    """What would be lost, table by table."""
    return {
        "complete": loss.complete,
        "tables": [_table(table) for table in loss.tables],
        "vanish_total": loss.vanishing,
        "schema": list(loss.shape),
    }


def preview_document(
    database: str, backup: str, snapshot_at: datetime | None, loss: Loss
) -> Document:
    """What `db preview` answers."""
    since = (loss.at - snapshot_at).total_seconds() if snapshot_at is not None else None
    return {
        "database": database,
        "backup": backup,
        "written_since_s": since,
        **loss_document(loss),
    }


def salvage_document(
    database: str, quarantine: str, salvage: Salvage, *, dry_run: bool
) -> Document:
    """What `db salvage` answers."""
    return {
        "database": database,
        "quarantine": quarantine,
        "dry_run": dry_run,
        "brought": salvage.brought,
        "left": salvage.left,
        **plain(salvage),
    }


def quarantine_document(database: str, kept: Sequence[Any]) -> Document:
    """What `db quarantine` answers; of each one id, times, size and problems."""
    return {
        "database": database,
        "quarantined": [
            {
                "id": one.id,
                "replaced_at": plain(one.replaced_at),
                "until": plain(one.until),
                "bytes": one.bytes,
                "problems": plain(one.problems),
            }
            for one in kept
        ],
    }


def _table(table: TableLoss) -> Document:
    return {
        "name": table.table,
        "live_rows": table.live_rows,
        "restored_rows": table.restored_rows,
        "vanish": table.vanishing,
        "return": table.returning,
        "change": table.changing,
        "precision": table.precision,
        "why": table.why,
    }
