"""Takes a service back by a commit on the branch that CI deploys from."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from lastgood.drivers.deploy.git.message import drop_ends, message, subject
from lastgood.drivers.deploy.git.survey import Surveyor
from lastgood.errors import ConfigError, RefusedError, RemoteError, StepError
from lastgood.model.route import FoundRelease
from lastgood.model.run import StepOutcome, StepState
from lastgood.model.verdict import Method

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from lastgood.drivers.deploy.git.options import GitDeployOptions
    from lastgood.model.plan import Move
    from lastgood.model.route import Route
    from lastgood.ports.action import Action
    from lastgood.ports.deploy import Deployer
    from lastgood.ports.repository import Repository
    from lastgood.ports.toolbox import Toolbox

_RACES = 5
_FOUND_COMMITS = 20
_SHORTEST_PREFIX = 7


def make(options: GitDeployOptions, toolbox: Toolbox) -> Deployer:
    """Make the driver of one service.

    Raises:
        ConfigError: the service has no repository.
    """
    if toolbox.repository is None:
        raise ConfigError(
            f"{toolbox.name} is deployed by git and has no repository",
            mend="name it as `repository` in lastgood.yaml",
            code="no-repository",
        )
    return GitDeployer(options, toolbox, toolbox.repository)


class GitDeployer:
    """One service's paths on one branch."""

    tells_current = False

    def __init__(self, options: GitDeployOptions, toolbox: Toolbox, repository: Repository) -> None:
        self._options = options
        self._toolbox = toolbox
        self._repository = repository

    async def current(self) -> str | None:
        """Unknown: the branch says what was pushed, not what runs."""
        return None

    async def resolve(self, revision: str) -> str:
        """By git."""
        return await self._repository.resolve(revision)

    async def survey(self, target: str, origin: str | None, drop: str | None = None) -> list[Route]:
        """The one route: the target's tree, or without the commits that are to go."""
        surveyor = Surveyor(self._options, self._toolbox, self._repository)
        return [await surveyor.route(target, origin, drop)]

    async def inspect(self, move: Move) -> StepOutcome | None:
        """Done when a commit that came after the approved tip has brought it about."""
        if move.base is None:
            return None
        with _as_step():
            await self._repository.refresh()
            commit = await self._brought_about(move, move.base)
        return self._outcome(commit, found_done=True) if commit else None

    async def apply(self, move: Move, action: Action) -> None:
        """Make the commit and push it; what came in meanwhile is let stand only if unrelated."""
        if move.base is None:
            raise StepError(
                f"the plan does not say where {self._repository.branch} was",
                mend="plan again: lastgood rollback",
                code="plan-incomplete",
            )
        with _as_step():
            for tries_left in reversed(range(_RACES)):
                await self._repository.refresh()
                if await self._brought_about(move, move.base):
                    return
                tip = await self._repository.tip()
                if tip != move.base:
                    await self._require_unrelated(move, move.base, tip)
                    action.note(f"{self._repository.branch} moved on to {tip[:12]}, elsewhere")
                commit = await self._commit(move, tip)
                try:
                    await self._repository.push(commit, tip, action)
                except StepError as error:
                    if error.code != "push-race" or not tries_left:
                        raise
                else:
                    return

    async def confirm(self, move: Move, action: Action) -> StepOutcome:
        """Read the remote again; its commit is the version that must answer."""
        del action
        with _as_step():
            await self._repository.refresh()
            commit = await self._brought_about(move, move.base) if move.base else None
        if commit is None:
            raise StepError(
                f"{self._repository.branch} does not carry {subject(move)!r}",
                cause="the push was taken, and is not on the remote: somebody took it back",
                mend="look who pushed, then plan again: lastgood rollback",
                code="push-lost",
            )
        return self._outcome(commit, found_done=False)

    async def same(self, commit: str, target: str) -> bool:
        """By the content of the service's paths; a commit that nobody knows is another one."""
        if target.startswith(commit) and len(commit) >= _SHORTEST_PREFIX:
            return True
        try:
            whole = await self._repository.resolve(commit)
            return await self._repository.same_content(whole, target, self._options.paths)
        except RefusedError:
            return False

    async def found(self) -> Sequence[FoundRelease]:
        """The branch's last commits, then what is tagged; nobody knows when they were deployed."""
        await self._repository.refresh()
        tip = await self._repository.tip()
        commits = [tip]
        try:
            while len(commits) < _FOUND_COMMITS:
                commits.append(await self._repository.resolve(f"{commits[-1]}^"))
        except RefusedError:  # this was the very first one
            pass
        tagged = {commit: tag for tag, commit in await self._repository.tags()}
        return [
            FoundRelease(commit=commit, artifact=tagged.get(commit))
            for commit in dict.fromkeys([*commits, *tagged])
        ]

    async def prune(self, protected: Collection[str], action: Action) -> Sequence[str]:
        """Nothing: history is kept."""
        del protected, action
        return ()

    async def _brought_about(self, move: Move, base: str) -> str | None:
        """The commit after base that did this move, or had its effect; None if there is none."""
        repository = self._repository
        tip = await repository.tip()
        if tip == base or not await repository.descends(tip, base):
            return None
        try:
            commit = await self._commit(move, base)
        except RefusedError as error:
            if error.code != "nothing-to-do":
                raise
            return tip
        if await repository.descends(tip, commit):
            return commit
        if move.method is not Method.DROP:
            return await self._carried(move, base, tip)
        # A drop takes the commit out of every service's files: another service's did it for ours.
        return tip if await repository.same_content(tip, commit, ()) else None

    async def _carried(self, move: Move, base: str, tip: str) -> str | None:
        """The commit that carries the target's content: the tip, or ours on another than base."""
        repository, paths = self._repository, self._options.paths
        if await repository.same_content(tip, move.target, paths):
            return tip
        for line in await repository.between(base, tip):
            ours = line.subject == subject(move)
            if ours and await repository.same_content(line.commit, move.target, paths):
                return line.commit
        return None

    async def _commit(self, move: Move, base: str) -> str:
        paths = self._options.paths
        words = message(move, self._toolbox.environment, paths)
        if move.method is Method.DROP:
            first, last = drop_ends(move.drop or "")
            return await self._repository.commit_drop(first, last, base, words)
        return await self._repository.commit_tree(move.target, base, paths, words)

    async def _require_unrelated(self, move: Move, base: str, tip: str) -> None:
        """What was approved is what runs: see that nothing of this service came in.

        Raises:
            StepError: something did, or the branch was rewound (code `push-race`).
        """
        repository, paths = self._repository, self._options.paths
        cause = f"it was at {base[:12]}, and was set to {tip[:12]}, which is not built on that"
        if await repository.descends(tip, base):
            # A drop may touch any file, and without paths every file is the service's.
            elsewhere = paths and move.method is not Method.DROP
            came = await repository.between(base, tip, paths if elsewhere else ())
            if not came:
                return
            cause = ", ".join(f"{line.commit[:12]} {line.subject}" for line in came[:3])
        raise StepError(
            f"{repository.branch} is not where it was when the plan was approved",
            cause=cause,
            mend="look at what came in, then plan again: lastgood rollback",
            code="push-race",
        )

    def _outcome(self, commit: str, *, found_done: bool) -> StepOutcome:
        detail = {"version": commit, "branch": self._repository.branch}
        return StepOutcome(state=StepState.DONE, found_done=found_done, detail=detail)


@contextmanager
def _as_step() -> Iterator[None]:
    """What the repository says while a step runs is the step's failure."""
    try:
        yield
    except (RefusedError, RemoteError) as error:
        raise StepError(
            error.message,
            cause=error.cause,
            mend=error.mend,
            code=error.code,
            retryable=error.retryable,
        ) from error
