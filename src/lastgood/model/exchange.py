"""One database's way back: what takes its place, how, and what that costs."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from lastgood.model.loss import Loss
from lastgood.model.noun import Noun


class Way(StrEnum):
    """How a database comes back."""

    WARM = "warm-target"
    """A backup's restored copy stands already; names are swapped."""
    RESTORE = "restore"
    """A backup is restored beside the live database first."""
    QUARANTINE = "quarantine"
    """The database that was replaced comes back: an undo."""


class Exchange(Noun, frozen=True, kw_only=True):
    """One database is replaced by a copy.

    Attributes:
        database: its name in the configuration.
        way: how the copy comes to be.
        why: why this way and this copy, for people.
        copy: the backup's id; for an undo the id of the quarantined database.
        snapshot_at: whose moment the data returns to; None where it is not known.
        quarantine: the id under which the replaced database will be kept.
        loss: what would be lost, as it was counted for the plan; None when nothing could be.
        accepted: rows that may vanish; None when it was accepted that nobody knows.
        drop_slots: its logical replication slots may be dropped.
        restore_s: expected seconds of the restore.
        restore_p90_s: of a slow one.
    """

    database: str
    way: Way
    why: str
    copy: str
    quarantine: str
    snapshot_at: datetime | None = None
    loss: Loss | None = None
    accepted: int | None = None
    drop_slots: bool = False
    restore_s: float = 0.0
    restore_p90_s: float = 0.0

    @property
    def vanishing(self) -> int | None:
        """Rows that would vanish; None when unknown."""
        return self.loss.vanishing if self.loss is not None else None
