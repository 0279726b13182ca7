"""Bringing rows that were written since the backup from a replaced database into the live one."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from msgspec import structs

from lastgood.app.backups.turns import turn, turn_file
from lastgood.app.databases.quarantine import former, swapping_place
from lastgood.app.project import now, operator
from lastgood.errors import RefusedError
from lastgood.model.noun import to_plain_json
from lastgood.model.salvage import Salvage
from lastgood.store.events import LONGEST_DATA

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lastgood.app.project import Project
    from lastgood.model.salvage import TableSalvage

SALVAGED = "database.salvaged"
SHOWN_KEYS = 20


class Salvaged(NamedTuple):
    """What was brought, from where into which database."""

    database: str
    quarantine: str
    salvage: Salvage


def salvage(
    project: Project, database: str | None, quarantine: str | None, *, dry_run: bool
) -> Salvaged:
    """Bring rows over, in one transaction; a rehearsal takes everything back.

    Args:
        project: with the database.
        database: which one; the only one when left out.
        quarantine: the replaced database; the newest when left out.
        dry_run: only show what would be brought, and what stands in the way.

    Raises:
        RefusedError: a run is under way (`locked`), another salvage is (`salvage-under-way`), or
            there is no replaced database (`no-quarantine`).
        RemoteError: the server failed; nothing was brought.
    """
    place = swapping_place(project, database)
    chosen = former(project, place, quarantine)
    locks = project.state.locks
    locks.require_free(project.name)
    with writing_turn(project, place.name):
        # A run that began meanwhile may be about to replace what we have filled.
        found = place.swapping.salvage(
            chosen, dry_run=dry_run, fence=lambda: locks.require_free(project.name)
        )
    if not dry_run:
        _remember(project, place.name, chosen, found)
    return Salvaged(place.name, chosen, found)


@contextmanager
def writing_turn(project: Project, database: str) -> Iterator[None]:
    """Be the only one on this machine that writes rows into a database.

    Raises:
        RefusedError: another one does (`salvage-under-way`).
    """
    with turn(turn_file(project, "salvage", database)) as held:
        if not held.ours:
            raise RefusedError(
                f"rows are being brought into {database} already",
                cause="another lastgood process on this machine does it",
                mend="wait for it",
                code="salvage-under-way",
            )
        yield


def _remember(project: Project, database: str, quarantine: str, found: Salvage) -> None:
    incident = project.state.incidents.current(project.name)
    project.state.events.append(
        SALVAGED, operator(),
        f"{found.brought} rows were brought into {database} from {quarantine}, "
        f"{found.left} were left out",
        at=now(), environment=project.name, incident=incident.id if incident else None,
        data={
            "database": database, "quarantine": quarantine, "salvage": told(found),
            "brought": str(found.brought), "left": str(found.left),
        },
    )  # fmt: skip


def told(found: Salvage) -> str:
    """What became of each table, as an event holds it: with fewer keys where there is no room."""
    for most in (SHOWN_KEYS, 1, 0):
        tables = tuple(_shortened(table, most) for table in found.tables)
        text = to_plain_json(structs.replace(found, tables=tables))
        if len(text) <= LONGEST_DATA:
            return text
    while len(text) > LONGEST_DATA:
        tables = tables[: len(tables) // 2]
        text = to_plain_json(Salvage(tables=tables))
    return text


def _shortened(table: TableSalvage, most: int) -> TableSalvage:
    return structs.replace(
        table, conflicts=table.conflicts[:most], deleted_keys=table.deleted_keys[:most]
    )
