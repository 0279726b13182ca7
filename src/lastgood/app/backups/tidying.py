"""What crashes left: side databases and objects of backups that were never finished, removed."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from lastgood.app.backups.turns import turn, turn_file
from lastgood.app.project import now, operator
from lastgood.backup.layout import is_id, taken_at
from lastgood.backup.unfinished import unfinished_uploads
from lastgood.errors import LastgoodError, RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from lastgood.app.backups.place import Place
    from lastgood.app.project import Project

    Tell = Callable[[str], None]

STALE = timedelta(days=1)
"""Older than any restore that still goes on: another machine may be at it."""


@contextmanager
def proof_turn(project: Project, place: Place, backup: str) -> Iterator[None]:
    """Be the only one on this machine who proves this backup.

    A side database that a crashed proof left on the way is removed first: it would keep every
    later proof of the same backup from beginning.

    Raises:
        RefusedError: it is being proven already (`proof-under-way`).
        RemoteError: what was left cannot be removed.
    """
    with turn(_proof_file(project, place, backup)) as held:
        if not held.ours:
            raise RefusedError(
                f"{backup} is being proven already",
                cause="another lastgood process on this machine restores it",
                mend="wait for it, then see: lastgood backup show",
                code="proof-under-way",
            )
        if held.crashed and backup in place.database.sides():
            _drop(project, place, backup, "a proof that crashed left it")
        yield


def tidy(project: Project, place: Place, tell: Tell) -> None:
    """Remove what crashes left, each with an event; what cannot be removed keeps no backup back."""
    try:
        for side in place.database.sides():
            _tidy_side(project, place, side)
        for leftover in place.kept.sweep(place.kept.leftovers(now())):
            text = f"{leftover.bytes} bytes of {leftover.id}, which was never finished"
            _remember(project, place, "backup.swept", leftover.id, text)
    except LastgoodError as error:
        tell(f"what an earlier crash left could not be removed: {error}")
    try:
        # No dump goes on for longer, on whichever machine it is made.
        end_old_uploads(project, place, STALE + timedelta(seconds=place.settings.snapshot_limit))
    except LastgoodError as error:
        tell(f"uploads that an earlier crash left could not be ended: {error}")


def end_old_uploads(project: Project, place: Place, age: timedelta) -> None:
    """End uploads of backups that were begun longer ago than this and never finished.

    Raises:
        RemoteError: the store does not answer, or refuses.
    """
    for upload in unfinished_uploads(place.store, project.name, place.name, now() - age):
        place.store.end_uploads([upload])
        backup = upload.key.split("/")[2]
        text = f"the upload of {upload.key}, begun {upload.at:%Y-%m-%d %H:%M} and never finished"
        _remember(project, place, "backup.swept", backup, text)


def _tidy_side(project: Project, place: Place, side: str) -> None:
    """Remove a side database that is nobody's any more.

    Only those that a proof made: one of another name was made for another purpose.
    """
    if not is_id(side):
        return
    with turn(_proof_file(project, place, side)) as held:
        if held.ours and held.crashed:
            _drop(project, place, side, "a proof that crashed left it")
        elif held.ours and now() - taken_at(side) > STALE:
            _drop(project, place, side, "no proof takes a day")


def _drop(project: Project, place: Place, side: str, why: str) -> None:
    place.database.drop(side)
    _remember(project, place, "backup.side-dropped", side, f"the side database {side}: {why}")


def _proof_file(project: Project, place: Place, backup: str) -> Path:
    return turn_file(project, "proof", place.name, backup)


def _remember(project: Project, place: Place, kind: str, backup: str, text: str) -> None:
    project.state.events.append(
        kind, operator(), f"{text} (of {place.name})",
        at=now(), environment=project.name, data={"database": place.name, "backup": backup},
    )  # fmt: skip
