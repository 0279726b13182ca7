"""The JSON documents of the command line contract, made from nouns.

These keys are used from outside: add to them, rename and remove nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from lastgood.model.run import Outcome, StepState
from lastgood.model.watch import WatchState

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from lastgood.errors import LastgoodError
    from lastgood.model.observation import Observation
    from lastgood.model.plan import Plan
    from lastgood.model.release import Release
    from lastgood.model.run import Run, StepRecord
    from lastgood.model.verdict import Verdict
    from lastgood.model.watch import Watch

Document = dict[str, Any]


def plain(value: object) -> Any:  # noqa: ANN401 - JSON is untyped
    """A noun as plain JSON values."""
    return msgspec.to_builtins(value)


def error_document(error: LastgoodError) -> Document:
    """`{error: {code, message, cause, mend}}`."""
    return {
        "error": {
            "code": error.code,
            "message": error.message,
            "cause": error.cause,
            "mend": error.mend,
        }
    }


def check_document(observation: Observation) -> Document:
    """What `check` answers."""
    checks = [
        {
            "name": result.name,
            "service": ", ".join(observation.check_services.get(result.name, ())) or None,
            "ok": result.ok,
            "status": result.status,
            "latency_ms": result.latency_ms,
            "version": result.version,
            "error": result.error,
            "state": observation.healths[result.name].state
            if result.name in observation.healths
            else None,
            "address": result.address,
        }
        for result in observation.results
    ]
    return {
        "environment": observation.environment,
        "healthy": observation.healthy,
        "checks": checks,
        "signals": plain(observation.signals),
        "services": plain(observation.services),
    }


def releases_document(
    releases: Iterable[Release],
    deployed: Mapping[str, datetime],
    live: Mapping[str, str],
    held: Iterable[str],
) -> Document:
    """What `releases list` answers.

    Args:
        releases: newest deployment first.
        deployed: when each release id was last deployed.
        live: the live commit of each service.
        held: the ids of held releases.
    """
    marked = set(held)
    rows = [
        {
            "id": release.id,
            "service": release.service,
            "commit": release.commit,
            "deployed_at": plain(deployed.get(release.id)),
            "live": live.get(release.service) == release.commit,
            "state": release.standing,
            "held": release.id in marked,
            "evidence": plain(release.evidence),
            "artifact": release.artifact,
            "same_tree_as": release.same_tree_as,
        }
        for release in releases
    ]
    return {"releases": rows}


def verdict_document(verdict: Verdict) -> Document:
    """What `decide` answers."""
    return {
        "environment": verdict.environment,
        "verdict": verdict.decision,
        "method": verdict.method,
        "reasons": list(verdict.reasons),
        "evidence": plain(verdict.evidence),
        "path": plain(verdict.path),
        "services": list(verdict.services),
        "impact_start": plain(verdict.impact_start),
        "at": plain(verdict.at),
    }


def plan_document(plan: Plan) -> Document:
    """What `plan` and every `--dry-run` answer."""
    return {
        "id": plan.id,
        "environment": plan.environment,
        "method": plan.method,
        "services": [
            {
                "name": move.service,
                "from": move.origin,
                "to": move.target,
                "method": move.method,
                "driver": move.driver,
                "dropped": plain(move.dropped),
                "migrations": list(move.migrations),
            }
            for move in plan.moves
        ],
        "steps": [
            {
                "id": step.id,
                "name": step.name,
                "kind": step.kind,
                "after": list(step.after),
                "estimate_s": step.estimate_s,
            }
            for step in plan.steps
        ],
        "estimate_s": plan.estimate_s,
        "budget_s": plan.budget_s,
        "fits_budget": plan.fits_budget,
        "loss": plan.loss,
        "databases": plain(plan.exchanges),
        "warnings": plain(plan.warnings),
        "refusals": plain(plan.refusals),
    }


def run_document(
    run: Run, steps: Sequence[StepRecord], stability: Watch | None, report: str | None
) -> Document:
    """What `rollback`, `undo`, `resume` and `demo` answer."""
    seconds = run.seconds
    records = {record.step: record for record in steps}
    return {
        "run": run.id,
        "plan": run.plan.id,
        "environment": run.environment,
        "outcome": run.outcome,
        "code": run.code,
        "seconds": seconds,
        "budget_s": run.plan.budget_s,
        "within_budget": within_budget(run),
        "steps": [
            {
                "id": step.id,
                "name": step.name,
                "outcome": records[step.id].state if step.id in records else StepState.WAITING,
                "attempts": records[step.id].attempt if step.id in records else 0,
                "seconds": records[step.id].seconds if step.id in records else None,
                "error": _said(records.get(step.id), "error"),
                "mend": _said(records.get(step.id), "mend"),
            }
            for step in run.plan.steps
        ],
        "proof": plain(run.proof),
        "stability": {
            "state": stability.state if stability else WatchState.PENDING,
            "until": plain(stability.until) if stability else None,
        },
        "report": report,
    }


def _said(record: StepRecord | None, part: str) -> str | None:
    """What a step's outcome says of its failure; None without one."""
    return getattr(record.outcome, part) or None if record and record.outcome else None


def within_budget(run: Run) -> bool:
    """Whether it recovered in no more than the budget's seconds."""
    return (
        run.outcome is Outcome.RECOVERED
        and run.seconds is not None
        and run.seconds <= run.plan.budget_s
    )
