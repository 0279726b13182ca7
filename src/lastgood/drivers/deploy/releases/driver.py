"""Puts a release live by letting the symlink `current` name its directory."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from lastgood.drivers.deploy.releases.directories import ReleaseDirectories
from lastgood.drivers.deploy.releases.owed import OwedRestart
from lastgood.drivers.deploy.releases.pruning import prune
from lastgood.drivers.deploy.releases.survey import Surveyor
from lastgood.errors import ChildError, RefusedError, RemoteError, StepError
from lastgood.model.revision import is_release_name
from lastgood.model.route import FoundRelease
from lastgood.model.run import StepOutcome, StepState

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from lastgood.drivers.deploy.releases.options import ReleasesOptions
    from lastgood.model.plan import Move
    from lastgood.model.route import Route
    from lastgood.ports.action import Action
    from lastgood.ports.deploy import Deployer
    from lastgood.ports.toolbox import Toolbox

_SHORTEST_PREFIX = 4
# What may pass when the command is run once more; one that could not be killed must not be.
_WORTH_ANOTHER_TRY = frozenset({"child-failed", "child-timeout"})


def make(options: ReleasesOptions, toolbox: Toolbox) -> Deployer:
    """Make the driver of one service."""
    return ReleasesDeployer(options, toolbox)


class ReleasesDeployer:
    """Kept release directories of one service on this machine."""

    tells_current = True

    def __init__(self, options: ReleasesOptions, toolbox: Toolbox) -> None:
        self._options = options
        self._toolbox = toolbox
        self._repository = toolbox.repository
        self._directories = ReleaseDirectories(toolbox.base / options.path)
        self._owed = OwedRestart(self._directories.path)

    async def current(self) -> str | None:
        """The release that the symlink names, also when its directory vanished.

        None while its restart is owed: what ran before it may still run.
        """
        name = self._directories.current().name
        return None if name is None or self._owes(name) else name

    async def resolve(self, revision: str) -> str:
        """A kept release by its name, else by git, else by the unique beginning of its name."""
        names = self._directories.names()
        if revision in names:
            return revision
        if self._repository is not None:
            try:
                return await self._repository.resolve(revision)
            except RemoteError:
                # The releases are kept so that they can be had while git cannot.
                if self._beginning_with(revision, names) is None:
                    raise
        found = self._beginning_with(revision, names)
        if found is None:
            raise RefusedError(
                f"there is no single release {revision[:80]!r} in {self._directories.releases}",
                cause=f"kept are: {', '.join(names[:20]) or 'none'}",
                mend="name one of them, or enough of its beginning that only one fits",
                code="unknown-revision",
            )
        return found

    async def survey(self, target: str, origin: str | None, drop: str | None = None) -> list[Route]:
        """The one route that there is: the flip."""
        surveyor = Surveyor(self._options, self._toolbox, self._directories, self._owed)
        return [await surveyor.route(target, origin, drop)]

    async def inspect(self, move: Move) -> StepOutcome | None:
        """Done when the symlink names the target and no restart is owed, or asked for."""
        if move.again or not self._is_done(move):
            return None
        return self._outcome(move, found_done=True)

    async def apply(self, move: Move, action: Action) -> None:
        """Drain, flip, restart; a restart that was owed before is made up for."""
        options = self._options
        away = self._require(move) != move.target
        if away and options.drain:
            await self._command("drain", options.drain, options.drain_timeout, action)
            self._require(move)
        if away or move.again:
            self._flip(move.target, action)
        if options.restart and self._owes(move.target):
            await self._command("restart", options.restart, options.restart_timeout, action)
            self._settle(action)

    async def confirm(self, move: Move, action: Action) -> StepOutcome:
        """Read it all again."""
        del action
        if self._is_done(move):
            return self._outcome(move, found_done=False)
        current = self._directories.current()
        owed = self._owes(move.target)
        raise StepError(
            f"{move.target} is not live in {self._directories.path}",
            cause="its restart is not done" if owed else f"`current` names {current.name}",
            mend="look who else deploys here, then plan again: lastgood rollback",
            code="restart-owed" if owed else "changed-meanwhile",
        )

    async def same(self, commit: str, target: str) -> bool:
        """By git where there is a repository, else only the release itself is the same."""
        if commit == target or self._repository is None:
            return commit == target
        return await self._repository.same_content(commit, target, self._options.paths)

    async def found(self) -> Sequence[FoundRelease]:
        """The finished directories, newest first; their time is the directory's last change."""
        live = self._directories.current().name
        return [
            FoundRelease(
                commit=name,
                artifact=str(self._directories.releases / name),
                deployed_at=datetime.fromtimestamp(changed, UTC),
                live=name == live,
            )
            for name, changed in self._directories.finished()
        ]

    async def prune(self, protected: Collection[str], action: Action) -> Sequence[str]:
        """Delete all but the newest `keep`, the protected and the live."""
        return await prune(self._directories, self._options.keep, protected, action)

    def _is_done(self, move: Move) -> bool:
        if self._directories.current().name != move.target:
            return False
        if self._owes(move.target):
            return False
        return self._directories.problem(move.target) is None

    def _owes(self, name: str) -> bool:
        return bool(self._options.restart) and self._owed.is_for(name)

    def _outcome(self, move: Move, *, found_done: bool) -> StepOutcome:
        return StepOutcome(
            state=StepState.DONE,
            found_done=found_done,
            detail={"artifact": str(self._directories.releases / move.target)},
        )

    def _require(self, move: Move) -> str | None:
        """What is live, or an error when things are no longer as the plan found them."""
        current = self._directories.current()
        problem = current.problem or self._directories.problem(move.target)
        if problem:
            raise StepError(
                problem.what,
                cause="it was not so when the plan was made",
                mend=problem.mend,
                code=problem.code,
            )
        if current.name not in {move.origin, move.target}:
            raise StepError(
                f"{self._directories.path} was changed since the plan was made",
                cause=f"{move.origin or 'nothing'} was live, now {current.name or 'nothing'} is",
                mend="look who deployed it and why, then plan again: lastgood rollback",
                code="changed-meanwhile",
            )
        return current.name

    def _flip(self, target: str, action: Action) -> None:
        try:
            if self._options.restart:
                action.fence()
                self._owed.write(target)
            action.fence()
            self._directories.flip(target)
        except OSError as error:
            live = self._directories.current().name
            raise self._disk_error(f"the flip failed, {live} is live", error) from error

    def _settle(self, action: Action) -> None:
        try:
            action.fence()
            self._owed.clear()
        except OSError as error:
            raise self._disk_error("the restart was done, but not noted", error) from error

    def _disk_error(self, what: str, error: OSError) -> StepError:
        path = self._directories.path
        return StepError(
            f"{path}: {what}",
            cause=f"{error.strerror} ({error.filename})",
            mend=f"make room, check permissions (df -h -i {path}), then run: lastgood rollback",
            code="flip-failed",
            retryable=True,
        )

    async def _command(self, name: str, argv: Sequence[str], limit: float, action: Action) -> None:
        action.fence()
        action.note(f"{name}: {argv[0]}")
        try:
            await action.children.run(argv, timeout=limit, cwd=self._toolbox.base)
        except ChildError as error:
            raise StepError(
                f"the {name} command of {self._toolbox.name} failed",
                cause=str(error),
                mend=f"run it by hand to see why, then: lastgood rollback (it is {list(argv)})",
                code=f"{name}-failed",
                retryable=error.code in _WORTH_ANOTHER_TRY,
            ) from error

    def _beginning_with(self, revision: str, names: Sequence[str]) -> str | None:
        if not is_release_name(revision) or len(revision) < _SHORTEST_PREFIX:
            return None
        fitting = [name for name in names if name.startswith(revision)]
        return fitting[0] if len(fitting) == 1 else None
