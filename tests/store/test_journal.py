from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from lastgood.errors import ExitCode, RefusedError, StateError
from lastgood.model.observation import Observation
from lastgood.model.proof import Proof
from lastgood.model.run import Outcome, Run, StepOutcome, StepRecord, StepState
from lastgood.model.verdict import Decision, Method, Verdict
from lastgood.store.journal import Duration, new_run_id

if TYPE_CHECKING:
    from collections.abc import Callable

    from lastgood.store.journal import Journal
    from lastgood.store.state import State

SECOND = timedelta(seconds=1)
DONE = StepOutcome(state=StepState.DONE, detail={"answers": "a" * 40})
FAILED = StepOutcome(state=StepState.FAILED, error="no", mend="try", code="remote")


@pytest.fixture
def journal(state: State) -> Journal:
    return state.journal


@pytest.fixture
def run(journal: Journal, make_run: Callable[..., Run]) -> Run:
    made = make_run()
    journal.create_run(made)
    return made


def test_a_run_id_says_when(now: datetime) -> None:
    assert re.fullmatch(r"run-20261122-105301-[0-9a-f]{4}", new_run_id(now))


def test_a_run_is_read_as_it_was_written(
    journal: Journal, make_run: Callable[..., Run], now: datetime
) -> None:
    run = make_run(
        incident="inc-1",
        epoch=3,
        tool_version="0.1.0",
        before=Observation(environment="production", at=now),
        verdict=Verdict(
            environment="production",
            at=now,
            decision=Decision.ROLLBACK,
            method=Method.TREE,
            reasons=("over half",),
        ),
    )
    journal.create_run(run)
    assert journal.run(run.id) == run


def test_its_steps_wait_in_the_plans_order(journal: Journal, run: Run) -> None:
    assert journal.steps(run.id) == [
        StepRecord(run=run.id, step=step, state=StepState.WAITING)
        for step in ("lock", "deploy:backend", "verify")
    ]


def test_an_unknown_run_names_the_nearest(journal: Journal, make_run: Callable[..., Run]) -> None:
    with pytest.raises(RefusedError) as caught:
        journal.run("run-20261122-105301-ab12")
    assert caught.value.cause == "nothing was run yet"
    journal.create_run(make_run(id="run-20261122-105301-ab12"))
    with pytest.raises(RefusedError) as caught:
        journal.run("run-20261122-105301-ab21")
    assert (caught.value.code, caught.value.exit_code) == ("unknown-run", ExitCode.REFUSED)
    assert "run-20261122-105301-ab12" in caught.value.cause


def test_runs_are_listed_newest_first_and_open_ones_oldest_first(
    journal: Journal, make_run: Callable[..., Run], now: datetime
) -> None:
    for number in range(3):
        journal.create_run(make_run(id=f"run-{number}", commanded_at=now + number * SECOND))
    journal.create_run(make_run(id="run-s", environment="staging"))
    journal.end_run("run-1", outcome=Outcome.FAILED, code="remote", at=now)
    assert [r.id for r in journal.runs("production")] == ["run-2", "run-1", "run-0"]
    assert [r.id for r in journal.runs("production", limit=1)] == ["run-2"]
    assert [r.id for r in journal.open_runs("production")] == ["run-0", "run-2"]
    assert {r.id for r in journal.open_runs()} == {"run-0", "run-2", "run-s"}


def test_a_step_goes_from_waiting_to_its_outcome(journal: Journal, run: Run, now: datetime) -> None:
    started = journal.start_step(run.id, "lock", 1, now)
    assert (started.state, started.attempt, started.started_at) == (StepState.RUNNING, 1, now)
    assert journal.note_step(run.id, "lock", "asking").note == "asking"
    again = journal.start_step(run.id, "lock", 2, now + SECOND)
    assert (again.attempt, again.started_at) == (2, now)
    assert journal.finish_step(run.id, "lock", DONE, now + 3 * SECOND) == DONE
    record = journal.step(run.id, "lock")
    assert (record.state, record.outcome, record.seconds) == (StepState.DONE, DONE, 3.0)


def test_an_outcome_is_never_replaced_by_a_different_one(
    journal: Journal, run: Run, now: datetime
) -> None:
    journal.start_step(run.id, "lock", 1, now)
    journal.finish_step(run.id, "lock", DONE, now)
    written = journal.step(run.id, "lock")
    assert journal.finish_step(run.id, "lock", FAILED, now + SECOND) == DONE
    assert journal.start_step(run.id, "lock", 2, now + SECOND) == written
    assert journal.note_step(run.id, "lock", "late") == written


def test_a_step_may_end_without_having_begun(journal: Journal, run: Run, now: datetime) -> None:
    skipped = StepOutcome(state=StepState.SKIPPED)
    assert journal.finish_step(run.id, "verify", skipped, now) == skipped
    assert journal.step(run.id, "verify").seconds is None


@pytest.mark.parametrize("going", [StepState.WAITING, StepState.RUNNING])
def test_what_goes_on_is_no_outcome(
    journal: Journal, run: Run, now: datetime, going: StepState
) -> None:
    with pytest.raises(ValueError, match="no outcome"):
        journal.finish_step(run.id, "lock", StepOutcome(state=going), now)
    assert journal.step(run.id, "lock").state is StepState.WAITING


def test_a_step_that_the_plan_does_not_name(journal: Journal, run: Run, now: datetime) -> None:
    with pytest.raises(StateError) as caught:
        journal.start_step(run.id, "launch", 1, now)
    assert caught.value.code == "unknown-step"


def test_hostile_words_do_not_stop_the_journal(journal: Journal, run: Run, now: datetime) -> None:
    outcome = StepOutcome(
        state=StepState.FAILED,
        error="\x1b]0;x\x07odd\udc80",
        mend="\x9b2J",
        detail={"p": "\udcff/"},
    )
    recorded = journal.finish_step(run.id, "lock", outcome, now)
    assert recorded.error.startswith("odd")
    assert recorded.detail == {"p": "?/"}
    assert journal.step(run.id, "lock").outcome == recorded
    assert "\x1b" not in journal.note_step(run.id, "verify", "\x1b[31mred\udc80").note


def test_a_run_ends_once(journal: Journal, run: Run, now: datetime) -> None:
    proof = Proof(at=now, proven=True, code="proven")
    ended = journal.end_run(
        run.id,
        outcome=Outcome.RECOVERED,
        code="",
        at=now + 2 * SECOND,
        proof=proof,
        proven_at=now + SECOND,
    )
    assert (ended.outcome, ended.proof, ended.seconds) == (Outcome.RECOVERED, proof, 1.0)
    again = journal.end_run(run.id, outcome=Outcome.FAILED, code="late", at=now + 3 * SECOND)
    assert again == ended
    assert journal.run(run.id) == ended


def test_proof_and_end_are_written_together(journal: Journal, run: Run, now: datetime) -> None:
    proof = Proof(at=now, proven=False, code="unproven")
    ended = journal.end_run(run.id, outcome=Outcome.FAILED, code="unproven", at=now, proof=proof)
    assert (ended.proof, ended.proven_at, ended.code) == (proof, None, "unproven")


def test_a_clock_that_was_set_back_makes_nothing_take_less_than_no_time(
    journal: Journal, run: Run, now: datetime
) -> None:
    """Estimates are made of these: a negative one would let any plan fit the budget."""
    journal.start_step(run.id, "verify", 1, now)
    earlier = now - timedelta(hours=1)
    journal.finish_step(run.id, "verify", DONE, earlier)
    assert journal.step(run.id, "verify").seconds == 0.0
    ended = journal.end_run(run.id, outcome=Outcome.FAILED, code="failed", at=earlier)
    assert ended.seconds == 0.0


def test_the_first_asking_to_cancel_counts(journal: Journal, run: Run, now: datetime) -> None:
    asked = journal.request_cancel(run.id, "ada", now)
    assert (asked.cancel_at, asked.cancel_by) == (now, "ada")
    assert journal.request_cancel(run.id, "bob", now + SECOND) == asked


def test_an_ended_run_is_neither_cancelled_nor_resumed(
    journal: Journal, run: Run, now: datetime
) -> None:
    ended = journal.end_run(run.id, outcome=Outcome.RECOVERED, code="", at=now)
    assert journal.request_cancel(run.id, "ada", now) == ended
    assert journal.mark_resumed(run.id, now) == ended
    assert journal.set_epoch(run.id, 9) == ended


def test_an_open_run_is_resumed_at_a_new_epoch(journal: Journal, run: Run, now: datetime) -> None:
    assert journal.mark_resumed(run.id, now).resumed_at == now
    assert journal.set_epoch(run.id, 4).epoch == 4


def test_the_last_activity_is_the_newest_of_all(journal: Journal, run: Run, now: datetime) -> None:
    assert journal.last_activity(run.id) == now
    journal.start_step(run.id, "lock", 1, now + SECOND)
    assert journal.last_activity(run.id) == now + SECOND
    journal.mark_resumed(run.id, now + 2 * SECOND)
    assert journal.last_activity(run.id) == now + 2 * SECOND
    before = datetime.now(UTC)
    journal.note_step(run.id, "lock", "going on")
    assert journal.last_activity(run.id) >= min(before, now + 2 * SECOND)
    with pytest.raises(RefusedError):
        journal.last_activity("run-none")


def test_durations_are_of_steps_that_were_applied(
    journal: Journal, make_run: Callable[..., Run], now: datetime
) -> None:
    for number in range(3):
        run = make_run(id=f"run-{number}", commanded_at=now + number * SECOND)
        journal.create_run(run)
        journal.start_step(run.id, "lock", 1, now)
        journal.finish_step(run.id, "lock", DONE, now + (number + 1) * SECOND)
        journal.start_step(run.id, "deploy:backend", 1, now)
        journal.finish_step(run.id, "deploy:backend", DONE, now + 10 * SECOND)
        found = StepOutcome(state=StepState.DONE, found_done=True)
        journal.finish_step(run.id, "verify", found, now + SECOND)
        if number < 2:  # the newest is open: it may still be slow
            journal.end_run(run.id, outcome=Outcome.RECOVERED, code="", at=now + 11 * SECOND)
    deploy = Duration("deploy", "backend", "artifact", 10.0)
    assert journal.durations("production") == [
        Duration("lock", None, "tree", 2.0),
        deploy,
        Duration("lock", None, "tree", 1.0),
        deploy,
    ]
    assert journal.durations("production", limit=1)[0].seconds == 2.0
    assert journal.durations("staging") == []


def test_a_failed_step_gives_no_duration(journal: Journal, run: Run, now: datetime) -> None:
    journal.start_step(run.id, "lock", 1, now)
    journal.finish_step(run.id, "lock", FAILED, now + SECOND)
    journal.end_run(run.id, outcome=Outcome.FAILED, code="remote", at=now)
    assert journal.durations("production") == []
