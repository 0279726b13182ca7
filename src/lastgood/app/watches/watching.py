"""Keeping watches: soaks become known good, stability is shown or lost, a hotfix's clock ends."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import msgspec

from lastgood.app.judging import judge
from lastgood.app.observing import observe, observer, recorded
from lastgood.app.project import now
from lastgood.app.releases.pruning import prune_releases
from lastgood.app.reporting import report
from lastgood.app.responding import respond
from lastgood.app.watches.doubts import against_soak, against_stability, may_be_over
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
        known = {watch.id for watch in project.state.watches.pending(project.name)}
        try:
            while project.state.watches.pending(project.name):
                await asyncio.sleep(_cadence_s(project))
                if project.state.journal.open_runs(project.name):
                    continue  # while something is being moved, nothing is judged by its flicker
                observation = await watcher.observe(recorded(project))
                pending = project.state.watches.pending(project.name)
                if begun := {watch.id for watch in pending} - known:
                    # What checks stand at is of what was live before: a failure that a rollback
                    # has just ended must not count against what it brought.
                    watcher.prober.forget()
                    known |= begun
                    continue
                for watch in pending:
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
            _end(project, watch, WatchState.HELD, "hotfix.over", "the hotfix's time is over")
            # A runner that was just started again has no standings yet.
            await _judge_again(project, drivers, await observe(project, drivers))
        return
    gap_s = max(MIN_GAP_S, GAP_LOOKS * _cadence_s(project))
    advanced = advance(watch, observation, now(), gap_s)
    doubt = against_stability(project, watch, observation)
    if doubt is not None:
        advanced = msgspec.structs.replace(advanced, state=WatchState.REGRESSED, note=doubt)
    if advanced == watch:
        return
    if advanced.state is WatchState.PENDING:
        project.state.watches.update(advanced)
    elif advanced.state is WatchState.REGRESSED:
        await _regress(project, drivers, advanced, observation)
    elif watch.kind is WatchKind.STABILITY:
        _end(project, advanced, WatchState.HELD, "stability.held", "stable: every check held")
        report(project, watch.subject)
    else:
        await _promote(project, drivers, advanced, observation)


async def _promote(
    project: Project, drivers: Drivers, watch: Watch, observation: Observation
) -> None:
    """The release soaked well: it is known good, and here is why.

    Checks are not all that is seen, however healthy they are. What the users leave open is waited
    for.
    """
    doubt = await against_soak(project, drivers, watch, observation)
    if doubt is not None:
        against = msgspec.structs.replace(watch, note=doubt)
        await _regress(project, drivers, against, observation)
        return
    if await may_be_over(project, drivers, watch):
        project.state.watches.update(msgspec.structs.replace(watch, state=WatchState.PENDING))
        return
    service = str(watch.service)
    belongs = observation.check_services.items()
    evidence = GoodEvidence(
        kind="soak",
        at=now(),
        by="lastgood",
        reason=f"every check stayed healthy from {watch.since:%H:%M:%S} to {watch.until:%H:%M:%S}",
        since=watch.since,
        until=watch.until,
        samples=watch.samples,
        checks=tuple(sorted(name for name, of in belongs if service in of)),
        longest_gap_s=watch.longest_gap_s,
    )
    with project.state.transaction():
        project.state.ledger.set_standing(
            project.name, service, watch.subject, Standing.KNOWN_GOOD, evidence
        )
        text = f"{service} {watch.subject[:12]} is known good: {evidence.reason}"
        _end(project, watch, WatchState.HELD, "release.promoted", text)
    await prune_releases(project, drivers, service)


async def _regress(
    project: Project, drivers: Drivers, watch: Watch, observation: Observation
) -> None:
    """What was watched fails: say so, judge, and let the verdict have its consequences."""
    what = f"the soak of {watch.service}" if watch.service else "stability"
    kind = f"{watch.kind}.regressed"
    _end(project, watch, WatchState.REGRESSED, kind, f"{what} regressed: {watch.note}")
    if watch.kind is WatchKind.STABILITY:
        _reopen(project, watch)
        report(project, watch.subject)
    await _judge_again(project, drivers, observation)


def _reopen(project: Project, watch: Watch) -> None:
    """A regression after a rollback is an incident, whether the former one was resolved or not."""
    if project.state.incidents.current(project.name) is not None:
        return
    run = project.state.journal.run(watch.subject)
    former = f" ({run.incident} was resolved too early)" if run.incident else ""
    title = f"regressed after {run.id}: {watch.note}{former}"
    with project.state.transaction():
        opened = project.state.incidents.open(
            project.name, title, "lastgood", now(), detected_at=now()
        )
        project.state.events.append(
            "incident.opened", "lastgood", title,
            at=now(), environment=project.name, incident=opened.id, run=run.id,
        )  # fmt: skip


async def _judge_again(project: Project, drivers: Drivers, observation: Observation) -> None:
    """Ask the judge with what is seen now; the verdict has its consequences."""
    statement = Statement(by="lastgood")
    verdict = judge(project, observation, statement)
    await respond(project, drivers, observation, verdict, statement)


def _end(project: Project, watch: Watch, state: WatchState, kind: str, text: str) -> None:
    incident = project.state.incidents.current(project.name)
    run = watch.subject if watch.kind is WatchKind.STABILITY else None
    with project.state.transaction():
        project.state.watches.update(watch)
        project.state.watches.end(watch.id, state, watch.note)
        project.state.events.append(
            kind, "lastgood", text,
            at=now(), environment=project.name, run=run,
            incident=incident.id if incident else None,
        )  # fmt: skip
