"""The warm target: the restored copy of a proven backup, kept closed beside the live database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lastgood.app.backups.freezing import frozen
from lastgood.app.backups.place import place_of
from lastgood.app.backups.standing import DROPPED, KEPT, mode_of, warm_targets
from lastgood.app.project import now, operator
from lastgood.backup.comparing import differences
from lastgood.backup.warm import Ran, Situation, WarmMode, doubt, surplus, why_not
from lastgood.errors import LastgoodError, RefusedError
from lastgood.model.backup import BackupKind

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from lastgood.app.backups.place import Place
    from lastgood.app.project import Project
    from lastgood.model.backup import Backup, StoredBackup
    from lastgood.model.problem import Problem

    Tell = Callable[[str], None]

FAILED = "warm-target.failed"
MOST_DEPLOYMENTS = 1000


class Warming:
    """Promotes a backup's restored copy, and takes away what it replaces.

    Nothing that goes wrong here speaks against the backup: it is told and remembered.
    """

    def __init__(self, project: Project, place: Place, tell: Tell) -> None:
        self._project = project
        self._place = place
        self._tell = tell

    def promote(self, backup: Backup) -> None:
        """Keep a proven backup's copy, where it may become the warm target; it stands still.

        Looked at now and not before the restore, which took its time: what began meanwhile counts.
        """
        try:
            situation = self._situation(backup)
            if backup.id in situation.stands:
                return  # it was proven once more, and its copy stands already
            doubt = why_not(backup, situation)
            if doubt:
                self._tell(f"{backup.id} does not become the warm target: {doubt}")
                return
            self._place.database.keep(backup.id)
        except LastgoodError as error:
            self._failed(f"{backup.id} could not become the warm target: {error}")
            return
        self._remember(KEPT, backup.id, "stands restored and closed, as the warm target")

    def settle(self) -> None:
        """Drop what a newer one replaced, what a crash left, or all of it when it is off.

        Only after the newer one stands: killed in between there is one too many, never none.
        """
        try:
            for side in surplus(self._situation(None)):
                self._place.database.drop_kept(side)
                off = mode_of(self._project, self._place) is WarmMode.OFF
                why = "it is switched off" if off else "a newer one stands"
                self._remember(DROPPED, side, f"is no warm target any more: {why}")
        except LastgoodError as error:
            self._failed(f"the former warm target could not be dropped: {error}")

    def _situation(self, backup: Backup | None) -> Situation:
        project, place = self._project, self._place
        mode = mode_of(project, place)
        wanted = backup is not None and mode is not WarmMode.OFF
        return Situation(
            mode=mode,
            ran=_ran(project, backup) if backup is not None else (),
            frozen=frozen(project),
            hindrance=place.database.why_unkept() if wanted else "",
            stands=tuple(one.side for one in place.database.kept()),
        )

    def _remember(self, kind: str, backup: str, what: str) -> None:
        remember(self._project, self._place, kind, backup, what)
        self._tell(f"{backup} {what}")

    def _failed(self, text: str) -> None:
        project = self._project
        project.state.events.append(
            FAILED, operator(), text, at=now(), environment=project.name,
            data={"database": self._place.name},
        )  # fmt: skip
        self._tell(text)


def remember(project: Project, place: Place, kind: str, backup: str, what: str) -> None:
    """Write down what became of a warm target."""
    project.state.events.append(
        kind, operator(), f"{backup} of {place.name} {what}",
        at=now(), environment=project.name, data={"database": place.name, "backup": backup},
    )  # fmt: skip


def drop_warm(project: Project, database: str, *, dry_run: bool) -> list[str]:
    """Drop every warm target of a database, since a person said so; gives their ids.

    Raises:
        RefusedError: a run is under way, which may be about to swap it in (`locked`).
        RemoteError: the database does not answer.
    """
    place = place_of(project, database)
    sides = sorted(one.side for one in place.database.kept())
    if dry_run:
        return sides
    project.state.locks.require_free(project.name)
    for side in sides:
        place.database.drop_kept(side)
        remember(project, place, DROPPED, side, "was dropped: a person said so")
    return sides


def recheck_warm(project: Project, place: Place) -> tuple[StoredBackup, tuple[Problem, ...]]:
    """Close the warm target, whatever somebody did to it, and compare it with its backup again.

    One that differs is dropped: what is not the backup must not be swapped in for it.

    Raises:
        RefusedError: there is none (`no-warm-target`), or its backup is gone (`no-backup`).
        RemoteError: the database or the store does not answer.
    """
    sides = sorted(one.side for one in place.database.kept())
    if not sides:
        raise RefusedError(
            f"{place.name} has no warm target",
            cause="; ".join(one.what for one in warm_targets(project, place).problems)
            or "no restored copy is kept beside it",
            mend="make one: lastgood backup create --before-deploy COMMIT",
            code="no-warm-target",
        )
    stored = place.kept.read(sides[-1])
    found = place.database.fingerprint(sides[-1], kept=True)
    problems = differences(stored.backup.fingerprint, found)
    if problems:
        place.database.drop_kept(sides[-1])
        what = f"is no warm target any more, somebody changed it: {problems[0].what}"
        remember(project, place, DROPPED, sides[-1], what)
    return stored, problems


def doubt_of(project: Project, backup: Backup) -> str:
    """Why a backup may hold the damage, too, by what ran when it was taken; empty when not."""
    return doubt(backup, _ran(project, backup))


def _ran(project: Project, backup: Backup) -> tuple[Ran, ...]:
    """What ran when the snapshot was taken, by the ledger.

    Where the ledger knows of nothing then, a backup before a deployment says what was live itself.
    """
    return tuple(_of(project, service, backup) for service in project.environment.services)


def _of(project: Project, service: str, backup: Backup) -> Ran:
    ledger = project.state.ledger
    deployments = ledger.deployments(project.name, service, MOST_DEPLOYMENTS)
    then = next((one.commit for one in deployments if one.at <= backup.created_at), "")
    if not then and backup.kind is BackupKind.BEFORE_DEPLOY:
        then = backup.releases.get(service, "")
    release = ledger.release(project.name, service, then) if then else None
    live: datetime | None = deployments[0].at if deployments else None
    return Ran(
        service=service,
        commit=then,
        standing=release.standing if release is not None else None,
        replaced_at=live,
    )
