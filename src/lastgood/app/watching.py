"""Keeping watches: soaks become known good, stability is shown or lost, a hotfix's clock ends."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from lastgood.app.judging import judge, record_verdict
from lastgood.app.observing import observer, recorded
from lastgood.app.project import now
from lastgood.app.reporting import report
from lastgood.model.release import GoodEvidence, Standing
from lastgood.model.statement import Statement
from lastgood.model.watch import WatchKind, WatchState
from lastgood.verify.stability import advance

if TYPE_CHECKING:
    from lastgood.app.project import Project
    from lastgood.app.wiring import Drivers
    from lastgood.model.observation import Observation
    from lastgood.model.watch import Watch

GAP_LOOKS = 6
"""A watch survives this many missed looks; after a longer gap its period begins again."""

MIN_GAP_S = 10.0


async def keep_watches(project: Project) -> None:
    """Look at the environment until none of its watches is pending."""
    async with project.drivers() as drivers:
        watcher = observer(project, drivers)
        looking = asyncio.create_task(watcher.prober.run())
        try:
            while project.state.watches.pending(project.name):
                await asyncio.sleep(_cadence_s(project))
                if project.state.journal.open_runs(project.name):
                    continue  # while something is being moved, nothing is judged by its flicker
                observation = await watcher.observe(recorded(project))
                for watch in project.state.watches.pending(project.name):
                    await _advance(project, drivers, watch, observation)
        finally:
            looking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await looking


def _cadence_s(project: Project) -> float:
    return min((check.every for check in project.environment.checks.values()), default=5.0)


async def _advance(
    project: Project, drivers: Drivers, watch: Watch, observation: Observation
) -> None:
    """Move one watch on by one observation."""
    if watch.kind is WatchKind.HOTFIX:
        if now() >= watch.until:
            _judge_again(project, watch, observation)
        return
    gap_s = max(MIN_GAP_S, GAP_LOOKS * _cadence_s(project))
    advanced = advance(watch, observation, now(), gap_s)
    if advanced == watch:
        return
    match advanced.state:
        case WatchState.PENDING:
            project.state.watches.update(advanced)
        case WatchState.HELD if watch.kind is WatchKind.SOAK:
            _promote(project, advanced, observation)
        case WatchState.HELD:
            _end(project, advanced, "stability.held", "stable: every check stayed healthy")
            report(project, watch.subject)
        case _:
            _regress(project, advanced, observation)
    del drivers


def _promote(project: Project, watch: Watch, observation: Observation) -> None:
    """The release soaked well: it is known good, and here is why."""
    service = str(watch.service)
    checks = tuple(sorted(name for name, of in observation.check_services.items() if service in of))
    evidence = GoodEvidence(
        kind="soak",
        at=now(),
        by="lastgood",
        reason=f"every check stayed healthy from {watch.since:%H:%M:%S} to {watch.until:%H:%M:%S}",
        since=watch.since,
        until=watch.until,
        samples=watch.samples,
        checks=checks,
        longest_gap_s=watch.longest_gap_s,
    )
    with project.state.transaction():
        project.state.ledger.set_standing(
            project.name, service, watch.subject, Standing.KNOWN_GOOD, evidence
        )
        _end(
            project, watch, "release.promoted",
            f"{service} {watch.subject[:12]} is known good: {evidence.reason}",
        )  # fmt: skip


def _regress(project: Project, watch: Watch, observation: Observation) -> None:
    """What was watched fails: say so, judge, and open or reopen the incident."""
    what = "a soaking release" if watch.kind is WatchKind.SOAK else "the environment"
    _end(project, watch, f"{watch.kind}.regressed", f"{what} regressed: {watch.note}")
    _judge_again(project, watch, observation)
    if watch.kind is WatchKind.STABILITY:
        report(project, watch.subject)


def _judge_again(project: Project, watch: Watch, observation: Observation) -> None:
    """Ask the judge with what is seen now."""
    statement = Statement(by="lastgood")
    verdict = judge(project, observation, statement)
    incident = project.state.incidents.current(project.name)
    record_verdict(project, verdict, statement, incident)
    if watch.kind is WatchKind.HOTFIX:
        _end(project, watch, "hotfix.over", "the hotfix's time is over; judged again")


def _end(project: Project, watch: Watch, kind: str, text: str) -> None:
    incident = project.state.incidents.current(project.name)
    run = watch.subject if watch.kind is WatchKind.STABILITY else None
    with project.state.transaction():
        if watch.state is not WatchState.PENDING:
            project.state.watches.update(watch)
        project.state.watches.end(
            watch.id,
            watch.state if watch.state is not WatchState.PENDING else WatchState.HELD,
            watch.note,
        )
        project.state.events.append(
            kind, "lastgood", text,
            at=now(), environment=project.name, run=run,
            incident=incident.id if incident else None,
        )  # fmt: skip
