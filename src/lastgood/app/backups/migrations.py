"""The new release's migrations, kept with the backup that is made before it is deployed.

After a bad deployment the way down is written in the new release's scripts, and the git host may
be what is down. A backup is as good without them: whatever keeps them away is only told.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from lastgood.app.backups.proving import part_of
from lastgood.backup.layout import MIGRATIONS
from lastgood.backup.migrations import MOST_BYTES, unpack
from lastgood.errors import LastgoodError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lastgood.app.backups.place import Place
    from lastgood.app.project import Project
    from lastgood.model.backup import Backup

    Tell = Callable[[str], None]


def migrations_of(project: Project, place: Place, commit: str, tell: Tell) -> bytes:
    """The migrations folder as it is in a commit, as a tar archive; empty when it cannot be had."""
    described = getattr(project.environment.databases[place.name].options, "migrations", None)
    if described is None:
        return b""
    archive, doubts = asyncio.run(_archived(project, described.path, commit))
    if not archive:
        tell(f"the backup is without the migrations of {commit[:12]}: {'; '.join(doubts)}")
    return archive


def unpack_migrations(place: Place, backup: Backup, key: bytes, folder: Path) -> None:
    """Write the migrations of a backup into a new folder; see `lastgood.backup.migrations.unpack`.

    Args:
        place: where the backup is.
        backup: whose they are.
        key: its data key.
        folder: it must not be there yet.

    Raises:
        RefusedError: it has none or they are damaged (`damaged`), or hold what no migrations hold.
    """
    unpack(part_of(place, backup, key, MIGRATIONS), folder)


async def _archived(project: Project, path: str, commit: str) -> tuple[bytes, list[str]]:
    """From the first repository that has them; else why each has not."""
    doubts = list[str]()
    async with project.drivers() as drivers:
        for service, repository in drivers.distinct_repositories():
            try:
                return await repository.archive(commit, path, MOST_BYTES), []
            except LastgoodError as error:
                doubts.append(f"{service}: {error.message}")
    return b"", doubts or ["no service names its `repository`"]
