"""What `status` shows: read at a glance, without the drivers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lastgood.engine.direct.spawn import runner_lives
from lastgood.model.lock import Lock
from lastgood.report.documents import plain
from lastgood.store.glance import Glance, glance

if TYPE_CHECKING:
    from lastgood.app.project import Project
    from lastgood.report.documents import Document


def glance_at(project: Project) -> Glance:
    """The environment as its state describes it; an absent state is an empty one."""
    path = project.settings.state.path
    if path is None or not path.exists():
        return Glance(
            environment=project.name,
            services=(),
            runs=(),
            lock=Lock(environment=project.name, epoch=0),
            incident=None,
            watches=(),
            holds=(),
            last_event=0,
        )
    return glance(path, project.name)


def runner_is_alive(project: Project) -> bool:
    """Whether a runner works on this state."""
    return project.state_folder.exists() and runner_lives(project.state_folder)


def status_document(project: Project, seen: Glance) -> Document:
    """What `status --json` answers."""
    return {
        "project": project.settings.project,
        "environment": project.name,
        "services": [
            {
                "name": service.service,
                "live": service.commit,
                "state": service.standing,
                "since": plain(service.since),
                "held": service.held,
                "target": service.target,
            }
            for service in seen.services
        ],
        "runs": plain(seen.runs),
        "runner": runner_is_alive(project),
        "lock": plain(seen.lock),
        "incident": plain(seen.incident),
        "watches": plain(seen.watches),
        "holds": plain(seen.holds),
        "last_event": seen.last_event,
    }
