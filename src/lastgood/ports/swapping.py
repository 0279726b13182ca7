"""The port of databases whose place a copy can take, by swapping names.

A driver of the database family offers it beside `ports.database.Database`. Every method blocks and
is called from a worker thread.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from lastgood.model.loss import Loss
from lastgood.model.noun import Noun
from lastgood.model.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Callable

    from lastgood.model.salvage import Salvage


class Closed(StrEnum):
    """What a closed copy beside the live database is."""

    KEPT = "kept"
    """A backup's restored copy: see `Database.kept`."""
    QUARANTINED = "quarantined"
    """A database that was live once and was replaced."""


class Copy(Noun, frozen=True, kw_only=True):
    """A closed database beside the live one that could take its place.

    Attributes:
        id: of a kept one the backup's id, of a quarantined one its own.
    """

    kind: Closed
    id: str


class Quarantined(Noun, frozen=True, kw_only=True):
    """A replaced database.

    Attributes:
        id: what it was replaced under.
        bytes: what it takes on the server.
        problems: whether it stands open, or who may enter it.
    """

    id: str
    bytes: int
    problems: tuple[Problem, ...] = ()


class Swapped(Noun, frozen=True, kw_only=True):
    """What a swap did.

    Attributes:
        loss: what went with the replaced database, as it stood when nobody could write any more.
        closed_s: seconds in which nobody could connect.
        ended: sessions that were ended.
        said: what people should know: settings that could not be carried over, slots that were
            dropped and how to seed them again.
    """

    loss: Loss
    closed_s: float
    ended: int
    at: datetime
    said: tuple[str, ...] = ()


@runtime_checkable
class Swapping(Protocol):
    """What a database offers beside, whose name a copy can take."""

    def obstacles(self, copy: Copy | None, *, drop_slots: bool = False) -> list[Problem]:
        """What stands in the way of a swap now, without trying; of the copy, too, when it is given.

        Raises:
            RemoteError: the server does not answer.
        """

    def rehearse(self) -> list[Problem]:
        """Swap two empty scratch databases, and leave nothing: what it shows against the right."""

    def loss(self, copy: Copy, *, longest_s: float) -> Loss:
        """What the live database would lose to a copy; what takes longer is estimated.

        Raises:
            RefusedError: there is no such copy (`no-copy`).
            RemoteError: the server does not answer.
        """

    def swap(
        self,
        copy: Copy,
        quarantine: str,
        accepted: int | None,
        *,
        fence: Callable[[], None],
        drop_slots: bool = False,
    ) -> Swapped:
        """Let a copy take the live database's place; the live one is quarantined.

        It happens wholly or not at all: killed at any point, the server itself lets clients in
        again within seconds, to one of the two. What is done twice is refused the second time:
        who does not know whether it was done asks `quarantined` first.

        Args:
            copy: what shall be live.
            quarantine: the id under which the live one is kept, closed; one that begins with the
                time lets the oldest be found.
            accepted: how many rows may vanish; None when it was accepted that nobody knows.
            fence: raises when we have no say any more; called right before the point of no return.
            drop_slots: drop the replaced one's logical replication slots.

        Raises:
            RefusedError: something stands in the way, or more would be lost than was accepted
                (`loss-over-accepted`), or there is a quarantined one of this id
                (`quarantine-exists`); nothing was changed.
            RemoteError: the server failed; nothing was replaced, unless the code is
                `swap-in-doubt`: then nobody knows until the server answers again.
            ChildError: a command of the project's hooks failed; nothing was replaced.
        """

    def quarantined(self) -> list[Quarantined]:
        """The replaced databases that are there, by their ids."""

    def drop_quarantined(self, quarantine: str) -> None:
        """Remove a replaced one; one that is not there is removed already."""

    def salvage(self, quarantine: str, *, dry_run: bool, fence: Callable[[], None]) -> Salvage:
        """Bring rows that were written since the backup from a replaced database into the live one.

        In one transaction, in the order of foreign keys, never overwriting; what is in the way of a
        row leaves that row out. Done twice, the second finds nothing to bring.

        Args:
            quarantine: whose rows.
            dry_run: do all of it, and take it back.
            fence: as in `swap`, called right before the commit.

        Raises:
            RefusedError: there is no such database (`no-copy`), or it cannot be done at all.
            RemoteError: the server failed.
        """
