"""Repairing rows of named tables from a backup, and taking that back: the database stays."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lastgood.app.backups.ordering import named, order_copy
from lastgood.app.databases.befores import repairing_place
from lastgood.app.databases.salvaging import writing_turn
from lastgood.app.databases.surveying import chosen_copy
from lastgood.app.project import now, operator
from lastgood.backup.layout import new_id
from lastgood.errors import RefusedError, UsageError
from lastgood.model.noun import to_json
from lastgood.model.repair import OPERATORS, Condition
from lastgood.ports.swapping import Closed, Copy

if TYPE_CHECKING:
    from collections.abc import Callable

    from lastgood.app.backups.place import Place
    from lastgood.app.project import Project
    from lastgood.model.repair import Repair, Wanted
    from lastgood.plan.request import Acceptance

    Tell = Callable[[str], None]

REPAIRED, TAKEN_BACK = "database.repaired", "database.repair-undone"
UNACCEPTED = "loss-unaccepted"


class Repaired(NamedTuple):
    """What was repaired in which database, from where; of one taken back, the id of its rows."""

    database: str
    source: str
    repair: Repair


def conditions(words: list[str]) -> tuple[Condition, ...]:
    """The conditions that people write, e.g. `id>=100`.

    Raises:
        UsageError: one is none.
    """
    return tuple(map(_condition, words))


def repair(
    project: Project,
    database: str | None,
    backup: str | None,
    wanted: Wanted,
    acceptance: Acceptance | None,
    tell: Tell,
    *,
    dry_run: bool,
) -> Repaired:
    """Give named tables the content of a backup, restored beside the database where need be.

    Args:
        project: with the database.
        database: which one; the only one when left out.
        backup: which backup; left out, it is chosen as `db restore` would.
        wanted: which rows.
        acceptance: how many rows may be overwritten.
        tell: is told what is done first.
        dry_run: show what would become of the rows; nothing is restored for that.

    Raises:
        RefusedError: there is no sound backup, it stands not restored and this is a rehearsal
            (`copy-not-restored`), nobody has accepted that rows are overwritten
            (`loss-unaccepted`), a run or another repair is under way, or the tables cannot be
            repaired; nothing was changed.
        RemoteError: the server failed.
    """
    place, repairing = repairing_place(project, database)
    locks = project.state.locks
    locks.require_free(project.name)
    with writing_turn(project, place.name):
        chosen = chosen_copy(project, place, backup)
        if not chosen.stands:
            _restored(project, place, chosen.id, tell, dry_run=dry_run)
        copy, before = Copy(kind=Closed.KEPT, id=chosen.id), new_id(now())

        def done(accepted: int | None, *, rehearsed: bool) -> Repair:
            return repairing.repair(
                copy, wanted, before, accepted, dry_run=rehearsed,
                # A run that began meanwhile may be about to replace what we have repaired.
                fence=lambda: locks.require_free(project.name),
            )  # fmt: skip

        if dry_run:
            return Repaired(place.name, chosen.id, done(None, rehearsed=True))
        if acceptance is None:
            _refuse_unaccepted(done(None, rehearsed=True))
        found = done(acceptance.rows if acceptance else 0, rehearsed=False)
    if found.before:
        _remember(
            project, place.name, REPAIRED, found, chosen.id,
            f"{found.overwritten} rows of {place.name} were overwritten and {found.returned} "
            f"brought back from {chosen.id}, {found.left} were left out",
        )  # fmt: skip
    return Repaired(place.name, chosen.id, found)


def take_back(project: Project, database: str | None, before: str, *, dry_run: bool) -> Repaired:
    """Undo a repair, where nobody has changed its rows since.

    Raises:
        RefusedError: nothing is kept under this id (`no-before`), a run or a repair is under way,
            or it cannot be done; nothing was changed.
        RemoteError: the server failed.
    """
    place, repairing = repairing_place(project, database)
    if before not in {one.id for one in repairing.befores()}:
        raise RefusedError(
            f"no rows of a repair {before[:60]} of {place.name} are kept",
            cause="they were dropped, all of them were taken back, or it never was",
            mend="see which there are: lastgood db quarantine",
            code="no-before",
        )
    locks = project.state.locks
    locks.require_free(project.name)
    with writing_turn(project, place.name):
        found = repairing.take_back(
            before, dry_run=dry_run, fence=lambda: locks.require_free(project.name)
        )
    if not dry_run:
        _remember(
            project, place.name, TAKEN_BACK, found, before,
            f"the repair {before} of {place.name} was taken back: {found.overwritten} rows are as "
            f"they were, {found.removed} are gone again, {found.left} were left out",
        )  # fmt: skip
    return Repaired(place.name, before, found)


def _condition(words: str) -> Condition:
    places = [(words.find(sign), sign) for sign in OPERATORS if words.find(sign) > 0]
    if not places:
        raise UsageError(
            f"--where {words[:60]!r} is no condition",
            mend="a column, one of = != < <= > >=, and a value, e.g. --where 'id>=100'",
        )
    first = min(at for at, _ in places)
    sign = next(sign for at, sign in places if at == first)  # of two there the longer one
    value = words[first + len(sign) :]
    return Condition(column=words[:first].strip(), operator=sign, value=value)


def _restored(project: Project, place: Place, backup: str, tell: Tell, *, dry_run: bool) -> None:
    if dry_run:
        raise RefusedError(
            f"{backup} does not stand restored beside {place.name}",
            cause="its rows can only be compared where they are restored, and that takes disk",
            mend=f"restore it: lastgood backup verify {backup} --keep; then look again",
            code="copy-not-restored",
        )
    proven = order_copy(project, place, named(place, backup, whole=False), tell)
    if not proven.restorable:
        raise RefusedError(
            f"{backup} is damaged; nothing was changed",
            mend="take an older one: lastgood backup list, then --backup ID",
            code="backup-damaged",
        )


def _refuse_unaccepted(rehearsed: Repair) -> None:
    if not rehearsed.overwritten:
        return
    raise RefusedError(
        f"{rehearsed.overwritten} rows would be overwritten; nobody has accepted that",
        cause="rows that are not as the backup has them may have been changed rightly, too",
        mend="see which: --dry-run, and name fewer by --where or --column; or if that is the "
        f"price: --accept-loss {rehearsed.overwritten}",
        code=UNACCEPTED,
    )


def _remember(
    project: Project, database: str, kind: str, found: Repair, source: str, words: str
) -> None:
    incident = project.state.incidents.current(project.name)
    project.state.events.append(
        kind, operator(), words,
        at=now(), environment=project.name, incident=incident.id if incident else None,
        data={"database": database, "source": source, "repair": to_json(found)},
    )  # fmt: skip
