"""Looks whether the flip could be done, and changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lastgood.model.problem import Problem
from lastgood.model.route import Route
from lastgood.model.verdict import Method
from lastgood.ports.history import read_history

if TYPE_CHECKING:
    from lastgood.drivers.deploy.releases.directories import ReleaseDirectories
    from lastgood.drivers.deploy.releases.options import ReleasesOptions
    from lastgood.drivers.deploy.releases.owed import OwedRestart
    from lastgood.ports.toolbox import Toolbox

_FLIP_S = 0.5
_RESTART_S = 5.0


class Surveyor:
    """Reads one service's folder for the planner."""

    def __init__(
        self,
        options: ReleasesOptions,
        toolbox: Toolbox,
        directories: ReleaseDirectories,
        owed: OwedRestart,
    ) -> None:
        self._options = options
        self._toolbox = toolbox
        self._directories = directories
        self._owed = owed

    async def route(self, target: str, origin: str | None, drop: str | None) -> Route:
        """The way by the symlink; what it names counts as the origin, whatever was believed."""
        live = self._directories.current().name
        history = await read_history(
            self._toolbox.repository,
            target,
            live or origin,
            paths=self._options.paths,
            migrations=self._options.migrations,
        )
        hooks = [hook for hook in (self._options.drain, self._options.restart) if hook]
        return Route(
            service=self._toolbox.name,
            target=target,
            method=Method.ARTIFACT,
            driver="releases",
            origin=live,
            drop=drop,
            problems=self._problems(target, live, origin, drop),
            warnings=(*self._warnings(target, live, origin), *history.warnings),
            dropped=history.dropped,
            migrations=history.migrations,
            typical_s=_FLIP_S + _RESTART_S * len(hooks),
        )

    def _problems(
        self, target: str, live: str | None, origin: str | None, drop: str | None
    ) -> tuple[Problem, ...]:
        found = [
            self._directories.current().problem,
            self._directories.problem(target),
            self._directories.unwritable(),
        ]
        if drop:
            found.append(
                Problem(
                    code="cannot-drop",
                    what="release directories hold whole releases: no commit can be taken out",
                    mend="choose a release with --to, or configure the driver git as well",
                )
            )
        restarts = origin not in {None, target} and self._options.restart
        if live == target and not self._owes(target) and not restarts:
            found.append(
                Problem(
                    code="nothing-to-do",
                    what=f"{target} is live already",
                    mend="choose another release with --to, if this one is bad",
                )
            )
        return tuple(problem for problem in found if problem)

    def _warnings(self, target: str, live: str | None, origin: str | None) -> tuple[Problem, ...]:
        found: list[Problem] = []
        if live and self._directories.problem(live):
            found.append(
                Problem(code="live-vanished", what=f"the live release {live} is gone or unfinished")
            )
        if live and origin and live != origin:
            found.append(
                Problem(
                    code="live-differs",
                    what=f"`current` names {live}, while {origin} was expected to run",
                    mend="look whether every instance was restarted after the last deployment",
                )
            )
        if live and self._owes(live):
            found.append(
                Problem(
                    code="restart-owed",
                    what=f"`current` names {live}, but its restart was never finished",
                    mend="" if live == target else "see why it failed, then: lastgood rollback",
                )
            )
        return tuple(found)

    def _owes(self, target: str) -> bool:
        return bool(self._options.restart) and self._owed.is_for(target)
