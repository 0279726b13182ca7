"""Releases: listed from the ledger, marked by people, imported from where they are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lastgood.app.project import now, operator
from lastgood.errors import LastgoodError, RefusedError, UsageError
from lastgood.model.release import GoodEvidence, Release, Standing, release_id

if TYPE_CHECKING:
    from lastgood.app.project import Project
    from lastgood.app.wiring import Drivers
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


async def mark(
    project: Project, service: str, revision: str, standing: Standing, reason: str
) -> Release:
    """A named person says how good a release is, and why.

    Raises:
        RefusedError: the revision is unknown.
    """
    known_service(project, service)
    ledger = project.state.ledger
    known = [
        r.commit for r in ledger.releases(project.name, service) if r.commit.startswith(revision)
    ]
    if len(known) == 1:
        commit = known[0]
    else:
        async with project.drivers() as drivers:
            commit = await resolve(drivers, service, revision)
    evidence = GoodEvidence(kind="mark", at=now(), by=operator(), reason=reason)
    with project.state.transaction():
        ledger.import_release(project.name, service, commit, at=now())
        marked = ledger.set_standing(project.name, service, commit, standing, evidence)
        project.state.events.append(
            "release.marked", operator(), f"{service} {commit[:12]} is {standing}: {reason}",
            at=now(), environment=project.name, data={"service": service, "commit": commit},
        )  # fmt: skip
    return marked


async def import_releases(project: Project, service: str | None) -> list[Release]:
    """Record the releases that the drivers can see, of unknown standing; known ones stay.

    What runs is recorded as the live deployment where the ledger has none yet.
    """
    if service is not None:
        known_service(project, service)
    names = [service] if service else list(project.environment.services)
    imported = []
    async with project.drivers() as drivers:
        for name in names:
            for deployer in drivers.deployers[name]:
                for found in await deployer.found():
                    imported.append(
                        project.state.ledger.import_release(
                            project.name, name, found.commit, at=now(), artifact=found.artifact
                        )
                    )
                    if found.live and project.state.ledger.live(project.name, name) is None:
                        project.state.ledger.record_deployment(
                            project.name, name, found.commit,
                            at=found.deployed_at or now(), by=operator(), source="import",
                            artifact=found.artifact, standing=Standing.UNKNOWN,
                        )  # fmt: skip
    unique = {release.id: release for release in imported}
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
