"""What speaks against a soak or a rollback's stability, however healthy the checks are."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

from lastgood.app.judging import judge
from lastgood.app.project import now
from lastgood.model.revision import same_version
from lastgood.model.signal import USERS_AFFECTED
from lastgood.model.statement import Statement
from lastgood.model.verdict import Decision
from lastgood.model.watch import WatchKind
from lastgood.verify.signals import SIGNALS_WORSE, compare

if TYPE_CHECKING:
    from datetime import datetime

    from lastgood.app.project import Project
    from lastgood.app.wiring import Drivers
    from lastgood.model.observation import Observation
    from lastgood.model.watch import Watch

FORBIDS = (Decision.ROLLBACK, Decision.HOTFIX)
"""Verdicts under which nothing becomes known good."""

DEPLOYING_S = 10.0
"""A deployment is recorded when it is done: what it did to users just before is not "before"."""


def against_stability(project: Project, watch: Watch, observation: Observation) -> str | None:
    """What shows that a rollback does not hold; None for other watches and while nothing does."""
    if watch.kind is not WatchKind.STABILITY:
        return None
    return _came_again(project, watch, observation) or _users_fail(
        project, observation, watch.since
    )


async def against_soak(
    project: Project, drivers: Drivers, watch: Watch, observation: Observation
) -> str | None:
    """Why a release that soaked does not become known good; None when nothing forbids it.

    That so many users fail forbids it whether or not the release is their cause: the judge would
    not roll back the first release of all, since there is nowhere to go.
    """
    incident = project.state.incidents.current(project.name)
    if incident is not None:
        return f"{incident.id} is open"
    fails = _users_fail(project, observation)
    if fails is not None:
        return fails
    verdict = judge(project, observation, Statement(by="lastgood"))
    if verdict.decision in FORBIDS:
        return f"verdict {verdict.decision}"
    return await _worse_signal(project, drivers, watch)


async def may_be_over(project: Project, drivers: Drivers, watch: Watch) -> bool:
    """Whether users fail since the soak began, and it is not shown that few enough do.

    A soak may be shorter than the time in which a share becomes certain: what is not known to be
    bad is not known to be good.
    """
    source = drivers.signals.get(USERS_AFFECTED)
    if source is None:
        return False
    share = await source.read(now(), watch.since)
    over = project.policy.rollback_over_share
    return share.failed > 0 and share.high is not None and share.high > over


def _came_again(project: Project, watch: Watch, observation: Observation) -> str | None:
    """Which instance answers the release that was rolled back; a later one is no regression."""
    for move in project.state.journal.run(watch.subject).plan.moves:
        view = observation.services.get(move.service)
        if view is None or move.origin is None or move.again:
            continue
        for instance, version in view.answering.items():
            if version is not None and same_version(version, move.origin):
                return f"{move.service} at {instance} answers {move.origin[:12]} again"
    return None


async def _worse_signal(project: Project, drivers: Drivers, watch: Watch) -> str | None:
    """Which signal is surely worse since the release went live than it was just before.

    Its usual window looks back over the deployment, so that users who were well before hide those
    who fail since; and a share that is far from the policy's threshold can be a new fault, too.
    """
    sources = drivers.signals.values()
    live = project.state.ledger.live(project.name, str(watch.service))
    deployed_at = live.at if live is not None and live.commit == watch.subject else watch.since
    former = deployed_at - timedelta(seconds=DEPLOYING_S)
    before = await asyncio.gather(*(source.read(former) for source in sources))
    after = await asyncio.gather(*(source.read(now(), deployed_at) for source in sources))
    problems = compare(before, after, deployed_at, project.policy.rollback_over_share)
    return next((p.what for p in problems if p.code == SIGNALS_WORSE), None)


def _users_fail(
    project: Project, observation: Observation, since: datetime | None = None
) -> str | None:
    """That surely too many users fail, however healthy the checks are; None while they do not.

    Args:
        project: with the share that is too high.
        observation: the newest look.
        since: a window that begins earlier tells of what was before.
    """
    share = next((s for s in observation.signals if s.name == USERS_AFFECTED), None)
    if share is None or (share.low or 0.0) <= project.policy.rollback_over_share:
        return None
    if since is not None and (share.since is None or share.since < since):
        return None
    return f"{share.name} is {share.value or 0.0:.0%} of {share.n}"
