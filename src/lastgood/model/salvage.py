"""What was brought over from a replaced database, and what was not."""

from __future__ import annotations

from enum import StrEnum

from lastgood.model.noun import Noun


class Hindrance(StrEnum):
    """Why a row was left out."""

    TAKEN = "taken"
    """A unique key of it is another row's now."""
    ORPHAN = "orphan"
    """What it refers to is not there."""
    REFUSED = "refused"
    """A constraint of the table does not take it."""
    CHANGED = "changed"
    """Somebody has changed it since."""
    NEEDED = "needed"
    """Other rows refer to it."""


class Conflict(Noun, frozen=True, kw_only=True):
    """A row that was left out.

    Attributes:
        key: its key as text, by column.
        why: what stood in its way.
        said: the constraint, or the server's own words.
    """

    key: dict[str, str]
    why: Hindrance
    said: str = ""


class TableSalvage(Noun, frozen=True, kw_only=True):
    """What became of one table.

    Attributes:
        table: its name as SQL writes it, with its schema.
        found: rows that only the replaced database has.
        brought: how many of them are in the live one now, or would be.
        left: how many were left out.
        conflicts: the first of those.
        updated: rows of both with another content: never overwritten.
        deleted: rows that the live one has and the replaced one has not: deleted since the backup,
            and back again.
        deleted_keys: the first of those.
        said: what people should know beside, e.g. columns that were left out.
        why: why nothing was brought at all, e.g. for want of a key; empty otherwise.
    """

    table: str
    found: int
    brought: int
    left: int = 0
    conflicts: tuple[Conflict, ...] = ()
    updated: int = 0
    deleted: int = 0
    deleted_keys: tuple[dict[str, str], ...] = ()
    said: tuple[str, ...] = ()
    why: str = ""


class Salvage(Noun, frozen=True, kw_only=True):
    """What became of all of them, in the order in which they were filled.

    Attributes:
        tables: those with anything to say.
        sequences: the ones that were moved on, with their next value.
        revoked: rights that were taken away since the backup and are back, as SQL to run again.
    """

    tables: tuple[TableSalvage, ...]
    sequences: dict[str, int] = {}
    revoked: tuple[str, ...] = ()

    @property
    def brought(self) -> int:
        """Rows that were brought over in all."""
        return sum(table.brought for table in self.tables)

    @property
    def left(self) -> int:
        """Rows that were left out in all."""
        return sum(table.left for table in self.tables)
