"""The end of a run: its outcome, what the ledger learns, the lock, and what is watched next."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from lastgood.app.project import now
from lastgood.model.lock import Lease
from lastgood.model.noun import from_json
from lastgood.model.plan import PlanKind
from lastgood.model.proof import Proof
from lastgood.model.release import GoodEvidence, Standing
from lastgood.model.run import Outcome, StepState
from lastgood.model.watch import WatchKind

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from lastgood.model.plan import Move
    from lastgood.model.release import Release
    from lastgood.model.run import Run, StepOutcome
    from lastgood.store.state import State


def settle(
    state: State,
    run: Run,
    outcomes: Mapping[str, StepOutcome],
    *,
    newest_proof: Proof | None,
    stability_s: float | None,
) -> Run:
    """Write the end of a run in one transaction: a crash leaves it open, or ended and unlocked.

    Args:
        state: the store.
        run: the run that came to its end.
        outcomes: how each of its steps ended.
        newest_proof: the last look, kept as evidence where the run did not come to a proof.
        stability_s: how long the environment is watched from now on; None where it has no checks
            that could show anything.

    Raises:
        StaleLeaseError: the run was taken over; nothing was written.
    """
    at = now()
    outcome, code = judge_outcomes(outcomes)
    proof = last_proof(outcomes) or newest_proof
    lease = Lease(environment=run.environment, run=run.id, epoch=run.epoch)
    with state.transaction():
        state.locks.check(lease)
        recovered = outcome is Outcome.RECOVERED
        proven_at = proof.at if recovered and proof else None
        state.journal.end_run(
            run.id, outcome=outcome, code=code, at=at, proof=proof, proven_at=proven_at
        )
        for move in run.plan.moves:
            deployed = outcomes.get(f"deploy:{move.service}")
            if deployed is not None and deployed.state is StepState.DONE:
                _record(state, run, move, deployed.detail.get("version", move.target), at)
        if recovered and stability_s is not None:
            _watch_stability(state, run, at, stability_s)
        ended = state.journal.run(run.id)
        took = f" in {ended.seconds:.1f} s" if ended.seconds is not None else ""
        state.events.append(
            "run.ended", "lastgood", f"{run.plan.kind} {outcome.value}{took}",
            at=at, environment=run.environment, incident=run.incident, run=run.id,
            data={"outcome": outcome.value, "code": code},
        )  # fmt: skip
        # Released last: until here nobody else may begin.
        state.locks.release(lease)
    return ended


def judge_outcomes(outcomes: Mapping[str, StepOutcome]) -> tuple[Outcome, str]:
    """A run's outcome and code from those of its steps."""
    states = {outcome.state for outcome in outcomes.values()}
    if states <= {StepState.DONE}:
        return Outcome.RECOVERED, "proven"
    failed = [o for o in outcomes.values() if o.state is StepState.FAILED]
    if outcomes.get("precheck") in failed:
        return Outcome.REFUSED, outcomes["precheck"].code
    if StepState.CANCELLED in states and not failed:
        return Outcome.CANCELLED, "cancelled"
    return Outcome.FAILED, next((o.code for o in failed if o.code), "failed")


def last_proof(outcomes: Mapping[str, StepOutcome]) -> Proof | None:
    """The proof that the `verify` step came to."""
    verified = outcomes.get("verify")
    text = verified.detail.get("proof") if verified else None
    return from_json(text, Proof) if text else None


def _record(state: State, run: Run, move: Move, version: str, at: datetime) -> None:
    """The ledger learns what is live; a new commit with a known good tree is known good too.

    What a drop leaves is no release's tree: nobody has seen it run before, so it has to soak.
    """
    ledger = state.ledger
    made = version != move.target and move.drop is None
    ledger.record_deployment(
        run.environment,
        move.service,
        version,
        at=at,
        by=run.by,
        source="rollback",
        run=run.id,
        same_tree_as=move.target if made else None,
    )
    target = ledger.release(run.environment, move.service, move.target)
    if made and target and target.standing is Standing.KNOWN_GOOD:
        evidence = GoodEvidence(
            kind="rollback",
            at=at,
            by=run.id,
            reason=f"carries the tree of {move.target[:12]}, which is known good",
        )
        ledger.set_standing(run.environment, move.service, version, Standing.KNOWN_GOOD, evidence)
    if run.plan.kind is PlanKind.UNDO and target and _was_rolled_back(target):
        # That was the mistake; whether it is good it has yet to show.
        evidence = GoodEvidence(
            kind="deployment", at=at, by=run.by, reason=f"put back by undo: {run.plan.reason}"
        )
        ledger.set_standing(run.environment, move.service, version, Standing.CANDIDATE, evidence)
    replaced = move.origin
    if run.plan.kind is PlanKind.ROLLBACK and replaced == run.plan.holds.get(move.service, ""):
        # On the first night the ledger may never have heard of it.
        ledger.import_release(run.environment, move.service, replaced, at=at)
        evidence = GoodEvidence(
            kind="rollback", at=at, by=run.by, reason=run.plan.reason or "it was rolled back"
        )
        ledger.set_standing(run.environment, move.service, replaced, Standing.BAD, evidence)


def _was_rolled_back(release: Release) -> bool:
    """Whether only a rollback made it bad: what a person said stands until a person speaks."""
    bad = release.standing is Standing.BAD
    return bad and release.evidence is not None and release.evidence.kind == "rollback"


def _watch_stability(state: State, run: Run, at: datetime, stability_s: float) -> None:
    for former in (WatchKind.STABILITY, WatchKind.SOAK, WatchKind.HOTFIX):
        state.watches.supersede(run.environment, former)
    state.watches.add(
        run.environment,
        WatchKind.STABILITY,
        run.id,
        since=at,
        until=at + timedelta(seconds=stability_s),
    )
