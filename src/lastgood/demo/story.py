"""The demo's story: a bad release is seen, judged, rolled back, proven and reported."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple, Protocol

from lastgood.app import flow
from lastgood.app.deployments import record_deployment
from lastgood.app.judging import judge
from lastgood.app.observing import observer, recorded
from lastgood.app.project import Project, now
from lastgood.app.request import Request
from lastgood.app.responding import respond
from lastgood.app.submitting import submit, wake
from lastgood.demo.layout import SERVICES
from lastgood.demo.production import Fault, Production
from lastgood.errors import LastgoodError
from lastgood.model.release import Standing
from lastgood.model.statement import Statement
from lastgood.model.verdict import Decision
from lastgood.model.watch import WatchKind, WatchState

if TYPE_CHECKING:
    from lastgood.app.following import Snapshot
    from lastgood.demo.traffic import Count
    from lastgood.model.plan import Plan
    from lastgood.model.verdict import Method, Verdict

PATIENCE_S = 120.0
"""How long each part of the story may take on a busy machine before the demo gives up."""

LOOK_S = 0.5
FINAL_WINDOW_S = 3.0
BAD_SHARE = 0.6


class Stage(Protocol):
    """Where the story is shown."""

    def tell(self, text: str) -> None:
        """Say what happens."""

    def show_verdict(self, verdict: Verdict) -> None:
        """Show what was judged, and why."""

    def show_plan(self, plan: Plan) -> None:
        """Show what was decided."""

    def follow(self, project: Project, run_id: str) -> Snapshot:
        """Show the run until it ends; gives its last snapshot."""


class Told(NamedTuple):
    """What the demo came to.

    Attributes:
        last: the run and its steps at its end.
        before: what the users met while the bad release was live.
        after: what they met in the final window, after the proof.
    """

    project: Project
    last: Snapshot
    before: Count
    after: Count


def tell_story(project: Project, production: Production, method: Method, stage: Stage) -> Told:
    """Live through it; every act goes the way that a user's commands go."""
    production.traffic.start()
    users = production.layout.traffic_users
    stage.tell(f"a web stack is up at {production.edge_url}; {users} users are at work on it")
    for number in ("first", "second"):
        commit = ship(project, production)
        stage.tell(f"the {number} release, {commit[:12]}, was pushed; CI deployed and recorded it")
        await_known_good(project, commit)
        stage.tell(f"  it soaked with every check healthy: {commit[:12]} is known good")
    bad_since = now()
    bad = ship(project, production, Fault("errors", share=BAD_SHARE))
    stage.tell(f"the third release, {bad[:12]}, is deployed too; something is wrong with it")
    verdict = asyncio.run(detect(project))
    stage.show_verdict(verdict)
    before = production.traffic.count(bad_since)
    last = roll_back(project, method, stage)
    if last.run.proven_at is None:
        return Told(project, last, before, production.traffic.count(now()))
    await_stable(project, last.run.id, stage)
    time.sleep(max(0.0, FINAL_WINDOW_S - (now() - last.run.proven_at).total_seconds()))
    return Told(project, last, before, production.traffic.count(last.run.proven_at))


def ship(project: Project, production: Production, fault: Fault | None = None) -> str:
    """Let the team push a release, and its CI deploy and record it; gives the commit."""
    deployed = production.ship(fault, limit=PATIENCE_S)
    if deployed.outcome != "deployed":
        raise LastgoodError(
            f"the demo's own deployment {deployed.outcome}",
            mend=f"read {production.layout.logs}",
            code="demo-deployment",
        )
    for service in SERVICES:
        record_deployment(project, service, deployed.commit, by="ci", source="ci")
    return deployed.commit


def await_known_good(project: Project, commit: str) -> None:
    """Wait until the soak has made the release known good.

    Raises:
        LastgoodError: it did not, within the demo's patience.
    """
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        releases = [project.state.ledger.release(project.name, s, commit) for s in SERVICES]
        if all(r is not None and r.standing is Standing.KNOWN_GOOD for r in releases):
            return
        time.sleep(0.1)
    raise LastgoodError(
        f"release {commit[:12]} did not become known good within {PATIENCE_S:g} s",
        cause="the machine may be too busy to answer its own checks in time",
        mend=f"read {project.state_folder / 'runner.log'}, then run the demo again",
        code="demo-soak",
    )


async def detect(project: Project) -> Verdict:
    """Look and judge, again and again, until the verdict is rollback; it opens the incident.

    Raises:
        LastgoodError: the bad release was not seen within the demo's patience.
    """
    statement = Statement(by="lastgood")
    until = now() + timedelta(seconds=PATIENCE_S)
    async with project.drivers() as drivers:
        watcher = observer(project, drivers)
        observation = await watcher.settle(recorded(project))
        while True:
            verdict = judge(project, observation, statement)
            if verdict.decision is Decision.ROLLBACK:
                await respond(project, drivers, observation, verdict, statement)
                return verdict
            if now() > until:
                break
            await asyncio.sleep(LOOK_S)
            await watcher.prober.once()
            observation = await watcher.observe(recorded(project))
    raise LastgoodError(
        "the bad release was not seen",
        cause=verdict.reasons[0] if verdict.reasons else "",
        mend="run the demo again on a less busy machine",
        code="demo-blind",
    )


def roll_back(project: Project, method: Method, stage: Stage) -> Snapshot:
    """What `lastgood rollback --confirm production` does."""
    commanded_at = now()
    wake(project, linger_s=PATIENCE_S)
    prepared = asyncio.run(flow.prepare(project, Request(method=method)))
    stage.show_plan(prepared.plan)
    run = submit(
        project,
        prepared.plan,
        observation=prepared.observation,
        verdict=prepared.verdict,
        commanded_at=commanded_at,
    )
    wake(project)
    return stage.follow(project, run.id)


def await_stable(project: Project, run_id: str, stage: Stage) -> None:
    """Wait for the end of the stability watch and tell it."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        watch = project.state.watches.of(WatchKind.STABILITY, run_id)[0]
        if watch.state is not WatchState.PENDING:
            stage.tell(f"the stability watch: {watch.state} after {watch.samples} good looks")
            return
        time.sleep(0.1)
