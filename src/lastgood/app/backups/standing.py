"""Which warm targets stand: asked of the server, never believed from a record."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lastgood.backup.warm import WarmMode
from lastgood.errors import LastgoodError
from lastgood.model.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lastgood.app.backups.place import Place
    from lastgood.app.project import Project

KEPT, DROPPED = "warm-target.kept", "warm-target.dropped"
NEWEST_EVENTS = 500
"""Of these kinds, of all databases: as old as the newest of one can be, and still be missed."""


class Stands(NamedTuple):
    """The warm targets of a database.

    Attributes:
        sides: the ids of the backups whose restored copies stand, the oldest first; None when the
            server cannot be asked.
        problems: what is wrong with them, or why nothing is known.
    """

    sides: tuple[str, ...] | None
    problems: tuple[Problem, ...] = ()

    def has(self, backup: str) -> bool | None:
        """Whether that backup's copy stands; None when nobody knows."""
        return None if self.sides is None else backup in self.sides


UNASKED = Stands(None)


def warm_targets(project: Project, place: Place) -> Stands:
    """What stands now; a server that does not answer is a problem, and no error."""
    try:
        kept = place.database.kept()
    except LastgoodError as error:
        what = f"nothing is known of the warm target: {error.message}: {error.cause}"
        return Stands(None, (Problem(code="warm-target-unknown", what=what, mend=error.mend),))
    sides = tuple(sorted(one.side for one in kept))
    problems = [problem for one in kept for problem in one.problems]
    return Stands(sides, (*problems, *_vanished(project, place, sides)))


def mode_of(project: Project, place: Place) -> WarmMode:
    """Which backups are kept restored; a driver that says nothing of it keeps none."""
    options = project.environment.databases[place.name].options
    return WarmMode(getattr(options, "warm_target", WarmMode.OFF))


def _vanished(project: Project, place: Place, sides: tuple[str, ...]) -> Iterator[Problem]:
    """The one that was promoted last must be there, unless we dropped it ourselves."""
    if mode_of(project, place) is WarmMode.OFF:
        return
    try:
        events = project.existing_state.events.tail(NEWEST_EVENTS, project.name, (KEPT, DROPPED))
    except LastgoodError:
        return  # backups are listed also in the night in which our own state is lost
    ours = [event for event in events if event.data.get("database") == place.name]
    dropped = {event.data["backup"] for event in ours if event.kind == DROPPED}
    promoted = [event.data["backup"] for event in ours if event.kind == KEPT]
    if promoted and promoted[-1] not in {*dropped, *sides}:
        yield Problem(
            code="warm-target-vanished",
            what=f"the warm target made of {promoted[-1]} is not on the server any more",
            mend="see who dropped it; make another: lastgood backup create",
        )
