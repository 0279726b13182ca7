"""The rehearsed way down of a database, where one leads from what is live now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lastgood.app.backups.keys import identity_of
from lastgood.app.project import now
from lastgood.errors import LastgoodError
from lastgood.model.backup import BackupKind
from lastgood.model.loss import Loss, Precision, TableLoss
from lastgood.model.revision import same_version
from lastgood.plan.request import Descent
from lastgood.ports.migrating import Migrating

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from collections.abc import Set as AbstractSet

    from lastgood.app.backups.place import Place
    from lastgood.app.project import Project
    from lastgood.model.backup import StoredBackup

LONGEST_COUNT_S = 5.0
"""How long rows of a table that goes are counted."""
UNCOUNTED = "counting its rows takes too long"


def descent_of(
    project: Project, place: Place, backups: Sequence[StoredBackup], live: AbstractSet[str]
) -> Descent | None:
    """The way down that was rehearsed before what is live was deployed; None where none leads down.

    Args:
        project: whose database it is.
        place: where its backups are.
        backups: the proven ones.
        live: the commits that run; where there are no services, the newest backup counts.
    """
    database = place.database
    stored = _before(backups, live, anything=not project.environment.services)
    if stored is None or stored.rehearsal is None or not isinstance(database, Migrating):
        return None
    tried = stored.rehearsal
    if not tried.reversible or tried.lower is None or tried.upper in {None, tried.lower}:
        return None
    try:
        identity_of(project, place, None)  # the migrations are sealed
        if database.why_unmigrated() or database.revision() != tried.upper:
            return None
        loss = goes_with(database, tried.tables, tried.goes)
    except LastgoodError:
        return None  # the other ways say what is wrong with the server
    return Descent(
        backup=stored.backup.id,
        before=stored.backup.before or "",
        releases=stored.backup.releases,
        upper=tried.upper or "",
        lower=tried.lower,
        seconds=tried.down_s,
        loss=loss,
    )


def goes_with(database: Migrating, tables: Iterable[str], goes: Iterable[str] = ()) -> Loss:
    """What the way down takes away now: the rows of whole tables, and what is in columns.

    Raises:
        RemoteError: the database does not answer.
    """
    rows = database.rows(list(tables), LONGEST_COUNT_S)
    return Loss(
        at=now(),
        tables=tuple(_table(name, count) for name, count in sorted(rows.items())),
        shape=tuple(f"{what} goes with what is in it" for what in goes),
    )


def _before(
    backups: Sequence[StoredBackup], live: AbstractSet[str], *, anything: bool
) -> StoredBackup | None:
    """The newest backup before the deployment of what runs."""
    made = (
        one
        for one in backups
        if one.backup.kind is BackupKind.BEFORE_DEPLOY
        and one.backup.before is not None
        and (anything or any(same_version(one.backup.before, commit) for commit in live))
    )
    return max(made, key=lambda one: one.backup.created_at, default=None)


def _table(name: str, count: int | None) -> TableLoss:
    return TableLoss(
        table=name,
        live_rows=count,
        restored_rows=None,
        vanishing=count,
        returning=0,
        changing=0,
        precision=Precision.EXACT if count is not None else Precision.UNKNOWN,
        why="" if count is not None else UNCOUNTED,
    )
