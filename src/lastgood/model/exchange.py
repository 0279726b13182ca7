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
    DOWNGRADE = "down-migration"
    """Nothing is replaced: the bad release's migrations are run backwards, as was rehearsed."""
    PHYSICAL = "physical"
    """The server's files go back to a moment, with all of its databases."""


class Exchange(Noun, frozen=True, kw_only=True):
    """One database is replaced by a copy, or brought back by its own migrations.

    Attributes:
        database: its name in the configuration.
        way: how the copy comes to be.
        why: why this way and this copy, for people.
        copy: the backup's id; for an undo the id of the quarantined database; for a down-migration
            the backup with which the migrations are kept.
        snapshot_at: whose moment the data returns to; None where it is not known.
        quarantine: the id under which the replaced database will be kept; empty where none is.
        loss: what would be lost, as it was counted for the plan; None when nothing could be.
        accepted: rows that may vanish; None when it was accepted that nobody knows.
        drop_slots: its logical replication slots may be dropped.
        restore_point: by the server's files: the name in its log that is gone back to; else the
            moment is.
        restore_s: expected seconds of the restore, or of the way down.
        restore_p90_s: of a slow one.
        upper: for a down-migration, the revision that the schema is brought from.
        lower: the revision that it is brought down to.
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
    restore_point: str | None = None
    restore_s: float = 0.0
    restore_p90_s: float = 0.0
    upper: str = ""
    lower: str = ""

    @property
    def step(self) -> str:
        """The id of the step that does it."""
        kind = "downgrade" if self.way is Way.DOWNGRADE else "swap"
        return f"{kind}:{self.database}"

    @property
    def goal(self) -> str:
        """What it goes back to, for people."""
        return f"schema {self.lower}" if self.way is Way.DOWNGRADE else self.copy

    @property
    def vanishing(self) -> int | None:
        """Rows that would vanish; None when unknown."""
        return self.loss.vanishing if self.loss is not None else None

    @property
    def ceiling(self) -> int | None:
        """Rows that vanish at most; None when nobody knows.

        What is restored first is counted row by row before it is swapped in, so that a number is
        held to although it could only be estimated for the plan.
        """
        if self.loss is None or self.way is Way.RESTORE:
            return self.vanishing
        return self.loss.ceiling
