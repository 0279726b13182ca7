"""All that belongs to one database's backups: its driver, its settings, where they are kept.

Nothing here awaits: from the dump program to the object store a backup is one blocking stream that
a command works on by itself, and the worker in a child.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lastgood.app.wiring import wire_database, wire_store
from lastgood.backup.manifest import Backups
from lastgood.errors import ConfigError, RefusedError, UsageError

if TYPE_CHECKING:
    from lastgood.app.project import Project
    from lastgood.config.backup import BackupSettings
    from lastgood.ports.database import Database
    from lastgood.ports.objects import ObjectStore


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """One database and its backups.

    Attributes:
        name: the database's name in the configuration.
        database: its driver.
        store: where its backups are kept.
        kept: the backups that are there.
        settings: when backups are made and for whom.
    """

    name: str
    database: Database
    store: ObjectStore
    kept: Backups
    settings: BackupSettings


def place_of(project: Project, name: str | None) -> Place:
    """The place of the named database, or of the only one.

    Raises:
        UsageError: there is no such database, or several and none is named.
        ConfigError: the environment has no database.
        RefusedError: nothing says where its backups are kept (`no-backup-store`).
    """
    chosen = _chosen(project, name)
    settings = project.backups(chosen)
    if settings is None or settings.store is None:
        raise RefusedError(
            f"nothing says where backups of {chosen} are kept",
            mend=f"write `backup: {{store: ..., recipients: [...]}}` under databases.{chosen} in "
            f"{project.settings.file}",
            code="no-backup-store",
        )
    of = project.settings, project.name
    with_ = project.state_folder, project.masker
    store = wire_store(*of, settings.store, chosen, *with_)
    return Place(
        name=chosen,
        database=wire_database(*of, chosen, *with_),
        store=store,
        kept=Backups(store, project.name, chosen),
        settings=settings,
    )


def _chosen(project: Project, name: str | None) -> str:
    names = sorted(project.environment.databases)
    if name is not None and name in names:
        return name
    if name is None and len(names) == 1:
        return names[0]
    if not names:
        raise ConfigError(
            f"{project.name} has no database",
            mend=f"describe one under `databases` in {project.settings.file}",
            code="no-database",
        )
    raise UsageError(
        f"there is no database {name[:70]!r}" if name else "several databases are described",
        cause=f"{project.name} has: {', '.join(names)}",
        mend="name one: --database NAME",
        code="which-database",
    )
