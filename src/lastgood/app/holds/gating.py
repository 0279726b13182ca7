"""The gate: may this commit be deployed? What cannot be known is answered with no."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lastgood.app.holds.holding import known_holds, passing
from lastgood.app.releases.releases import known_service, named
from lastgood.errors import RefusedError
from lastgood.model.noun import Noun

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lastgood.app.project import Project
    from lastgood.app.wiring import Drivers
    from lastgood.model.hold import Hold
    from lastgood.ports.repository import Repository


class GateAnswer(Noun, frozen=True, kw_only=True):
    """Why a commit may pass.

    Attributes:
        commit: the full commit, where a repository could resolve it.
        holds: how many standing holds it was compared with.
        reason: in words.
    """

    commit: str
    holds: int
    reason: str


async def gate(project: Project, drivers: Drivers, revision: str, service: str = "") -> GateAnswer:
    """Let a commit pass, or refuse it.

    A held commit and all its descendants are refused, except a commit that carries a known good
    tree or that of the rollback's target, and the commit that `hold release --fix` named with all
    that is built on it.

    Raises:
        UsageError: there is no such service, or nothing is named (code `no-commit`).
        RefusedError: it is held (`held`), or the state cannot be read (`state-unreadable`).
    """
    named(revision)
    services = [service] if service else list(project.environment.services)
    if service:
        known_service(project, service)
    holds = await _standing(project, drivers, services)
    commit = revision
    for name in services:
        meant = [hold for hold in holds if hold.service == name]
        repository = drivers.repositories.get(name)
        if not meant:
            continue
        if repository is not None:
            await repository.refresh()
            commit = await repository.resolve(revision)
        for hold in meant:
            await _pass(project, repository, commit, hold)
    reason = "nothing is held" if not holds else "it is not built on a held release"
    return GateAnswer(commit=commit, holds=len(holds), reason=reason)


async def _standing(project: Project, drivers: Drivers, services: Sequence[str]) -> Sequence[Hold]:
    """The standing holds of these services.

    Raises:
        RefusedError: any place where one may be could not be read (`state-unreadable`).
    """
    repositories = {
        repository.shared_key: repository
        for name, repository in drivers.repositories.items()
        if name in services
    }
    known, troubles = await known_holds(project, repositories.values())
    if troubles:
        raise RefusedError(
            "it is not known what is held",
            cause=str(troubles[0]),
            mend=troubles[0].mend or "make the state readable here, then ask again",
            code="state-unreadable",
        )
    return [hold for hold in known if hold.service in services]


async def _pass(project: Project, repository: Repository | None, commit: str, hold: Hold) -> None:
    """Raises RefusedError when this hold forbids the commit."""
    if repository is None:
        forbidden = _same_name(commit, hold.commit)
    elif not await _built_on(repository, commit, hold.commit):
        forbidden = False
    else:
        fixed = hold.fix is not None and await _built_on(repository, commit, hold.fix)
        forbidden = not (fixed or await _carries_good(project, repository, commit, hold))
    if forbidden:
        built_on = "" if _same_name(commit, hold.commit) else f" (built on {hold.commit[:12]})"
        raise RefusedError(
            f"{commit[:12]} is held{built_on}",
            cause=f"{hold.service} {'was rolled back from' if hold.run else 'must not go to'} it: "
            f"{hold.reason}",
            mend=f"deploy a fix and name it: lastgood hold release --service {hold.service} "
            "--fix COMMIT --reason TEXT",
            code="held",
        )


def _same_name(one: str, other: str) -> bool:
    """Whether two commit names mean the same, one of them perhaps shortened."""
    shortest = 7
    return one == other or (
        min(len(one), len(other)) >= shortest and (one.startswith(other) or other.startswith(one))
    )


async def _built_on(repository: Repository, commit: str, other: str) -> bool:
    """Whether a commit of the repository descends from another, which may be gone from there."""
    try:
        return await repository.descends(commit, other)
    except RefusedError as error:
        # All that a commit is built on is there with it: what was thrown away is not below it.
        if error.code != "unknown-revision":
            raise
        return False


async def _carries_good(project: Project, repository: Repository, commit: str, hold: Hold) -> bool:
    paths = project.service_paths(hold.service)
    for good in passing(project, hold):
        try:
            if await repository.same_content(commit, good, paths):
                return True
        except RefusedError:
            continue  # a release of another repository, or one that was pruned there
    return False
