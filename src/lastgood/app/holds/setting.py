"""Holds as people set and release them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lastgood.app.holds.holding import HoldKeeper, known_holds
from lastgood.app.releases.releases import full_commit, known_service, resolve
from lastgood.errors import RefusedError

if TYPE_CHECKING:
    from lastgood.app.project import Project
    from lastgood.model.hold import Hold


async def set_hold(project: Project, service: str, revision: str, reason: str) -> tuple[str, str]:
    """Hold a release; gives its full commit and a warning."""
    commit = await full_commit(project, service, revision)
    async with project.drivers() as drivers:
        warning = await HoldKeeper(project, drivers).hold(service, commit, project.said(reason))
    return commit, warning


async def release_hold(
    project: Project,
    service: str | None,
    revision: str | None,
    fix: str | None,
    reason: str,
    *,
    dry_run: bool = False,
) -> tuple[list[Hold], str]:
    """Let a fix through the holds, or lift them; gives the holds meant and a warning.

    Without a revision the newest hold is meant, and those that the same rollback set with it.
    With `dry_run` nothing is written.

    Raises:
        RefusedError: nothing of that is held (`not-held`), or the fix is unknown.
    """
    if service is not None:
        known_service(project, service)
    reason = project.said(reason)
    standing, warnings = await standing_holds(project, service)
    if revision is not None:
        meant = [hold for hold in standing if hold.commit.startswith(revision)]
    else:
        newest = max(standing, key=lambda hold: hold.at, default=None)
        meant = [
            hold
            for hold in standing
            if newest and (hold is newest or (newest.run and hold.run == newest.run))
        ]
    if not meant:
        raise RefusedError(
            "nothing of that is held", mend="see: lastgood hold show", code="not-held"
        )
    async with project.drivers() as drivers:
        keeper = HoldKeeper(project, drivers)
        for hold in meant:
            commit = await resolve(drivers, hold.service, fix) if fix else None
            if dry_run:
                continue
            keeper.adopt(hold)
            if commit is None:
                warnings.append(await keeper.lift(hold.service, hold.commit, reason))
            else:
                warnings.append(await keeper.allow_fix(hold.service, hold.commit, commit, reason))
    return meant, " ".join(dict.fromkeys(w for w in warnings if w))


async def standing_holds(
    project: Project, service: str | None = None
) -> tuple[list[Hold], list[str]]:
    """The holds that stand, also those that another machine set; and what could not be read."""
    async with project.drivers() as drivers:
        repositories = [repository for _, repository in drivers.distinct_repositories()]
        known, troubles = await known_holds(project, repositories)
    standing = [hold for hold in known if service in {None, hold.service}]
    return standing, [str(trouble) for trouble in troubles if trouble.code != "no-state"]
