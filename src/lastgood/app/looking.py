"""One look at an environment, or at one service of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from lastgood.app.observing import observe

if TYPE_CHECKING:
    from lastgood.app.project import Project
    from lastgood.model.observation import Observation


async def look(project: Project, service: str | None = None) -> Observation:
    """Look from cold; with a service, only its checks count."""
    async with project.drivers() as drivers:
        observation = await observe(project, drivers)
    if service is None:
        return observation
    names = set(project.environment.services[service].checks)
    return msgspec.structs.replace(
        observation,
        healths={name: health for name, health in observation.healths.items() if name in names},
        results=tuple(result for result in observation.results if result.name in names),
        services={service: observation.services[service]},
    )
