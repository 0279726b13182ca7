"""A deployment is recorded, and its release begins to soak."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from lastgood.app.project import now
from lastgood.app.releases.releases import known_service, named, resolve
from lastgood.app.runs.submitting import wake
from lastgood.config import config_hash
from lastgood.errors import LastgoodError
from lastgood.model.release import GoodEvidence, Standing
from lastgood.model.revision import is_release_name
from lastgood.model.watch import WatchKind

if TYPE_CHECKING:
    from lastgood.app.project import Project
    from lastgood.model.release import Deployment


def record_deployment(
    project: Project,
    service: str,
    commit: str,
    *,
    by: str,
    source: str,
    artifact: str | None = None,
) -> Deployment:
    """Write that a release went live; a runner watches it through its stability period.

    A release whose standing is known already keeps it: a known good one need not soak again, a bad
    one is not made better by being deployed. One of a service without checks cannot soak: nothing
    would ever show that it is well.

    Raises:
        UsageError: there is no such service.
    """
    known_service(project, service)
    state, at = project.state, now()
    with state.transaction():
        deployment = state.ledger.record_deployment(
            project.name,
            service,
            commit,
            at=at,
            by=by,
            source=source,
            artifact=artifact,
            config_hash=config_hash(project.settings),
        )
        state.watches.supersede(project.name, WatchKind.SOAK, service)
        release = state.ledger.release(project.name, service, commit)
        checked = bool(project.environment.services[service].checks)
        open_ = release is not None and release.standing in {Standing.CANDIDATE, Standing.UNKNOWN}
        soaks = open_ and checked
        if release is not None and release.standing is Standing.UNKNOWN:
            reason = "deployed; it soaks" if checked else "deployed; it has no check to soak by"
            waits = GoodEvidence(kind="deployment", at=at, by=by, reason=reason)
            state.ledger.set_standing(project.name, service, commit, Standing.CANDIDATE, waits)
        if soaks:
            state.watches.add(
                project.name,
                WatchKind.SOAK,
                commit,
                since=at,
                until=at + timedelta(seconds=project.environment.stability),
                service=service,
            )
        state.events.append(
            "deployment.recorded",
            by,
            f"{service} {commit[:12]} was deployed",
            at=at,
            environment=project.name,
            data={"service": service, "commit": commit, "source": source},
        )
    if soaks:
        wake(project)
    return deployment


async def recorded_commit(project: Project, service: str, commit: str) -> str:
    """The full commit of what is to be recorded; as it was written when nothing can resolve it.

    A deployment that happened is recorded even when the git host is down.

    Raises:
        UsageError: there is no such service, or nothing is named (code `no-commit`).
        LastgoodError: nothing can resolve what can be no release's name either.
    """
    known_service(project, service)
    named(commit)
    try:
        async with project.drivers() as drivers:
            return await resolve(drivers, service, commit)
    except LastgoodError:
        if is_release_name(commit):
            return commit
        raise
