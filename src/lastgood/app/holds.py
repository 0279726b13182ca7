"""Holds as people set and release them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lastgood.app.holding import HoldKeeper
from lastgood.app.releases import known_service, resolve
from lastgood.errors import RefusedError

if TYPE_CHECKING:
    from lastgood.app.project import Project
    from lastgood.model.hold import Hold


async def set_hold(project: Project, service: str, revision: str, reason: str) -> tuple[str, str]:
    """Hold a release; gives its full commit and a warning."""
    known_service(project, service)
    async with project.drivers() as drivers:
        commit = await resolve(drivers, service, revision)
        warning = await HoldKeeper(project, drivers).hold(service, commit, reason)
    return commit, warning


async def release_hold(
    project: Project, service: str | None, revision: str | None, fix: str | None, reason: str
) -> tuple[list[Hold], str]:
    """Let a fix through the holds, or lift them; gives the holds meant and a warning.

    Without a revision the newest hold is meant, and those that the same rollback set with it.

    Raises:
        RefusedError: nothing of that is held (`not-held`), or the fix is unknown.
    """
    if service is not None:
        known_service(project, service)
    standing = project.state.holds.standing(project.name, service)
    if revision is not None:
        meant = [hold for hold in standing if hold.commit.startswith(revision)]
    else:
        newest = max(standing, key=lambda hold: hold.at, default=None)
        meant = [
            hold
            for hold in standing
            if newest and (hold.id == newest.id or (newest.run and hold.run == newest.run))
        ]
    if not meant:
        raise RefusedError(
            "nothing of that is held", mend="see: lastgood hold show", code="not-held"
        )
    warnings = []
    async with project.drivers() as drivers:
        keeper = HoldKeeper(project, drivers)
        for hold in meant:
            if fix is None:
                warnings.append(await keeper.lift(hold.service, hold.commit, reason))
            else:
                commit = await resolve(drivers, hold.service, fix)
                warnings.append(await keeper.allow_fix(hold.service, hold.commit, commit, reason))
    return meant, " ".join(dict.fromkeys(w for w in warnings if w))
