"""A backup before a deployment belongs to the release that is about to go live."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from lastgood.app.project import now
from lastgood.app.releases.releases import named, resolve
from lastgood.errors import LastgoodError, UsageError
from lastgood.model.revision import is_release_name, same_version

if TYPE_CHECKING:
    from lastgood.app.project import Project


def release_before(project: Project, commit: str) -> str:
    """The full commit of what is about to be deployed; its releases are in the ledger afterwards.

    As `deployment record` takes it: a git host that is down keeps no backup from being made.

    Raises:
        UsageError: nothing is named (`no-commit`), or it means several commits (`which-commit`).
        LastgoodError: nothing can resolve what can be no release's name either.
    """
    named(commit)
    found, trouble = asyncio.run(_resolved(project, commit))
    if not found:
        if is_release_name(commit):
            return commit
        raise trouble or UsageError(
            f"{commit[:80]!r} is no commit",
            cause=f"{project.name} has no service that could tell what it means",
            mend="write the whole hash",
            code="no-commit",
        )
    full = max(found.values(), key=len)
    if not all(same_version(one, full) for one in found.values()):
        meanings = ", ".join(f"{one[:12]} of {service}" for service, one in found.items())
        raise UsageError(
            f"{commit[:80]!r} means several commits",
            cause=meanings,
            mend="write the whole hash of the one that is about to be deployed",
            code="which-commit",
        )
    for service, one in found.items():
        project.state.ledger.import_release(project.name, service, one, at=now())
    return full


async def _resolved(project: Project, commit: str) -> tuple[dict[str, str], LastgoodError | None]:
    """What the commit is called in full, by each service that knows it."""
    found: dict[str, str] = {}
    trouble: LastgoodError | None = None
    async with project.drivers() as drivers:
        for service in project.environment.services:
            try:
                found[service] = await resolve(drivers, service, commit)
            except LastgoodError as error:
                trouble = trouble or error
    return found, trouble
