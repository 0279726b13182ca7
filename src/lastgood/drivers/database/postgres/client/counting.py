"""How far a client program is, by the news that it prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lastgood.ports.database import Progress

if TYPE_CHECKING:
    from lastgood.ports.database import Heard

VERBOSE = "--verbose"
# English, since the programs run with LC_ALL=C. Names follow; they are not looked at.
_TABLE = ("pg_dump: dumping contents of table ", "pg_restore: processing data for table ")


class Counting:
    """Counts the tables that a client program began.

    A table's name may hold a line's end and what looks like news: so no more is counted than there
    is.

    Args:
        heard: is told of each.
        tables: how many there are; 0 where that is not known.
    """

    def __init__(self, heard: Heard, tables: int = 0) -> None:
        self._heard = heard
        self._tables = tables
        self._begun = 0

    def of(self, tables: int) -> None:
        """It is known by now how many tables there are."""
        self._tables = tables

    def then(self, later: int) -> None:
        """The rows are there; so much follows."""
        self._heard(Progress(tables=self._tables, of_tables=self._tables, later=later))

    def __call__(self, line: str) -> None:
        """Take a line of news."""
        if line.startswith(_TABLE):
            self._begun = min(self._begun + 1, self._tables or self._begun + 1)
            self._heard(Progress(tables=self._begun, of_tables=self._tables))
