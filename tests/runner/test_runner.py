"""The detached runner for real: it outlives its command, ends when idle, and loses nothing."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from typing import TYPE_CHECKING

import pytest

from lastgood.app.project import now
from lastgood.app.runs import running
from lastgood.app.runs.interrupting import resume
from lastgood.app.runs.running import Work
from lastgood.app.runs.submitting import wake
from lastgood.engine.direct.spawn import runner_lives
from lastgood.errors import LastgoodError, RefusedError, StateError
from lastgood.model.run import Outcome, RunState
from lastgood.model.watch import WatchKind

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.runner.conftest import Workshop

pytestmark = [pytest.mark.linux, pytest.mark.timeout(240)]

BAD, GOOD, OTHER = "b" * 40, "a" * 40, "c" * 40
WAIT = "while [ ! -e go ]; do sleep 0.02; done"


def test_it_outlives_its_command_ends_when_idle_and_is_started_again(workshop: Workshop) -> None:
    workshop.mode(WAIT)
    command = workshop.command("rollback", "--to", GOOD, "--confirm", "production")
    workshop.wait_for((workshop.folder / "begun").exists)
    (runner,) = workshop.runners()
    assert os.getsid(runner) == runner
    os.killpg(command.pid, signal.SIGKILL)
    command.wait()
    workshop.tell("go")
    (run,) = workshop.project.state.journal.runs()
    workshop.wait_for(lambda: workshop.project.state.journal.run(run.id).state is RunState.ENDED)
    assert workshop.project.state.journal.run(run.id).outcome is Outcome.RECOVERED
    workshop.wait_until_idle()
    log = workshop.folder / ".lastgood" / "runner.log"
    assert log.stat().st_mode & 0o777 == 0o600
    assert workshop.log == ""

    again = workshop.end(workshop.submit(workshop.prepare(OTHER)))
    assert again.run.outcome is Outcome.RECOVERED
    assert workshop.effects == [GOOD, OTHER]


def test_one_that_was_started_early_is_gone_soon_after_its_work(workshop: Workshop) -> None:
    prepared = workshop.prepare()
    wake(workshop.project, linger_s=3600)
    assert workshop.end(workshop.submit(prepared)).run.outcome is Outcome.RECOVERED
    workshop.wait_until_idle()


def test_of_eight_rollbacks_at_once_one_wins_and_the_others_hear_whose_turn_it_is(
    workshop: Workshop,
) -> None:
    workshop.mode(WAIT)
    commands = [
        workshop.command("rollback", "--to", GOOD, "--confirm", "production", "--json")
        for _ in range(8)
    ]
    workshop.wait_for(lambda: sum(command.poll() is not None for command in commands) == 7)
    workshop.tell("go")
    answers = [(workshop.said(command), command.returncode) for command in commands]
    assert sorted(code for _, code in answers) == [0, 5, 5, 5, 5, 5, 5, 5]
    (run,) = workshop.project.state.journal.runs()
    for out, code in answers:
        document = json.loads(out)
        if code == 0:
            assert document["run"] == run.id
            continue
        error = document["error"]
        assert error["code"] == "locked"
        assert run.id in error["cause"]
        assert f"since {run.commanded_at:%Y-%m-%d}" in error["cause"]
    assert workshop.effects == [GOOD]


def test_eight_deployments_recorded_at_once_are_all_watched_by_one_runner(
    workshop: Workshop,
) -> None:
    commands = [
        workshop.command("deployment", "record", "--service", "backend", "--commit", digit * 40)
        for digit in "12345678"
    ]
    seen: set[int] = set()

    def ended() -> bool:
        runners = workshop.runners()
        seen.update(runners)
        assert len(runners) <= 1
        return all(command.poll() is not None for command in commands)

    workshop.wait_for(ended)
    assert [workshop.said(c, "err") for c in commands if c.returncode] == []
    state = workshop.project.state
    (watch,) = state.watches.pending("production")  # the others were superseded by the newest
    (workshop.folder / "live").write_text(watch.subject)
    workshop.wait_for(lambda: not state.watches.pending("production"))
    assert {d.commit for d in state.ledger.deployments("production")} >= {
        digit * 40 for digit in "12345678"
    }
    workshop.wait_until_idle()
    assert len(seen) == 1


def test_a_worker_takes_over_from_a_dead_runner_at_once(workshop: Workshop) -> None:
    workshop.mode(WAIT)
    run = workshop.begin()
    worker = workshop.command("worker")
    workshop.kill_runner()
    workshop.tell("go")
    journal = workshop.project.state.journal
    workshop.wait_for(lambda: journal.run(run.id).state is RunState.ENDED)
    assert journal.run(run.id).outcome is Outcome.RECOVERED
    assert workshop.effects == [GOOD]
    os.kill(worker.pid, signal.SIGTERM)
    assert worker.wait(60) == 0


def test_a_worker_never_gives_a_watch_up(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is there for months: whatever is broken for a while is mended one day."""
    run = workshop.submit(workshop.prepare())
    workshop.end(run)
    workshop.wait_until_idle()
    monkeypatch.setattr(running, "REST_S", 0.001)
    watches = workshop.project.state.watches
    former = workshop.config.read_text()

    async def until(true: Callable[[], object]) -> None:
        await asyncio.to_thread(workshop.wait_for, true)

    async def work() -> None:
        serving = asyncio.create_task(running.serve(workshop.project))
        await until(lambda: runner_lives(workshop.project.state_folder))
        workshop.config.write_text("nonsense")
        watches.add("production", WatchKind.STABILITY, run.id, since=now(), until=now())
        await until(lambda: workshop.log.count("production failed") > running.FAILURES)
        workshop.config.write_text(former)
        await until(lambda: not watches.pending("production"))
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)

    asyncio.run(work())


def test_what_nobody_worked_on_for_long_waits_for_a_person(workshop: Workshop) -> None:
    workshop.mode(WAIT)
    run = workshop.begin()
    workshop.kill_runner()
    old = "2026-03-05T12:00:00.000000Z"
    workshop.change("UPDATE runs SET commanded_at = ?", old)
    workshop.change("UPDATE steps SET touched_at = ?", old)
    workshop.tell("go")
    wake(workshop.project, linger_s=0.1)
    workshop.wait_until_idle()
    assert workshop.project.state.journal.run(run.id).state is RunState.OPEN
    assert workshop.effects == []
    resume(workshop.project, None)
    assert workshop.end(run).run.outcome is Outcome.RECOVERED
    assert workshop.effects == [GOOD]


def test_to_resume_nothing_is_refused(workshop: Workshop) -> None:
    with pytest.raises(RefusedError) as refused:
        resume(workshop.project, None)
    assert refused.value.code == "nothing-open"


def test_who_does_not_find_a_runner_alive_says_so(workshop: Workshop) -> None:

    workshop.mode("kill -9 $(cut -d' ' -f4 /proc/$PPID/stat)\nsleep 60\n")
    run = workshop.submit(workshop.prepare())
    with pytest.raises(LastgoodError) as dead:
        workshop.end(run)
    assert dead.value.code == "runner-dies"
    assert workshop.lock_holder() == run.id


def test_a_state_that_was_taken_away_is_not_made_again(workshop: Workshop) -> None:
    """Who removes it, as the end of a demo does, must not find an empty one a moment later."""
    work = Work(workshop.config, workshop.project.name, os.open(workshop.folder, os.O_RDONLY))
    asyncio.run(work.until_deposed())  # at once: its lock is not the runner's
    with pytest.raises(StateError) as raised:
        work._take_up()
    assert raised.value.code == "no-state"
    assert not (workshop.folder / ".lastgood").exists()
