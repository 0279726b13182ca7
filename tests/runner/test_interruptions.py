"""What people, full disks, new versions and stopped processes do to a run that is open."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import resource
import signal
from typing import TYPE_CHECKING

import pytest

from lastgood.app import flow
from lastgood.app.project import Project, now
from lastgood.app.runs import following
from lastgood.app.runs.interrupting import cancel, resume, unlock
from lastgood.app.runs.submitting import submit, wake
from lastgood.errors import LastgoodError, RefusedError, StateError
from lastgood.model.run import Outcome, RunState, StepState

if TYPE_CHECKING:
    from tests.runner.conftest import Workshop

pytestmark = [pytest.mark.linux, pytest.mark.timeout(240)]

GOOD, OTHER = "a" * 40, "c" * 40
WAIT = "while [ ! -e go ]; do sleep 0.02; done"
HOSTILE = """
trap '' TERM
setsid sh -c 'trap "" TERM; : > escaped; while :; do sleep 1; done' "$PWD/escapes" &
while [ ! -e go ]; do sleep 0.1; done
"""


def begin_hostile(workshop: Workshop) -> str:
    """A run whose deploy tool ignores SIGTERM and has a child in a session of its own."""
    workshop.mode(HOSTILE)
    run = workshop.begin()
    workshop.wait_for((workshop.folder / "escaped").exists)
    assert len(workshop.children()) >= 3
    return run.id


def test_a_cancelled_run_frees_its_lock_when_its_last_child_is_dead(workshop: Workshop) -> None:
    run = begin_hostile(workshop)
    cancel(workshop.project, None)
    left: list[int] = []

    def ended() -> bool:
        if workshop.lock_holder() is not None:
            return False
        left.extend(workshop.children())
        return True

    workshop.wait_for(ended)
    assert left == []
    ended_run = workshop.project.state.journal.run(run)
    assert (ended_run.outcome, ended_run.code) == (Outcome.CANCELLED, "cancelled")
    assert workshop.effects == []
    states = [record.state for record in workshop.project.state.journal.steps(run)]
    assert states[-3:] == [StepState.CANCELLED] * 3


def test_a_run_whose_runner_is_dead_can_be_cancelled(workshop: Workshop) -> None:
    run = begin_hostile(workshop)
    workshop.kill_runner()
    assert workshop.end(cancel(workshop.project, run)).run.outcome is Outcome.CANCELLED
    assert workshop.lock_holder() is None
    assert workshop.children() == []
    assert workshop.effects == []


def test_who_asks_a_stopped_runner_to_cancel_does_not_wait_for_ever(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "SILENT_S", 1.0)
    workshop.mode(WAIT)
    workshop.begin()
    (stopped,) = workshop.runners()
    os.kill(stopped, signal.SIGSTOP)
    with pytest.raises(LastgoodError) as silent:
        workshop.end(cancel(workshop.project, None))
    assert silent.value.code == "runner-silent"
    assert "lastgood unlock" in silent.value.mend


def test_unlock_ends_what_a_stopped_runner_started_and_the_next_run_has_a_runner(
    workshop: Workshop,
) -> None:
    run = begin_hostile(workshop)
    (stopped,) = workshop.runners()
    os.kill(stopped, signal.SIGSTOP)
    assert asyncio.run(unlock(workshop.project, "its runner hangs")).run == run
    assert workshop.lock_holder() is None
    assert workshop.children() == []
    assert workshop.project.state.journal.run(run).code == "unlocked"

    workshop.mode("")
    assert workshop.end(workshop.submit(workshop.prepare(OTHER))).run.outcome is Outcome.RECOVERED
    os.kill(stopped, signal.SIGCONT)
    workshop.wait_for(lambda: stopped not in workshop.runners())
    assert workshop.effects == [OTHER]


def test_unlock_lets_the_runs_of_other_environments_go_on(workshop: Workshop) -> None:
    """One runner works for all of them, and an unlock takes it away."""
    production = workshop.config.read_text().partition("environments:\n")[2]
    staging = production.replace("production:", "staging:").replace("deploy.sh", "stage.sh")
    workshop.configure(workshop.config.read_text() + staging)
    (workshop.folder / "stage.sh").write_text(f": > staged\n{WAIT}\necho $1 > live\n")
    with contextlib.closing(Project.open(workshop.config, "staging")) as other:
        prepared = asyncio.run(flow.prepare(other, workshop.request(GOOD)))
        run = submit(other, prepared.plan, observation=None, verdict=None, commanded_at=now())
        workshop.wait_for((workshop.folder / "staged").exists)
        workshop.mode("sleep 60")
        workshop.begin()
        asyncio.run(unlock(workshop.project, "wrong release"))
        workshop.tell("go")
        workshop.wait_for(lambda: other.state.journal.run(run.id).state is RunState.ENDED)
        assert other.state.journal.run(run.id).outcome is Outcome.RECOVERED


def test_what_is_to_be_taken_over_does_not_go_on_first(workshop: Workshop) -> None:
    # Looking takes longer than a runner would need to bring the former run to its end.
    slow = workshop.config.read_text().replace('["true"]', "[sleep, '1.5']")
    workshop.configure(slow)
    workshop.mode(WAIT)
    former = workshop.begin()
    workshop.kill_runner()
    workshop.mode("")
    command = workshop.command(
        "rollback", "--to", OTHER, "--take-over", former.id, "--confirm", "production"
    )
    said = workshop.said(command, "err")
    assert command.returncode == 0, said
    assert workshop.effects == [OTHER]


def test_unlock_of_what_is_free_is_refused(workshop: Workshop) -> None:
    with pytest.raises(RefusedError) as refused:
        asyncio.run(unlock(workshop.project, "to be sure"))
    assert refused.value.code == "not-locked"


def test_a_stopped_runner_whose_run_was_taken_over_does_and_writes_nothing_more(
    workshop: Workshop,
) -> None:
    workshop.mode(WAIT)
    former = workshop.begin()
    (stopped,) = workshop.runners()
    os.kill(stopped, signal.SIGSTOP)
    workshop.mode("")
    with pytest.raises(RefusedError) as locked:
        workshop.submit(workshop.prepare(OTHER))
    assert former.id in locked.value.cause

    run = workshop.submit(workshop.prepare(OTHER), take_over=former.id)
    assert workshop.end(run).run.outcome is Outcome.RECOVERED
    journal, events = workshop.project.state.journal, workshop.project.state.events

    def written() -> tuple[object, object, object]:
        return journal.run(former.id), journal.steps(former.id), events.list(run=former.id)

    before = written()
    workshop.tell("go")
    os.kill(stopped, signal.SIGCONT)
    workshop.wait_for(lambda: stopped not in workshop.runners())
    assert written() == before
    assert journal.run(former.id).code == "taken-over"
    assert workshop.effects == [OTHER]


def test_a_full_disk_stops_a_run_and_what_was_done_is_not_done_again(workshop: Workshop) -> None:
    workshop.mode(WAIT)
    run = workshop.begin()
    (runner,) = workshop.runners()
    resource.prlimit(runner, resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
    workshop.tell("go")
    with pytest.raises(LastgoodError) as stopped:
        workshop.end(run)
    assert stopped.value.code == "run-stopped"
    assert "state" in stopped.value.cause
    assert f"{run.id} stopped where it stands" in workshop.log
    assert "Traceback" not in workshop.log
    assert workshop.lock_holder() == run.id
    workshop.wait_until_idle()
    resume(workshop.project, None)
    assert workshop.end(run).run.outcome is Outcome.RECOVERED
    assert workshop.effects == [GOOD]


def test_a_disk_too_full_for_the_log_is_named_by_who_follows(workshop: Workshop) -> None:
    workshop.mode(WAIT)
    run = workshop.begin()
    workshop.kill_runner()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))  # the runners inherit it
    try:
        with pytest.raises(LastgoodError) as dead:
            workshop.end(run)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert dead.value.code == "runner-dies"
    assert os.strerror(errno.EFBIG) in dead.value.cause
    assert "make room" in dead.value.mend
    assert workshop.effects == []


def test_a_state_folder_that_vanishes_in_mid_run_ends_the_child_and_is_an_error(
    workshop: Workshop,
) -> None:
    workshop.mode(WAIT)
    run = workshop.begin()
    state, aside = workshop.folder / ".lastgood", workshop.folder / "aside"
    state.rename(aside)
    with pytest.raises(StateError) as unreachable:
        workshop.end(run)
    assert str(state) in unreachable.value.cause
    workshop.wait_for(lambda: not workshop.children() and not workshop.runners())
    assert workshop.effects == []
    aside.rename(state)
    workshop.tell("go")
    resume(workshop.project, None)
    assert workshop.end(run).run.outcome is Outcome.RECOVERED
    assert workshop.effects == [GOOD]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ("UPDATE runs SET plan = replace(plan, '\"prove\"', '\"pray\"')", "unknown-step"),
        ("UPDATE runs SET tool_version = '0.0.9'", "other-version"),
    ],
)
def test_another_version_refuses_to_go_on_with_a_run_but_can_cancel_it(
    workshop: Workshop, change: str, code: str
) -> None:
    workshop.mode(WAIT)
    run = workshop.begin()
    workshop.kill_runner()
    workshop.change(change)
    with pytest.raises(RefusedError) as refused:
        resume(workshop.project, None)
    assert refused.value.code == code
    assert "--take-over" in refused.value.mend
    with pytest.raises(LastgoodError) as stopped:
        workshop.end(run)
    assert stopped.value.code == "run-stopped"
    assert workshop.lock_holder() == run.id
    assert workshop.end(cancel(workshop.project, None)).run.outcome is Outcome.CANCELLED
    assert workshop.effects == []


def test_a_changed_configuration_stops_a_begun_run_until_it_is_put_back(
    workshop: Workshop,
) -> None:
    workshop.mode(WAIT)
    run = workshop.begin()
    workshop.kill_runner()
    workshop.tell("go")
    former = workshop.config.read_text()
    workshop.config.write_text(former.replace("[cat, live]", "[cat, other]"))
    with pytest.raises(LastgoodError) as stopped:
        workshop.end(run)
    assert "configuration was changed" in stopped.value.cause
    # A runner that gave a run up tells so once, and does not try again by itself.
    wake(workshop.project, linger_s=0.5)
    workshop.wait_until_idle()
    assert 1 <= workshop.log.count("stopped where it stands") <= 2
    workshop.config.write_text(former)
    resume(workshop.project, None)
    assert workshop.end(run).run.outcome is Outcome.RECOVERED
    assert workshop.effects == [GOOD]


def test_a_configuration_changed_before_anything_began_refuses_the_run(
    workshop: Workshop,
) -> None:
    prepared = workshop.prepare()
    workshop.config.write_text(workshop.config.read_text().replace("1s", "2s"))
    last = workshop.end(workshop.submit(prepared))
    assert (last.run.outcome, last.run.code) == (Outcome.REFUSED, "config-changed")
    assert last.run.state is RunState.ENDED
    assert workshop.lock_holder() is None
    assert workshop.effects == []
