"""The demo's story: a bad release is seen, judged, rolled back, proven and reported."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, NamedTuple, Protocol

from lastgood.app import flow
from lastgood.app.deployments import record_deployment
from lastgood.app.judging import ensure_incident, record_verdict
from lastgood.app.project import Project, now
from lastgood.app.request import Request
from lastgood.app.submitting import submit, wake
from lastgood.demo.configuration import write_configuration
from lastgood.demo.layout import SERVICES
from lastgood.demo.production import Fault, Production
from lastgood.errors import LastgoodError
from lastgood.model.release import Standing
from lastgood.model.statement import Statement
from lastgood.model.verdict import Decision

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lastgood.app.following import Snapshot
    from lastgood.demo.traffic import Count
    from lastgood.model.plan import Plan
    from lastgood.model.verdict import Method

    Tell = Callable[[str], None]


class Stage(Protocol):
    """Where the story is shown."""

    def tell(self, text: str) -> None:
        """Say what happens."""

    def show_plan(self, plan: Plan) -> None:
        """Show what was decided."""

    def follow(self, project: Project, run_id: str) -> Snapshot:
        """Show the run until it ends; gives its last snapshot."""


PATIENCE_S = 120.0
SETTLED_S = 3.0
"""How long the users are watched before and after, for the shares of failed requests."""

SHARE = 0.6


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


def ship(project: Project, production: Production, tell: Tell, fault: Fault | None = None) -> str:
    """Let the team push a release and its CI deploy and record it; gives the commit."""
    deployed = production.ship(fault)
    if deployed.outcome != "deployed":
        raise LastgoodError(
            f"the demo's own deployment ended as {deployed.outcome}",
            mend=f"read {production.layout.logs}",
            code="demo-deployment",
        )
    for service in SERVICES:
        record_deployment(project, service, deployed.commit, by="ci", source="ci")
    tell(f"release {deployed.commit[:12]} is deployed by CI")
    return deployed.commit


def await_known_good(project: Project, commit: str) -> None:
    """Wait until the soak has made the release known good."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        releases = [project.state.ledger.release(project.name, s, commit) for s in SERVICES]
        if all(r is not None and r.standing is Standing.KNOWN_GOOD for r in releases):
            return
        wake(project)
        time.sleep(0.1)
    raise LastgoodError(
        f"release {commit[:12]} did not become known good within {PATIENCE_S:g} s",
        mend=f"read {project.state_folder / 'runner.log'}",
        code="demo-soak",
    )


async def detect(project: Project, tell: Tell) -> flow.Prepared:
    """Look and judge, again and again, until the verdict is rollback."""
    deadline = time.monotonic() + PATIENCE_S
    said = ""
    while time.monotonic() < deadline:
        prepared = await flow.prepare(project, Request())
        verdict = prepared.verdict
        line = f"{verdict.decision}: {verdict.reasons[0] if verdict.reasons else ''}"
        if line != said:
            tell(line)
            said = line
        if verdict.decision is Decision.ROLLBACK:
            return prepared
        await asyncio.sleep(0.3)
    raise LastgoodError(
        "the bad release was not seen", mend="lastgood decide tells why", code="demo-blind"
    )


def tell_story(production: Production, folder: Path, method: Method, stage: Stage) -> Told:
    """Live through it; every step goes the way that a user's commands go."""
    project = Project.open(write_configuration(production, folder))
    production.traffic.start()
    for _ in range(2):
        await_known_good(project, ship(project, production, stage.tell))
        stage.tell("  it soaked with every check healthy: known good")
    bad_since = now()
    ship(project, production, stage.tell, Fault("errors", share=SHARE))
    prepared = asyncio.run(detect(project, stage.tell))
    incident = ensure_incident(project, prepared.verdict, "verdict")
    record_verdict(project, prepared.verdict, Statement(by="lastgood"), incident)
    before = production.traffic.count(bad_since)
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
    last = stage.follow(project, run.id)
    proven_at = last.run.proven_at or now()
    time.sleep(SETTLED_S)
    after = production.traffic.count(proven_at)
    return Told(project, last, before, after)
