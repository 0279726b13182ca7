"""What of a database would be lost if a copy of it took its place: counted, table by table."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from lastgood.model.noun import Noun


class Precision(StrEnum):
    """How well a number is known."""

    EXACT = "exact"
    ESTIMATED = "estimated"
    UNKNOWN = "unknown"


class TableLoss(Noun, frozen=True, kw_only=True):
    """What would become of one table's rows.

    Attributes:
        table: its name as SQL writes it, with its schema.
        live_rows: how many the live table has; None where it is not there, or cannot be read.
        restored_rows: how many the copy's table has, likewise.
        vanishing: rows that the live one has and the copy has not; None when unknown.
        returning: rows that the copy has and the live one has not.
        changing: rows of the same key with another content. A table without a key has none: a row
            that was changed vanishes there, and the former one returns.
        precision: of these numbers.
        why: why it is not exact, for people.
        at_least: `vanishing` is a lower bound: nobody knows how many more vanish.
    """

    table: str
    live_rows: int | None
    restored_rows: int | None
    vanishing: int | None
    returning: int | None
    changing: int | None
    precision: Precision
    why: str = ""
    at_least: bool = False

    @property
    def differs(self) -> bool:
        """Whether anything would become of it, as far as anybody knows."""
        return any(n is None or n > 0 for n in (self.vanishing, self.returning, self.changing))


class Loss(Noun, frozen=True, kw_only=True):
    """What of a database would be lost.

    Attributes:
        at: when it was looked at.
        tables: each table of either side, by name.
        shape: what differs in the schema, a line each, for people.
    """

    at: datetime
    tables: tuple[TableLoss, ...]
    shape: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether every number is exact."""
        return all(table.precision is Precision.EXACT for table in self.tables)

    @property
    def vanishing(self) -> int | None:
        """Rows that would vanish in all; None when a table's number is unknown."""
        counts = [table.vanishing for table in self.tables]
        return None if any(count is None for count in counts) else sum(c for c in counts if c)

    @property
    def ceiling(self) -> int | None:
        """Rows that vanish at most; None when nobody knows: a number cannot be held to it."""
        return None if any(table.at_least for table in self.tables) else self.vanishing
