"""pgBackRest: asked what it has, told what to bring back; its configuration is the user's."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from lastgood.errors import ChildError, RefusedError
from lastgood.ports.rewinding import FileBackup, Point, PointKind
from lastgood.process.guarded import GuardedChildren
from lastgood.process.masking import harmless
from lastgood.process.survivors import VARIABLE

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from lastgood.drivers.database.postgres.physical.physical import Physical
    from lastgood.process.masking import Masker

_ASKED_S = 60.0
# What it complains about goes where complaints are read; its answer is all that it prints.
_QUIET = ("--log-level-console=off", "--log-level-stderr=warn")


class Stanza(NamedTuple):
    """What pgBackRest has of a server.

    Attributes:
        systems: the numbers that servers are made with; the last one's is the present one's.
        backups: the oldest first.
    """

    systems: list[int]
    backups: list[FileBackup]


class PgBackRest:
    """The program, for one server, and what stops and starts that.

    Args:
        base: where commands run.
        guards: where it is noted which run: they die with us, and what a killed predecessor left is
            ended first.
    """

    def __init__(self, physical: Physical, base: Path, guards: Path, masker: Masker) -> None:
        self._physical = physical
        self._base = base
        self._guards = guards
        self._masker = masker

    def stanza(self) -> Stanza:
        """What it has.

        Raises:
            ChildError: it failed.
            RefusedError: it knows of no such stanza, or has no backup of it (`no-file-backup`).
        """
        name = self._physical.stanza
        out = self._run([*self._words(), "--output=json", "info"], _ASKED_S)
        try:
            found: list[dict[str, Any]] = json.loads(out)
            named = [one for one in found if one["name"] == name]
            one: dict[str, Any] = named[0] if named else {"db": [], "backup": []}
            backups = [_backup(backup) for backup in one["backup"] if not backup.get("error")]
            systems = [int(database["system-id"]) for database in one["db"]]
        except (ValueError, KeyError, TypeError) as error:
            raise ChildError(
                "what pgBackRest says of its backups cannot be read",
                cause=harmless(f"{type(error).__name__}: {error}")[:300],
                mend="see it: pgbackrest --output=json info",
                code="pgbackrest-unreadable",
            ) from error
        if not backups:
            raise RefusedError(
                f"pgBackRest has no backup of {name}",
                mend=f"make one: pgbackrest --stanza={name} backup",
                code="no-file-backup",
            )
        return Stanza(systems, sorted(backups, key=lambda backup: backup.ended_at))

    def restore(self, point: Point, backup: str, timeline: int | None) -> None:
        """Bring the stopped server's files back; it goes on from there when it is started.

        Raises:
            ChildError: it failed.
        """
        # With its offset: else it would be taken for the time zone of the server's own settings.
        at = point.at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f+00")
        words = [
            *self._words(),
            f"--set={backup}",
            "--delta",
            f"--type={point.kind.value}",
            f"--target={point.name if point.kind is PointKind.NAME else at}",
            "--target-action=promote",
            *([f"--target-timeline={timeline}"] if timeline is not None else []),
            "restore",
        ]
        self._run(words, self._physical.longest)

    def stop(self) -> None:
        """Stop the server; one that is stopped already is no error of ours to find."""
        self._run(self._physical.stop, self._physical.patience)

    def start(self) -> None:
        """Start the server."""
        # The server is no child of the step's: who ends that by its mark must not find it.
        self._run(["env", "-u", VARIABLE, *self._physical.start], self._physical.patience)

    def _words(self) -> list[str]:
        physical = self._physical
        config = [f"--config={physical.config}"] if physical.config else []
        return [*physical.program, *config, f"--stanza={physical.stanza}", *_QUIET]

    def _run(self, argv: Sequence[str], timeout_s: float) -> str:
        children = GuardedChildren(self._guards, "physical", self._masker)

        async def run() -> str:
            try:
                done = await children.run(argv, timeout=timeout_s, cwd=self._base)
                return done.stdout
            finally:
                await children.clear()

        return asyncio.run(run())


def _backup(told: dict[str, Any]) -> FileBackup:
    ended = datetime.fromtimestamp(told["timestamp"]["stop"], UTC)
    return FileBackup(label=told["label"], ended_at=ended, bytes=told["info"]["size"])
