"""Rotation: the data key of every backup, wrapped for those who are recipients now.

Only manifests change, each in one step, and none before its data key has opened a part of what it
describes: so whenever this is killed, each backup opens for its former recipients or for the new
ones, and done again it goes on. Who kept the former key and a former manifest still opens that
backup; only a new backup has a new data key.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from lastgood.app.backups.keys import identity_of
from lastgood.app.backups.place import place_of
from lastgood.app.backups.proving import part_of
from lastgood.app.project import now, operator
from lastgood.backup.recipients import enough, find_recipients, fits, unwrap, wrap
from lastgood.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from lastgood.app.backups.place import Place
    from lastgood.app.project import Project
    from lastgood.backup.identity import Identity
    from lastgood.backup.recipients import Recipient
    from lastgood.model.backup import Backup

    Tell = Callable[[str], None]

TRIES = 3
GONE = "no-backup"
MEANWHILE = frozenset({"backup-changed", "incomplete"})
"""Codes of what somebody else did while we looked: then it is looked at once more."""


class Fate(StrEnum):
    """What became of a backup's manifest."""

    REWRAPPED = "rewrapped"
    LEFT = "left"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True, slots=True)
class Rewrapped:
    """One backup that was looked at.

    Attributes:
        recipients: for whom it is wrapped now; not known when it failed.
        error: why it failed.
    """

    database: str
    backup: str
    fate: Fate
    recipients: tuple[str, ...] = ()
    error: RefusedError | None = None


def rewrap_backups(
    project: Project, database: str | None, key: Path | None, *, dry_run: bool, tell: Tell
) -> list[Rewrapped]:
    """Wrap the data keys of all backups for the recipients that the configuration names.

    One that fits is left; one that the key does not open is told, and the others go on.

    Args:
        project: with the databases and their recipients.
        database: whose backups; those of all that have a store when left out.
        key: what opens the backups as they are; else a recipient's key that is here.
        dry_run: everything is tried, and no manifest written.
        tell: is given words of progress.

    Raises:
        RefusedError: the key or a recipient cannot be used, or there are fewer than two.
        RemoteError: the store, or who keeps a key, did not answer; what was done stays done.
    """
    databases = [  # whatever is refused of any is refused before anything is done
        _Rewrapping(project, place, key, tell, dry_run=dry_run)
        for place in _places(project, database)
    ]
    return [one for rewrapping in databases for one in rewrapping.all()]


def _places(project: Project, database: str | None) -> Iterator[Place]:
    names = [name for name in sorted(project.environment.databases) if _has_store(project, name)]
    for name in [database] if database is not None or not names else names:
        yield place_of(project, name)


def _has_store(project: Project, database: str) -> bool:
    settings = project.backups(database)
    return settings is not None and settings.store is not None


class _Rewrapping:
    """The backups of one database."""

    def __init__(
        self, project: Project, place: Place, key: Path | None, tell: Tell, *, dry_run: bool
    ) -> None:
        self._project = project
        self._place = place
        self._tell = tell
        self._dry_run = dry_run
        settings = place.settings
        found = find_recipients(settings.recipients, project.settings.folder)
        self._recipients: tuple[Recipient, ...] = enough(found)
        self._identity: Identity = identity_of(project, place, key)

    def all(self) -> Iterator[Rewrapped]:
        """One after the other, the oldest first; those that were dropped meanwhile are no more."""
        used: set[str] = set()
        for backup in self._place.kept.finished():
            one = self._one(backup, used)
            if one is not None:
                yield one
        if used and not self._dry_run:
            self._place.kept.opened(used, now())

    def _one(self, backup: str, used: set[str]) -> Rewrapped | None:
        last: RefusedError | None = None
        for _ in range(TRIES):
            try:
                return self._rewrapped(backup, used)
            except RefusedError as error:
                if error.code == GONE:
                    return None
                last = error
                if error.code not in MEANWHILE:
                    break
        return Rewrapped(database=self._place.name, backup=backup, fate=Fate.FAILED, error=last)

    def _rewrapped(self, backup_id: str, used: set[str]) -> Rewrapped:
        place = self._place
        # One that lost a part is opened by the former key as well: it is no exception.
        backup = place.kept.read(backup_id, whole=False).backup
        if fits(backup.keys, self._recipients):
            return self._said(backup, Fate.LEFT)
        key = unwrap(backup.keys, self._identity, backup.id)
        _see_it_opens(place, backup, key)
        keys = wrap(key, self._recipients, backup.id)
        used |= {one.recipient for one in backup.keys} & self._identity.recipients
        if not self._dry_run:
            place.kept.rewrite(backup, keys)
            self._remember(backup)
        return self._said(backup, Fate.REWRAPPED)

    def _said(self, backup: Backup, fate: Fate) -> Rewrapped:
        return Rewrapped(
            database=self._place.name,
            backup=backup.id,
            fate=fate,
            recipients=tuple(one.recipient for one in self._recipients),
        )

    def _remember(self, backup: Backup) -> None:
        were = ", ".join(one.recipient for one in backup.keys)
        are = ", ".join(one.recipient for one in self._recipients)
        self._project.state.events.append(
            "backup.rewrapped", operator(),
            f"{backup.id} of {self._place.name}: its key was for {were}, and is for {are} now",
            at=now(), environment=self._project.name,
            data={"database": self._place.name, "backup": backup.id},
        )  # fmt: skip
        self._tell(f"{backup.id} is rewrapped")


def _see_it_opens(place: Place, backup: Backup, key: bytes) -> None:
    """Open the beginning of one of its parts, the smallest that can be.

    A manifest may hold another backup's key that was wrapped for us. Were that one wrapped for
    everybody, the right one would be lost.

    Raises:
        RefusedError: none opens (`damaged`, ...).
    """
    failed: RefusedError | None = None
    for part in sorted(backup.parts, key=lambda one: one.bytes):
        plain = part_of(place, backup, key, part.name)
        try:
            next(plain, None)
        except RefusedError as error:
            failed = error
        else:
            return
        finally:
            plain.close()
    raise RefusedError(
        f"the key in the manifest of {backup.id} opens none of its parts",
        cause=str(failed.cause or failed.message) if failed is not None else "it has none",
        mend="see what is wrong with it: lastgood backup verify " + backup.id,
        code="wrong-key",
    )
