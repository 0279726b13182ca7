"""Which rows of a database are repaired from a copy, and what became of them."""

from __future__ import annotations

from lastgood.model.noun import Noun
from lastgood.model.salvage import Conflict


class Condition(Noun, frozen=True, kw_only=True):
    """What a row must meet: a column, compared with a value as its type compares.

    Attributes:
        operator: one of `OPERATORS`.
        value: as text.
    """

    column: str
    operator: str
    value: str

    def __str__(self) -> str:
        return f"{self.column}{self.operator}{self.value}"


OPERATORS = ("<=", ">=", "!=", "=", "<", ">")
"""The longer ones first: they begin like the others."""


class Wanted(Noun, frozen=True, kw_only=True):
    """What is to be repaired.

    Attributes:
        tables: their names, with the schema; without one it is `public`.
        columns: the only ones that are repaired; none means the whole row, and then rows that are
            gone come back, too.
        where: all of these a row must meet: as the live database has it, or, where it is gone, as
            the copy has it.
    """

    tables: tuple[str, ...]
    columns: tuple[str, ...] = ()
    where: tuple[Condition, ...] = ()


class TableRepair(Noun, frozen=True, kw_only=True):
    """What became of one table.

    Attributes:
        table: its name as SQL writes it, with its schema.
        overwritten: rows that had another content.
        returned: rows that were gone and are there again.
        removed: rows that a repair had brought back, and that were taken away again.
        newer: rows that only the live database has: written since the backup, and left.
        missing: rows that only the copy has, and that were not asked for.
        left: how many rows were left out.
        conflicts: the first of those.
        said: what people should know beside.
    """

    table: str
    overwritten: int = 0
    returned: int = 0
    removed: int = 0
    newer: int = 0
    missing: int = 0
    left: int = 0
    conflicts: tuple[Conflict, ...] = ()
    said: tuple[str, ...] = ()


class Repair(Noun, frozen=True, kw_only=True):
    """What became of all of them, in the order of their names.

    Attributes:
        sequences: the ones that were moved on, with their next value.
        before: the id under which the rows are kept as they were; empty when none was changed.
    """

    tables: tuple[TableRepair, ...]
    sequences: dict[str, int] = {}
    before: str = ""

    @property
    def overwritten(self) -> int:
        """Rows that got another content, in all."""
        return sum(table.overwritten for table in self.tables)

    @property
    def returned(self) -> int:
        """Rows that are there again, in all."""
        return sum(table.returned for table in self.tables)

    @property
    def removed(self) -> int:
        """Rows that were taken away again, in all."""
        return sum(table.removed for table in self.tables)

    @property
    def left(self) -> int:
        """Rows that were left out, in all."""
        return sum(table.left for table in self.tables)
