"""Since when checks fail: kept with each verdict, so that the next command does not begin at zero.

Each command looks from cold. Without this memory an outage of twenty minutes would be "out for 0 s"
in every answer of `decide`, and never be over its threshold; and a failure that is older than a
deployment would seem to have come with it.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from lastgood.app.project import now
from lastgood.model.check import Health, HealthState

if TYPE_CHECKING:
    from lastgood.app.project import Project
    from lastgood.model.observation import Observation

FAILING = "failing"
NEWEST = 50
"""How many events are searched; a memory behind more than these is none."""

HEALED = "run.ended"
"""A run proves what it changed: what failed before it is another failure."""


def memory_of(observation: Observation | None) -> dict[str, str]:
    """What an event keeps of the checks that fail, or have not shown yet that they do not any more.

    Nothing when this machine saw nothing itself.
    """
    if observation is None or observation.connectivity is False:
        return {}
    since = {
        name: health.failing_since
        for name, health in observation.healths.items()
        if health.state is not HealthState.HEALTHY
    }
    return {FAILING: msgspec.json.encode(since).decode()}


def remembered(project: Project) -> dict[str, Health]:
    """The checks that failed at the newest verdict, since when; nothing is believed of them now.

    A verdict that is older than the outage that is over its threshold is not gone by: so no such
    outage ever rests on two looks alone. One good look ends what is remembered of a check.
    """
    oldest = now() - timedelta(seconds=project.policy.outage_over_s)
    for event in reversed(project.state.events.tail(NEWEST, project.name)):
        if event.kind == HEALED or event.at < oldest:
            break
        if FAILING in event.data:
            return {
                name: Health(name=name, failing_since=since)
                for name, since in _read(event.data[FAILING]).items()
                if since is not None and since <= event.at
            }
    return {}


def _read(kept: str) -> dict[str, datetime | None]:
    try:
        return msgspec.json.decode(kept, type=dict[str, datetime | None])
    except msgspec.DecodeError:  # very many checks failed, and the event was cut
        return {}
