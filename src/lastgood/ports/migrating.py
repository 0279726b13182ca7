"""The port of databases whose schema a migration tool brings up and down.

A driver of the database family offers it beside `ports.database.Database`. Every method blocks and
is called from a worker thread.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from lastgood.model.noun import Noun

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

Unpack = Callable[[Path], None]
"""Writes the migrations into the folder that it is given, which is not there yet."""


class Schema(Noun, frozen=True, kw_only=True):
    """A database's schema at one moment.

    Attributes:
        revision: up to which migration it was brought; None where nothing says so.
        lines: all of it as text, one line for each thing: `kind name: definition`.
        columns: of each table, by the table's name as SQL writes it.
    """

    revision: str | None
    lines: tuple[str, ...]
    columns: dict[str, tuple[str, ...]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Scripts:
    """Migrations that lie unpacked where the tool finds them: what is run is up to the caller.

    Attributes:
        command: the tool with its configuration; what it shall do follows.
        env: what it is told by its environment: the address, which nobody else may see.
        secrets: what must be hidden in whatever it prints.
        cwd: where it runs.
        limit_s: how long it may take.
    """

    command: Sequence[str]
    env: Mapping[str, str] = field(repr=False)
    secrets: Sequence[str] = field(repr=False)
    cwd: Path
    limit_s: float

    def up(self) -> list[str]:
        """The command that brings a schema to the newest revision."""
        return [*self.command, "upgrade", "head"]

    def down(self, revision: str) -> list[str]:
        """The command that brings it back to an older one."""
        return [*self.command, "downgrade", revision]


@runtime_checkable
class Migrating(Protocol):
    """What a database offers beside, whose migrations are described in the configuration."""

    def why_unmigrated(self) -> str:
        """Why no migration can be run here; empty when one can be."""

    def revision(self) -> str | None:
        """Up to which migration the live schema was brought.

        Raises:
            RemoteError: the server does not answer.
        """

    def scripts(self, unpack: Unpack, side: str | None) -> AbstractContextManager[Scripts]:
        """Lay migrations out in a private folder, which goes with the context.

        A side database is open, for our role alone, while the context lasts.

        Args:
            unpack: writes them.
            side: the side database that they are for; the live one when None.

        Raises:
            RefusedError: they cannot be unpacked, or nothing can run them (`no-tool`).
            RemoteError: the server does not answer.
        """

    def copy_side(self, side: str, copy: str) -> None:
        """Make another side database with all that is in a closed one; nothing of it is left else.

        Raises:
            RefusedError: we may not, there is no room (`no-room`), or it is there already.
            RemoteError: the server failed.
        """

    def schema(self, side: str) -> Schema:
        """The schema of a side database.

        Raises:
            RemoteError: the server failed.
        """

    def rows(self, tables: Sequence[str], longest_s: float) -> dict[str, int | None]:
        """How many rows tables of the live database have now; None where it takes too long.

        A table that is not there is left out.

        Raises:
            RemoteError: the server does not answer.
        """
