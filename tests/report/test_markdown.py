"""The report of a run is the same text whatever others called things."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from lastgood.model.event import Event
from lastgood.model.noun import to_json
from lastgood.model.plan import CommitLine, Move, Plan, PlanKind, Step, plan_digest
from lastgood.model.proof import Proof, ServiceProof
from lastgood.model.repair import Repair, TableRepair
from lastgood.model.report import Milestones, Report
from lastgood.model.run import Outcome, Run, RunState, StepOutcome, StepRecord, StepState
from lastgood.model.salvage import Conflict, Hindrance
from lastgood.model.verdict import Method
from lastgood.report.markdown import markdown

AT = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
CHANGES = ("hold:backend", "deploy:backend")
HOSTILE = "a|b\n# Not a heading `code` <script> [x](http://evil) *bold*"


def a_report(outcome: Outcome | None, *done: str) -> Report:
    move = Move(
        service="backend", origin="b" * 40, target="a" * 40, method=Method.TREE, driver="git",
        dropped=(CommitLine(commit="c" * 40, subject=HOSTILE, author=HOSTILE, at=AT),),
        migrations=(HOSTILE,),
    )  # fmt: skip
    step = Step(id="verify", kind="verify", name=HOSTILE, timeout_s=60.0, estimate_s=1.0)
    plan = Plan(
        id="plan-1", kind=PlanKind.ROLLBACK, environment="production", made_at=AT,
        method=Method.TREE, moves=(move,), steps=(step,), estimate_s=1.0, budget_s=300.0,
        reason=HOSTILE, holds={"backend": "b" * 40},
    )  # fmt: skip
    proof = Proof(
        at=AT, proven=False, code="wrong-version",
        services=(
            ServiceProof(
                service="backend", expected=("a" * 40,), answering={HOSTILE: HOSTILE},
                proven=False, scope="one address",
            ),
        ),
    )  # fmt: skip
    run = Run(
        id="run-1", environment="production", plan=plan, plan_digest=plan_digest(plan), epoch=1,
        state=RunState.OPEN if outcome is None else RunState.ENDED, by=HOSTILE, commanded_at=AT,
        tool_version="0", outcome=outcome, ended_at=AT, proof=proof, code="wrong-version",
    )  # fmt: skip
    event = Event(
        seq=1, at=AT, kind="incident.noted", actor=HOSTILE, text=HOSTILE,
        previous="0" * 64, hash="f" * 64,
    )  # fmt: skip
    return Report(
        made_at=AT, project="shop", environment="production", run=run,
        steps=tuple(map(a_record, done)),
        milestones=Milestones(), timeline=(event,), verdict=None, stability=None,
    )  # fmt: skip


def a_record(step: str, state: StepState = StepState.DONE) -> StepRecord:
    return StepRecord(
        run="run-1", step=step, state=state, attempt=1, started_at=AT,
        outcome=StepOutcome(state=state),
    )  # fmt: skip


def test_outside_text_stays_text() -> None:
    lines = markdown(a_report(Outcome.FAILED, *CHANGES)).splitlines()
    assert not [line for line in lines if line.startswith("# Not")]
    for line in lines:
        assert "](http" not in line.replace("\\](http", "")
        assert "<script" not in line.replace("\\<script", "")
        if line.startswith("| ") and "Not a heading" in line:
            assert "a\\|b" in line


def test_a_failure_is_named() -> None:
    told = markdown(a_report(Outcome.FAILED, *CHANGES))
    assert "**Failed**" in told
    assert "Code: `wrong-version`." in told
    assert "Not proven at 2026-11-22 03:00:00" in told
    assert f"`{'b' * 12}` is held" in told
    assert "dropped with it" in told
    assert "stays applied: migration" in told


def test_only_what_was_done_was_changed() -> None:
    untouched = markdown(a_report(Outcome.REFUSED))
    assert "## What was changed\n\nNothing.\n" in untouched
    held = markdown(a_report(Outcome.FAILED, "hold:backend"))
    assert f"`{'b' * 12}` is held" in held
    assert f"to `{'a' * 12}` by tree" not in held
    assert f"to `{'a' * 12}` by tree (git)\n" in markdown(a_report(Outcome.FAILED, *CHANGES))
    halfway = msgspec.structs.replace(
        a_report(Outcome.FAILED), steps=(a_record("deploy:backend", StepState.FAILED),)
    )
    assert f"to `{'a' * 12}` by tree (git): begun, not finished" in markdown(halfway)


def test_a_run_that_is_not_over_says_what_to_do() -> None:
    told = markdown(a_report(None))
    assert "**not over**" in told
    assert "`lastgood resume`" in told
    assert "not known or not reached" in told


def test_what_was_repaired_without_a_run_is_in_the_incidents_report() -> None:
    conflict = Conflict(key={"id": HOSTILE}, why=Hindrance.TAKEN, said="users_email_key")
    table = TableRepair(table="public.users", overwritten=7, returned=2, left=1,
                        conflicts=(conflict,))  # fmt: skip
    report = a_report(Outcome.RECOVERED)
    event = msgspec.structs.replace(
        report.timeline[0],
        kind="database.repaired",
        data={"repair": to_json(Repair(tables=(table,), before="20261122T030000.000Z-0a1b2c3d"))},
    )
    told = markdown(msgspec.structs.replace(report, timeline=(event,)))
    assert "| public.users | 7 | 2 | 0 | 1 | 0 |" in told
    assert "`lastgood db undo --repair 20261122T030000.000Z-0a1b2c3d`" in told
    assert "users\\_email\\_key" in told
    assert "<script" not in told.replace("\\<script", "")
