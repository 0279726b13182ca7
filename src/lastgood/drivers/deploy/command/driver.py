"""Puts a release live by calling a team's own deploy tool, and believes what runs, not the tool."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

from lastgood.drivers.deploy.command.tool import DeployTool
from lastgood.errors import RefusedError, RemoteError, StepError
from lastgood.model.problem import Problem
from lastgood.model.revision import is_release_name, same_version
from lastgood.model.route import FoundRelease, Route
from lastgood.model.run import StepOutcome, StepState
from lastgood.model.verdict import Method
from lastgood.ports.history import read_history

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from lastgood.drivers.deploy.command.options import CommandOptions
    from lastgood.model.plan import Move
    from lastgood.ports.action import Action
    from lastgood.ports.children import Children
    from lastgood.ports.deploy import Deployer
    from lastgood.ports.toolbox import Toolbox

_FULL_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_POLL_S = 0.5
_TYPICAL_S = 60.0


def make(options: CommandOptions, toolbox: Toolbox) -> Deployer:
    """Make the driver of one service."""
    return CommandDeployer(options, toolbox)


class CommandDeployer:
    """One service that a deploy tool takes care of."""

    def __init__(self, options: CommandOptions, toolbox: Toolbox) -> None:
        self._options = options
        self._toolbox = toolbox
        self._repository = toolbox.repository
        self._tool = DeployTool(options, toolbox.base)

    @property
    def tells_current(self) -> bool:
        """Whether the tool has a command for it."""
        return self._options.current is not None

    async def current(self) -> str | None:
        """What the tool says; None also when it does not answer sensibly (`survey` says why)."""
        try:
            return await self._current(self._toolbox.children)
        except RemoteError:
            return None

    async def resolve(self, revision: str) -> str:
        """By git where there is a repository, else what is given is the tool's own name for it."""
        if self._repository is not None:
            try:
                return await self._repository.resolve(revision)
            except RemoteError:
                # A whole commit needs no git to be understood, and the tool may not need it either.
                if not _FULL_COMMIT.fullmatch(revision):
                    raise
        if not is_release_name(revision):
            raise RefusedError(
                f"{revision[:80]!r} cannot be the name of a release",
                cause="it is handed to the deploy tool as an argument",
                mend="give a commit or the tool's name for it: letters, digits, `.`, `_`, `+`, `-`",
                code="unknown-revision",
            )
        return revision

    async def survey(self, target: str, origin: str | None, drop: str | None = None) -> list[Route]:
        """The one route that there is: the tool's `deploy`."""
        warnings: list[Problem] = []
        live = None
        try:
            live = await self._current(self._toolbox.children)
        except RemoteError as error:
            # It may ask the very service that is down: no reason not to roll it back.
            warnings.append(_problem(error.code, f"{error.message}: {error.cause}", error.mend))
        history = await read_history(
            self._repository,
            target,
            live or origin,
            paths=self._options.paths,
            migrations=self._options.migrations,
        )
        route = Route(
            service=self._toolbox.name,
            target=target,
            method=Method.ARTIFACT,
            driver="command",
            origin=live or origin,
            drop=drop,
            problems=tuple(_problems(target, live, origin, drop)),
            warnings=(*warnings, *history.warnings),
            dropped=history.dropped,
            migrations=history.migrations,
            needs_version=not self.tells_current,
            typical_s=_TYPICAL_S,
        )
        return [route]

    async def inspect(self, move: Move) -> StepOutcome | None:
        """Done when the tool says that the target runs; never, while it cannot say."""
        live = await self.current()
        if move.again or live is None or not _is(live, move.target):
            return None
        if not await self._tool.waited(move.target, self._toolbox.children):
            return None
        return StepOutcome(state=StepState.DONE, found_done=True, detail=_named(live, move))

    async def apply(self, move: Move, action: Action) -> None:
        """Call the tool, unless somebody else deployed since the plan was made."""
        if not is_release_name(move.target):
            raise StepError(
                f"{move.target[:80]!r} cannot be the name of a release",
                mend="plan again with --to and a commit",
                code="odd-name",
            )
        live = await self.current()
        if live and move.origin and not (_is(live, move.origin) or _is(live, move.target)):
            raise StepError(
                f"{self._toolbox.name} was deployed since the plan was made",
                cause=f"{move.origin} was live, now {live} is",
                mend="look who deployed it and why, then plan again: lastgood rollback",
                code="changed-meanwhile",
            )
        await self._tool.deploy(move.target, action)

    async def confirm(self, move: Move, action: Action) -> StepOutcome:
        """Ask what runs until it is the target; without `current` a check has to prove it."""
        if not self.tells_current:
            return StepOutcome(state=StepState.DONE)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._options.confirm_timeout
        while True:
            try:
                live = await self._arrived(move, action)
                return StepOutcome(state=StepState.DONE, detail=_named(live, move))
            except StepError:
                if loop.time() >= deadline:
                    raise
            await asyncio.sleep(_POLL_S)

    async def same(self, commit: str, target: str) -> bool:
        """By git where there is a repository, else only the release itself is the same."""
        if commit == target or self._repository is None:
            return commit == target
        return await self._repository.same_content(commit, target, self._options.paths)

    async def found(self) -> Sequence[FoundRelease]:
        """The release that runs; what else the tool keeps, only the tool knows."""
        live = await self.current()
        return [FoundRelease(commit=live, live=True)] if live else []

    async def prune(self, protected: Collection[str], action: Action) -> Sequence[str]:
        """Nothing: the tool looks after its own releases."""
        del protected, action
        return ()

    async def _current(self, children: Children) -> str | None:
        """What runs, as a full commit where git knows the tool's shorter name for it."""
        name = await self._tool.current(children)
        if name is None or self._repository is None or _FULL_COMMIT.fullmatch(name):
            return name
        try:
            return await self._repository.resolve(name)
        except (RefusedError, RemoteError):
            return name  # the tool's own name is still the truth

    async def _arrived(self, move: Move, action: Action) -> str:
        """The tool's name for the target, which runs.

        Raises:
            StepError: it cannot be said that it does.
        """
        try:
            live = await self._current(action.children)
        except RemoteError as error:
            raise StepError(
                error.message, cause=error.cause, mend=error.mend, code=error.code
            ) from error
        if live is not None and _is(live, move.target):
            return live
        raise StepError(
            f"the deploy tool ended well, but {move.target} does not run",
            cause=f"`current` says that {live or 'nothing'} runs",
            mend="look at the deploy tool's own log, then run: lastgood rollback",
            code="unchanged",
        )


def _is(runs: str | None, release: str) -> bool:
    """Whether what runs is that release; a tool may print the beginning of its commit."""
    return runs is not None and same_version(runs, release)


def _named(live: str, move: Move) -> dict[str, str]:
    """What the ledger is told when a person gave less of a commit than the tool does."""
    return {"version": live} if len(live) > len(move.target) else {}


def _problems(target: str, live: str | None, origin: str | None, drop: str | None) -> list[Problem]:
    found = []
    if not is_release_name(target):
        name = f"{target[:80]!r} cannot be the name of a release"
        found.append(_problem("odd-name", name, "choose a release with --to"))
    if _is(live or origin, target) and (origin is None or _is(origin, target)):
        found.append(
            _problem(
                "nothing-to-do",
                f"{target} is live already",
                "choose another release with --to, if this one is bad",
            )
        )
    if drop:
        found.append(
            _problem(
                "cannot-drop",
                "the deploy tool deploys whole releases: no commit can be taken out",
                "choose a release with --to, or configure the driver git as well",
            )
        )
    return found


def _problem(code: str, what: str, mend: str) -> Problem:
    return Problem(code=code, what=what, mend=mend)
