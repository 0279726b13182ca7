"""The port of databases whose whole server can go back in time, by a backup of its files.

A driver of the database family offers it beside `ports.database.Database`, where it is configured.
Every method blocks and is called from a worker thread.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from lastgood.model.noun import Noun
from lastgood.model.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Callable


class PointKind(StrEnum):
    """How a moment is named."""

    TIME = "time"
    """What was committed until then is there."""
    NAME = "name"
    """Where a restore point was made."""


class Point(Noun, frozen=True, kw_only=True):
    """Where a server goes back to.

    Attributes:
        at: the moment; of a restore point, when it was made.
        name: the restore point's.
    """

    kind: PointKind
    at: datetime
    name: str = ""


class FileBackup(Noun, frozen=True, kw_only=True):
    """A backup of the server's files: every moment after its end can be gone back to.

    Attributes:
        bytes: of the server's files.
    """

    label: str
    ended_at: datetime
    bytes: int


class Rewindable(Noun, frozen=True, kw_only=True):
    """What the server can go back to, and what goes with it.

    Attributes:
        backups: the oldest first.
        others: other databases of the server: they go back, too.
        problems: what stands in the way.
    """

    backups: tuple[FileBackup, ...]
    others: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()


class Rewound(Noun, frozen=True, kw_only=True):
    """What became of it.

    Attributes:
        down_s: seconds in which nobody could connect.
        said: what people should know: queries that do not say what they should, standbys.
    """

    down_s: float
    said: tuple[str, ...] = ()


@runtime_checkable
class Rewinding(Protocol):
    """What a database offers beside, whose server can go back in time."""

    def rewindable(self) -> Rewindable | None:
        """What it can go back to; None where nothing is configured.

        Raises:
            ChildError: the backup tool failed.
        """

    def rewind(self, point: Point, rewind: str, *, fence: Callable[[], None]) -> Rewound:
        """Stop the server, bring its files back to a moment, and start it.

        Where that fails the server is brought to where it was. Killed in between, it is done again
        from there under the same id; done twice, nothing is done the second time.

        Args:
            point: where to.
            rewind: an id; where the server is now is remembered under it.
            fence: raises when we have no say any more; called before the server is stopped.

        Raises:
            RefusedError: something stands in the way; nothing was changed.
            RemoteError: it failed: the server is where it was (`rewind-undone`), or it is down
                (`rewind-failed`).
        """

    def rewound(self, rewind: str) -> bool:
        """Whether the server has gone back under this id, and serves."""

    def forward(self, rewound: str, rewind: str, *, fence: Callable[[], None]) -> Rewound:
        """Undo a rewind: to where the server was; what was written since goes.

        Raises:
            RefusedError: nothing is known of such a rewind (`no-rewind`).
            RemoteError: as `rewind`.
        """
