"""The documents of a run and of an error keep their keys in every state."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from lastgood.errors import RefusedError
from lastgood.model.plan import Move, Plan, PlanKind, Step, plan_digest
from lastgood.model.run import Outcome, Run, RunState, StepOutcome, StepRecord, StepState
from lastgood.model.verdict import Method
from lastgood.report.documents import error_document, run_document, within_budget

AT = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)


def a_run(outcome: Outcome | None, seconds: float = 2.0) -> Run:
    step = Step(id="precheck", kind="precheck", name="Look", timeout_s=60.0, estimate_s=1.0)
    move = Move(
        service="backend", origin="b" * 40, target="a" * 40, method=Method.ARTIFACT,
        driver="releases",
    )  # fmt: skip
    plan = Plan(
        id="plan-1", kind=PlanKind.ROLLBACK, environment="production", made_at=AT,
        method=Method.ARTIFACT, moves=(move,), steps=(step,), estimate_s=1.0, budget_s=5.0,
        reason="",
    )  # fmt: skip
    over = AT + timedelta(seconds=seconds) if outcome is not None else None
    return Run(
        id="run-1", environment="production", plan=plan, plan_digest=plan_digest(plan), epoch=1,
        state=RunState.OPEN if outcome is None else RunState.ENDED, by="ada", commanded_at=AT,
        tool_version="0", outcome=outcome, ended_at=over,
        proven_at=over if outcome is Outcome.RECOVERED else None,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("run", "within"),
    [
        (a_run(Outcome.RECOVERED), True),
        (a_run(Outcome.RECOVERED, seconds=5.0), True),
        (a_run(Outcome.RECOVERED, seconds=5.1), False),
        (a_run(Outcome.FAILED), False),
        (a_run(None), False),
    ],
)
def test_only_a_recovery_is_within_the_budget(run: Run, within: bool) -> None:  # noqa: FBT001 - a row's value
    assert within_budget(run) is within
    assert run_document(run, (), None, None)["within_budget"] is within


def test_a_run_that_was_not_begun_has_all_its_keys() -> None:
    document = run_document(a_run(None), (), None, None)
    assert document.keys() == {
        *("run", "plan", "environment", "outcome", "code", "seconds", "budget_s"),
        *("within_budget", "steps", "proof", "stability", "report"),
    }
    assert document["outcome"] is None
    assert document["stability"] == {"state": "pending", "until": None}
    (step,) = document["steps"]
    assert step == {
        "id": "precheck", "name": "Look", "outcome": "waiting", "attempts": 0, "seconds": None,
        "error": None, "mend": None,
    }  # fmt: skip


def test_a_steps_attempts_and_outcome_are_told() -> None:
    record = StepRecord(
        run="run-1", step="precheck", state=StepState.FAILED, attempt=2,
        outcome=StepOutcome(
            state=StepState.FAILED, code="child-failed", error="it ended with 1", mend="look at it"
        ),
    )  # fmt: skip
    (step,) = run_document(a_run(Outcome.FAILED), (record,), None, None)["steps"]
    assert (step["outcome"], step["attempts"]) == ("failed", 2)
    assert (step["error"], step["mend"]) == ("it ended with 1", "look at it")


def test_an_error_has_its_four_keys_and_no_other() -> None:
    error = RefusedError("what", cause="why", mend="the next command", code="a-code")
    assert error_document(error) == {
        "error": {"code": "a-code", "message": "what", "cause": "why", "mend": "the next command"}
    }
