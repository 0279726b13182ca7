"""Releases: listed from the ledger, marked by people, imported from where they are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lastgood.app.project import now, operator
from lastgood.errors import LastgoodError, RefusedError, UsageError
from lastgood.model.release import GoodEvidence, Release, Standing, release_id

if TYPE_CHECKING:
    from lastgood.app.project import Project
    from lastgood.app.wiring import Drivers
    from lastgood.model.route import FoundRelease
    from lastgood.report.documents import Document


def list_releases(project: Project, service: str | None) -> Document:
    """What `releases list` answers."""
    from lastgood.report.documents import releases_document  # noqa: PLC0415 - listing only

    state = project.state
    deployed = {
        release_id(name, commit): at
        for (name, commit), at in state.ledger.deployed_at(project.name).items()
    }
    live = {}
    for name in project.environment.services:
        deployment = state.ledger.live(project.name, name)
        if deployment is not None:
            live[name] = deployment.commit
    held = [release_id(h.service, h.commit) for h in state.holds.standing(project.name)]
    return releases_document(state.ledger.releases(project.name, service), deployed, live, held)


async def resolve(drivers: Drivers, service: str, revision: str) -> str:
    """The full commit of a revision, by the first deploy driver that knows it.

    Raises:
        RefusedError: none knows it.
    """
    first: LastgoodError | None = None
    for deployer in drivers.deployers[service]:
        try:
            return await deployer.resolve(revision)
        except LastgoodError as error:
            first = first or error
    raise first or RefusedError(f"nothing knows {revision!r}", code="unknown-revision")


async def full_commit(project: Project, service: str, revision: str) -> str:
    """The full commit of a service's revision.

    Raises:
        UsageError: there is no such service.
        RefusedError: the revision is unknown.
    """
    known_service(project, service)
    async with project.drivers() as drivers:
        return await resolve(drivers, service, revision)


async def named_release(project: Project, service: str, revision: str) -> str:
    """The full commit of a release: by the ledger, else by the drivers.

    Raises:
        UsageError: there is no such service.
        RefusedError: the revision is unknown.
    """
    known_service(project, service)
    releases = project.state.ledger.releases(project.name, service)
    known = [release.commit for release in releases if release.commit.startswith(revision)]
    return known[0] if len(known) == 1 else await full_commit(project, service, revision)


async def mark(
    project: Project, service: str, revision: str, standing: Standing, reason: str
) -> Release:
    """A named person says how good a release is, and why.

    Raises:
        RefusedError: the revision is unknown.
    """
    commit = await named_release(project, service, revision)
    reason = project.said(reason)
    ledger = project.state.ledger
    evidence = GoodEvidence(kind="mark", at=now(), by=operator(), reason=reason)
    with project.state.transaction():
        ledger.import_release(project.name, service, commit, at=now())
        marked = ledger.set_standing(project.name, service, commit, standing, evidence)
        project.state.events.append(
            "release.marked", operator(), f"{service} {commit[:12]} is {standing}: {reason}",
            at=now(), environment=project.name, data={"service": service, "commit": commit},
        )  # fmt: skip
    return marked


async def visible_releases(project: Project, service: str | None) -> list[tuple[str, FoundRelease]]:
    """The releases that the drivers can see, with the service of each.

    Raises:
        UsageError: there is no such service.
    """
    if service is not None:
        known_service(project, service)
    names = [service] if service else list(project.environment.services)
    async with project.drivers() as drivers:
        return [
            (name, found)
            for name in names
            for deployer in drivers.deployers[name]
            for found in await deployer.found()
        ]


async def import_releases(project: Project, service: str | None) -> list[Release]:
    """Record the releases that the drivers can see, of unknown standing; known ones stay.

    What runs is recorded as the live deployment where the ledger has none yet.
    """
    unique = {}
    ledger = project.state.ledger
    for name, found in await visible_releases(project, service):
        release = ledger.import_release(
            project.name, name, found.commit, at=now(), artifact=found.artifact
        )
        unique[release.id] = release
        if found.live and ledger.live(project.name, name) is None:
            ledger.record_deployment(
                project.name, name, found.commit,
                at=found.deployed_at or now(), by=operator(), source="import",
                artifact=found.artifact, standing=Standing.UNKNOWN,
            )  # fmt: skip
    project.state.events.append(
        "releases.imported", operator(), f"{len(unique)} releases were imported",
        at=now(), environment=project.name,
    )  # fmt: skip
    return list(unique.values())


def known_service(project: Project, service: str) -> None:
    """Raises UsageError when the environment has no such service."""
    if service not in project.environment.services:
        raise UsageError(
            f"there is no service {service!r} in {project.name}",
            mend=f"name one of: {', '.join(project.environment.services) or 'none is configured'}",
            code="unknown-service",
        )


def named(revision: str) -> None:
    """Raises UsageError when no revision is named at all, as by a variable that CI did not set."""
    if not revision.strip():
        raise UsageError(
            "no commit is named",
            cause="the word for it is empty",
            mend="see that the variable that should hold the commit is set",
            code="no-commit",
        )
