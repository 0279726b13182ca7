"""The demo's story: a bad release is seen, judged, rolled back, proven and reported."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple, Protocol

from msgspec import structs

from lastgood.app import flow
from lastgood.app.backups.ordering import order_backup
from lastgood.app.databases.surveying import preview
from lastgood.app.judging import judge
from lastgood.app.observing import observer, recorded
from lastgood.app.project import Project, now
from lastgood.app.releases.deployments import record_deployment
from lastgood.app.request import Request
from lastgood.app.responding import respond
from lastgood.app.runs.submitting import submit, wake
from lastgood.cli.backup import size
from lastgood.demo.configuration import STABILITY_S
from lastgood.demo.data import SWAP, WANTED, register, salvage_orders
from lastgood.demo.layout import SERVICES
from lastgood.demo.production import Fault, Production
from lastgood.errors import LastgoodError
from lastgood.model.release import Standing
from lastgood.model.statement import Statement
from lastgood.model.verdict import Decision, Method
from lastgood.model.watch import WatchKind, WatchState
from lastgood.plan.request import Acceptance

if TYPE_CHECKING:
    from lastgood.app.runs.following import Snapshot
    from lastgood.demo.data import Orders
    from lastgood.demo.traffic import Count
    from lastgood.model.backup import StoredBackup
    from lastgood.model.loss import Loss
    from lastgood.model.plan import Plan
    from lastgood.model.verdict import Verdict

PATIENCE_S = 120.0
"""How long each part of the story may take on a busy machine before the demo gives up."""

LOOK_S = 0.5
FINAL_WINDOW_S = 3.0
BAD_SHARE = 0.6
MORE_TO_COME = 500

POSSIBLE = (Method.AUTO, Method.ARTIFACT, Method.TREE, Method.DROP, Method.FULL)
"""The ways back that the miniature production has."""

ENDS = {WatchState.HELD: "held", WatchState.REGRESSED: "saw it fail again"}


class Stage(Protocol):
    """Where the story is shown."""

    def tell(self, text: str) -> None:
        """Say what happens."""

    def show_verdict(self, verdict: Verdict) -> None:
        """Show what was judged, and why."""

    def show_plan(self, plan: Plan) -> None:
        """Show what was decided."""

    def show_loss(self, backup: str, loss: Loss) -> None:
        """Show what the database would lose to that backup's copy."""

    def show_salvage(self, orders: Orders) -> None:
        """Show what was brought back, and what was not."""

    def follow(self, project: Project, run_id: str) -> Snapshot:
        """Show the run until it ends; gives its last snapshot."""


class Told(NamedTuple):
    """What the demo came to.

    Attributes:
        last: the run and its steps at its end.
        before: what the users met from the bad release's deployment to the verdict.
        after: what they met in the final window, after the proof.
        backups: what was made of the database, before each deployment.
        orders: what became of the orders; None when it did not come to that.
    """

    project: Project
    last: Snapshot
    before: Count
    after: Count
    backups: tuple[StoredBackup, ...]
    orders: Orders | None = None


def tell_story(project: Project, production: Production, method: Method, stage: Stage) -> Told:
    """Live through it; every act goes the way that a user's commands go."""
    stage.tell(
        "A small web shop is up: an edge, a backend in two instances, a frontend, PostgreSQL, "
        f"a git remote with its own CI, at {production.edge_url}."
    )
    backups: list[StoredBackup] = []
    for number in (1, 2):
        commit = ship(project, production, stage, backups)
        stage.tell(f"Release {number}, {commit[:12]}, is pushed; CI deploys it.")
        if number == 1:
            production.traffic.start()
            stage.tell(f"{production.layout.traffic_users} users come; each request is counted.")
        await_known_good(project, production, commit, stage)
        stage.tell(
            f"Every check stayed healthy for {STABILITY_S} s (30 min in real life): "
            f"release {number} is known good."
        )
    fault = Fault("errors", share=BAD_SHARE)
    bad = ship(project, production, stage, backups, fault, destroys=True)
    bad_since = now()
    stage.tell(
        f"Release 3, {bad[:12]}, is pushed; CI deploys it. Every health check is green, "
        f"but it answers {BAD_SHARE:.0%} of the users with errors, and its migration has dropped "
        "a column and spoilt half of the users' names."
    )
    register(production, WANTED)
    stage.tell(f"Orders go on coming in, each with its number; a customer takes the name {WANTED}.")
    verdict = asyncio.run(detect(project, production))
    stage.show_verdict(verdict)
    before = production.traffic.count(bad_since)
    drop = bad if method is Method.DROP else None
    last = roll_back(project, Request(method=method, drop=drop), stage)
    if last.run.proven_at is None:
        return Told(project, last, before, production.traffic.count(now()), tuple(backups))
    await_stable(project, last.run.id, stage)
    time.sleep(max(0.0, FINAL_WINDOW_S - (now() - last.run.proven_at).total_seconds()))
    after = production.traffic.count(last.run.proven_at)
    orders = bring_orders_back(project, production, last, stage)
    return Told(project, last, before, after, tuple(backups), orders)


def ship(
    project: Project,
    production: Production,
    stage: Stage,
    backups: list[StoredBackup],
    fault: Fault | None = None,
    *,
    destroys: bool = False,
) -> str:
    """Let the team push a release, and its CI back up, deploy and record it; gives the commit."""
    commit = production.commit(fault, destroys=destroys)
    backups.append(back_up(project, commit, stage))
    production.push(commit)
    deployed = production.wait_deployed(commit, limit=PATIENCE_S)
    if deployed.outcome != "deployed":
        raise LastgoodError(
            f"the demo's own deployment {deployed.outcome}",
            mend=f"run the demo again with --keep and read {production.layout.logs}",
            code="demo-deployment",
        )
    record(project, deployed.commit)
    return deployed.commit


def back_up(project: Project, commit: str, stage: Stage) -> StoredBackup:
    """What the first job of a team's CI does: `lastgood backup create --before-deploy COMMIT`.

    Raises:
        LastgoodError: it could not be made, or a restore did not bring the same back.
    """
    made = order_backup(project, None, commit, if_due=False, tell=lambda _: None)
    if made.unproven is not None:
        raise made.unproven
    stored = made.stored
    if stored is None or stored.proof is None or not stored.proof.restorable:
        raise LastgoodError(
            "the demo's backup does not bring the same back",
            cause="; ".join(one.what for one in stored.proof.problems)
            if stored and stored.proof
            else "",
            mend="report it with this text",
            code="demo-backup",
        )
    backup = stored.backup
    stage.tell(
        f"Before {commit[:12]} the database is backed up, sealed: {size(backup.bytes)}, "
        f"{backup.fingerprint.rows} rows, in {backup.seconds:.1f} s; "
        f"restored and compared in {stored.proof.seconds:.1f} s: it is the same."
    )
    return stored


def record(project: Project, commit: str) -> None:
    """What the last job of a team's CI does: `lastgood deployment record`, for each service."""
    for service in SERVICES:
        record_deployment(project, service, commit, by="ci", source="ci")


def await_known_good(project: Project, production: Production, commit: str, stage: Stage) -> None:
    """Wait until a soak has made the release known good; on a busy machine it may take two.

    Raises:
        LastgoodError: none did, within the demo's patience, or the production is gone.
    """
    deadline = time.monotonic() + PATIENCE_S
    cause = "the machine may be too busy to answer its own checks in time"
    while time.monotonic() < deadline:
        releases = [project.state.ledger.release(project.name, s, commit) for s in SERVICES]
        if all(r is not None and r.standing is Standing.KNOWN_GOOD for r in releases):
            return
        production.must_live()
        soaks = project.state.watches.of(WatchKind.SOAK, commit)
        pending = any(soak.state is WatchState.PENDING for soak in soaks)
        if not pending and any(soak.state is WatchState.REGRESSED for soak in soaks):
            cause = "; ".join(dict.fromkeys(soak.note for soak in soaks if soak.note))
            stage.tell(f"The soak was spoilt ({cause}): it soaks again.")
            record(project, commit)
        time.sleep(0.1)
    raise LastgoodError(
        f"release {commit[:12]} did not become known good within {PATIENCE_S:g} s",
        cause=cause,
        mend="run the demo again on a less busy machine",
        code="demo-soak",
    )


async def detect(project: Project, production: Production) -> Verdict:
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
            production.must_live()
            await asyncio.sleep(LOOK_S)
            await watcher.prober.once()
            observation = await watcher.observe(recorded(project))
    raise LastgoodError(
        "the bad release was not seen",
        cause=verdict.reasons[0] if verdict.reasons else "",
        mend="run the demo again on a less busy machine",
        code="demo-blind",
    )


def roll_back(project: Project, request: Request, stage: Stage) -> Snapshot:
    """What `lastgood rollback --confirm production --accept-loss N` does.

    The number is what `lastgood db preview` counted, and some more: orders go on coming in.
    """
    commanded_at = now()
    wake(project, linger_s=PATIENCE_S)
    _, copy, loss = preview(project, None, None)
    counted = loss.vanishing or 0
    stage.show_loss(copy.id, loss)
    accepted = Acceptance(rows=counted + MORE_TO_COME)
    stage.tell(
        f"{counted} rows would vanish from the live database, and stay in the replaced one. "
        f"We accept up to {accepted.rows}, since orders go on coming in."
    )
    request = structs.replace(request, acceptance=accepted)
    prepared = asyncio.run(flow.prepare(project, request))
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


def bring_orders_back(
    project: Project, production: Production, last: Snapshot, stage: Stage
) -> Orders | None:
    """The next morning's work, at once: what was written since the backup comes back."""
    swap = next((record for record in last.steps if record.step == SWAP), None)
    if swap is None:
        return None
    register(production, WANTED)
    stage.tell(
        f"Another customer takes the name {WANTED}, which is free again. Then the rows written "
        "since the backup are brought over from the replaced database."
    )
    orders = salvage_orders(project, production, swap)
    stage.show_salvage(orders)
    return orders


def await_stable(project: Project, run_id: str, stage: Stage) -> None:
    """Wait for the end of the stability watch and tell it."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        watch = project.state.watches.of(WatchKind.STABILITY, run_id)[0]
        if watch.state is not WatchState.PENDING:
            stage.tell(f"The stability watch {ENDS[watch.state]} ({watch.samples} looks).")
            return
        time.sleep(0.1)
