"""The port of databases in which rows can be repaired from a closed copy beside them.

A driver of the database family offers it beside `ports.swapping.Swapping`. Every method blocks and
is called from a worker thread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from lastgood.model.noun import Noun

if TYPE_CHECKING:
    from collections.abc import Callable

    from lastgood.model.repair import Repair, Wanted
    from lastgood.ports.swapping import Copy


class Before(Noun, frozen=True, kw_only=True):
    """Rows as they were before a repair, kept in a closed database of their own.

    Attributes:
        id: begins with the time of the repair.
        bytes: what they take on the server.
    """

    id: str
    bytes: int


@runtime_checkable
class Repairing(Protocol):
    """What a database offers beside, whose rows can be repaired one by one."""

    def repair(
        self,
        copy: Copy,
        wanted: Wanted,
        before: str,
        accepted: int | None,
        *,
        dry_run: bool,
        fence: Callable[[], None],
    ) -> Repair:
        """Give rows the content that a copy has, and bring back those that are gone.

        In one transaction, in the order of foreign keys, without firing triggers; a row that the
        table does not take is left out. Rows that only the live database has stay. Done twice, the
        second finds nothing to do.

        Args:
            copy: the closed copy whose content is right.
            wanted: which rows.
            before: the id under which the rows are kept as they were, before anything is changed.
            accepted: how many rows may be overwritten; None for any number.
            dry_run: do all of it, and take it back.
            fence: raises when we have no say any more; called right before the commit.

        Raises:
            RefusedError: there is no such copy (`no-copy`), table (`no-table`) or column
                (`no-column`), a table cannot be repaired (`not-repairable`), or more would be
                overwritten than was accepted (`loss-over-accepted`); nothing was changed.
            RemoteError: the server failed; nothing was changed, unless the code is
                `repair-unknown`.
        """

    def take_back(self, before: str, *, dry_run: bool, fence: Callable[[], None]) -> Repair:
        """Undo a repair: rows are again as they were before it.

        A row that somebody has changed since stays, and is listed.

        Raises:
            RefusedError: nothing is kept under this id (`no-before`), or it cannot be done at all.
            RemoteError: as `repair`.
        """

    def befores(self) -> list[Before]:
        """What is kept of rows before repairs, by the ids."""

    def drop_before(self, before: str) -> None:
        """Remove what is kept; what is not there is removed already."""
