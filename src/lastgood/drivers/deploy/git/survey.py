"""Looks whether the branch could be taken back, and changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lastgood.drivers.deploy.git.message import drop_ends, message
from lastgood.errors import LastgoodError, RefusedError
from lastgood.model.plan import Move
from lastgood.model.problem import Problem
from lastgood.model.route import Route
from lastgood.model.verdict import Method

if TYPE_CHECKING:
    from lastgood.drivers.deploy.git.options import GitDeployOptions
    from lastgood.ports.repository import Repository
    from lastgood.ports.toolbox import Toolbox

_TYPICAL_S = 120.0


class Surveyor:
    """Reads one branch for the planner."""

    def __init__(self, options: GitDeployOptions, toolbox: Toolbox, repository: Repository) -> None:
        self._options = options
        self._toolbox = toolbox
        self._repository = repository

    async def route(self, target: str, origin: str | None, drop: str | None) -> Route:
        """The way by a commit; whatever stands in the way of it is the route's problem."""
        method = Method.DROP if drop else Method.TREE
        route = Route(
            service=self._toolbox.name,
            target=target,
            method=method,
            driver="git",
            origin=origin,
            drop=drop,
            needs_version=True,
            typical_s=_TYPICAL_S,
        )
        try:
            await self._repository.refresh()
            return await (self._drop(route) if drop else self._tree(route))
        except LastgoodError as error:
            return _with_problem(route, error)

    async def _tree(self, route: Route) -> Route:
        repository, paths = self._repository, self._options.paths
        tip = await repository.tip()
        if await repository.resolve(route.target) != route.target:
            raise RefusedError(
                "a target is a full commit hash",
                mend="resolve it first: lastgood releases list",
                code="unknown-revision",
            )
        files = self._options.migrations
        route = _changed(
            route,
            base=tip,
            dropped=tuple(await repository.between(route.target, tip, paths)),
            migrations=tuple(await repository.changed(route.target, tip, [files]) if files else ()),
            warnings=await self._warnings(route, tip),
        )
        try:
            commit = await repository.commit_tree(route.target, tip, paths, self._words(route))
            await repository.rehearse(commit, tip)
        except LastgoodError as error:
            if error.code == "nothing-to-do" and route.origin and route.origin != route.target:
                error = await self._not_deployed(route.origin, route.target, tip) or error
            return _with_problem(route, error)
        return route

    async def _drop(self, route: Route) -> Route:
        repository = self._repository
        tip = await repository.tip()
        first, last = [await repository.resolve(end) for end in drop_ends(route.drop or "")]
        route = _changed(route, base=tip, drop=first if first == last else f"{first}..{last}")
        commit = await repository.commit_drop(first, last, tip, self._words(route))
        await repository.rehearse(commit, tip)
        files = self._options.migrations
        return _changed(
            route,
            migrations=tuple(await repository.changed(commit, tip, [files]) if files else ()),
            warnings=await self._warnings(route, tip),
        )

    async def _warnings(self, route: Route, tip: str) -> tuple[Problem, ...]:
        repository, found = self._repository, []
        if not route.drop and not await repository.descends(tip, route.target):
            found.append(
                Problem(
                    code="target-elsewhere",
                    what=f"{route.target[:12]} is not part of {repository.branch}'s history",
                    mend="make sure that it is the release you mean: lastgood releases list",
                )
            )
        if route.origin and not await self._runs(route.origin, tip):
            found.append(
                Problem(
                    code="live-differs",
                    what=f"{route.origin[:12]} runs, but {repository.branch} is at {tip[:12]}",
                    mend="wait for or cancel the deployment that is still on its way",
                )
            )
        return tuple(found)

    async def _not_deployed(self, origin: str, target: str, tip: str) -> RefusedError | None:
        """What to say when the branch is back already, and something else runs all the same."""
        if await self._runs(origin, tip):
            return None
        return RefusedError(
            f"{self._repository.branch} carries {target[:12]}, but {origin[:12]} still runs",
            cause=f"{tip[:12]}, the branch's tip, was not deployed, or not everywhere",
            mend=f"look at the CI run of {tip[:12]}, let it deploy again, then: lastgood check",
            code="not-deployed",
        )

    async def _runs(self, origin: str, tip: str) -> bool:
        try:
            return await self._repository.same_content(origin, tip, self._options.paths)
        except RefusedError:  # what runs was never on this remote, or is not any more
            return False

    def _words(self, route: Route) -> str:
        move = Move(
            service=route.service,
            origin=route.origin,
            target=route.target,
            method=route.method,
            driver=route.driver,
            drop=route.drop,
        )
        return message(move, self._toolbox.environment, self._options.paths)


def _changed(route: Route, **fields: object) -> Route:
    return Route(**{name: getattr(route, name) for name in route.__struct_fields__} | fields)


def _with_problem(route: Route, error: LastgoodError) -> Route:
    what = f"{error.message}: {error.cause}" if error.cause else error.message
    problem = Problem(code=error.code, what=what, mend=error.mend)
    return _changed(route, problems=(*route.problems, problem))
