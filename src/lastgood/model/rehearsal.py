"""What came of trying a release's migrations up and down on a throwaway copy of a backup."""

from __future__ import annotations

from datetime import datetime

from lastgood.model.noun import Noun
from lastgood.model.problem import Problem


class Rehearsal(Noun, frozen=True, kw_only=True):
    """A way up and down that was tried.

    Attributes:
        backup: whose restored copy and whose migrations.
        reversible: down again everything was as the backup says, shape and content.
        seconds: of all of it.
        down_s: of the way down alone.
        lower: the schema's revision in the backup.
        upper: the revision that the migrations brought it to; None where they did not get so far.
        problems: why it is not reversible, or why that could not be tried.
        goes: what the way down takes away beside rows, in words.
        tables: the tables that the way down takes away with their rows, as SQL writes them.
    """

    backup: str
    at: datetime
    reversible: bool
    seconds: float
    down_s: float = 0.0
    lower: str | None = None
    upper: str | None = None
    problems: tuple[Problem, ...] = ()
    goes: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
