"""Killed: the runner, the guard, both; nothing is left alive, nothing is doubled."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import TYPE_CHECKING

import pytest

from lastgood.errors import ChildError, StaleLeaseError, StateError
from lastgood.process import attempt
from lastgood.process.guarded import GuardedChildren
from lastgood.process.masking import Masker

if TYPE_CHECKING:
    from pathlib import Path

    from tests.process.conftest import Nest

pytestmark = pytest.mark.linux

HARD = ("stubborn", "daemon", "closed", "hang")


async def test_all_die_with_their_runner(nest: Nest) -> None:
    runner = nest.runner(*HARD)
    await nest.until_alive(2)
    runner.kill()
    await nest.until_dead()


async def test_a_runner_killed_at_any_moment_leaves_nothing(nest: Nest) -> None:
    for number in range(12):
        runner = nest.runner(*HARD)
        await asyncio.sleep(0.15 + number * 0.04)
        runner.kill()
        runner.communicate()
    await nest.until_dead()


async def test_all_die_with_their_guard_and_the_runner_is_told(nest: Nest) -> None:
    task = asyncio.create_task(nest.guarded().run(nest.argv(*HARD), timeout=100, env=nest.env))
    await nest.until_alive(2)
    [guard] = nest.living(guards=True)
    os.kill(guard, signal.SIGKILL)
    with pytest.raises(ChildError) as caught:
        await task
    assert caught.value.code == "guard-killed"
    assert caught.value.retryable
    assert nest.living() == []


async def test_a_guard_that_is_asked_to_end_ends_its_child_first(nest: Nest) -> None:
    task = asyncio.create_task(nest.guarded().run(nest.argv(*HARD), timeout=100, env=nest.env))
    await nest.until_alive(2)
    os.kill(nest.living(guards=True)[0], signal.SIGTERM)
    with pytest.raises(ChildError, match="guard of a child ended"):
        await task
    assert nest.living() == []


async def test_a_stopped_guard_does_not_stop_a_cancel(nest: Nest) -> None:
    task = asyncio.create_task(nest.guarded().run(nest.argv(*HARD), timeout=100, env=nest.env))
    await nest.until_alive(2)
    os.kill(nest.living(guards=True)[0], signal.SIGSTOP)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await nest.until_dead()


async def test_guard_and_runner_killed_leave_what_the_next_one_ends(nest: Nest) -> None:
    runner = nest.runner(*HARD)
    await nest.until_alive(2)
    [guard] = nest.living(guards=True)
    os.kill(guard, signal.SIGSTOP)
    runner.kill()
    os.kill(guard, signal.SIGKILL)
    runner.communicate()
    await nest.until(lambda: not nest.living(guards=True))
    assert len(nest.living()) == 1  # what called setsid is still there: the case is real
    await nest.guarded().clear()
    assert nest.living() == []
    assert list(nest.directory.iterdir()) == []


async def test_a_stopped_runner_keeps_no_children_when_it_is_taken_over(nest: Nest) -> None:
    runner = nest.runner(*HARD)
    await nest.until_alive(2)
    runner.send_signal(signal.SIGSTOP)
    await nest.guarded().clear()
    assert nest.living() == []
    assert nest.living(guards=True) == []
    runner.send_signal(signal.SIGCONT)
    told, _ = await asyncio.to_thread(runner.communicate)
    assert told == b"stale-lease"


async def test_who_was_taken_over_starts_nothing_more(nest: Nest) -> None:
    first = nest.guarded()
    await first.run(["true"], timeout=20)
    await nest.guarded().clear()
    with pytest.raises(StaleLeaseError):
        await first.run(["touch", str(nest.notes)], timeout=20)
    assert not nest.notes.exists()


async def test_the_next_attempt_begins_when_the_former_has_ended(nest: Nest) -> None:
    nest.runner("slow_end", grace=20)
    await nest.until(lambda: nest.notes.exists() and bool(nest.notes.read_text()))
    note = f"echo second begins >> {nest.notes}"
    await nest.guarded(grace=20).run(["sh", "-c", note], timeout=20)
    assert nest.notes.read_text().splitlines() == ["first begins", "first ends", "second begins"]


async def test_a_stopped_guard_does_not_stop_the_next_attempt(nest: Nest) -> None:
    nest.runner(*HARD)
    await nest.until_alive(2)
    os.kill(nest.living(guards=True)[0], signal.SIGSTOP)
    await nest.guarded().run(["true"], timeout=20)
    assert nest.living() == []
    await nest.until_dead()


async def test_many_who_clear_at_once_agree(nest: Nest) -> None:
    nest.runner(*HARD)
    await nest.until_alive(2)
    await asyncio.gather(*(nest.guarded().clear() for _ in range(8)))
    assert nest.living() == []
    assert list(nest.directory.iterdir()) == []


async def test_a_child_that_someone_else_ended_does_not_hide_the_others(
    nest: Nest, monkeypatch: pytest.MonkeyPatch
) -> None:
    nest.runner(*HARD)
    await nest.until_alive(2)
    records = attempt._records

    def with_one_that_is_gone(folder: Path) -> list[Path]:
        return [folder / "0", *records(folder)]

    monkeypatch.setattr(attempt, "_records", with_one_that_is_gone)
    await nest.guarded().clear()
    assert nest.living() == []
    assert list(nest.directory.iterdir()) == []


async def test_clearing_leaves_a_finished_childs_daemon_and_other_tags_alone(nest: Nest) -> None:
    await nest.guarded().run(nest.argv("quiet", "leave", "hang"), timeout=20, env=nest.env)
    other = GuardedChildren(nest.directory, f"{nest.tag}.other", Masker(), grace=0.3)
    task = asyncio.create_task(other.run(nest.argv("hang"), timeout=100, env=nest.env))
    await nest.until_alive(2)
    await nest.guarded().clear()
    assert len(nest.living()) == 2
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(nest.living()) == 1


async def test_a_child_ended_by_a_signal_leaves_nothing(nest: Nest) -> None:
    task = asyncio.create_task(
        nest.guarded().run(nest.argv("daemon", "hang"), timeout=100, env=nest.env, check=False)
    )
    await nest.until_alive(2)
    [child] = [pid for pid in nest.living() if os.getsid(pid) == pid]
    os.kill(child, signal.SIGKILL)
    assert (await task).returncode == -9
    assert nest.living() == []


async def test_a_lost_state_directory_ends_the_child(nest: Nest) -> None:
    task = asyncio.create_task(nest.guarded().run(nest.argv(*HARD), timeout=100, env=nest.env))
    await nest.until_alive(2)
    nest.directory.rename(nest.folder / "moved")
    with pytest.raises(StaleLeaseError):
        await task
    assert nest.living() == []


async def test_without_a_place_to_record_nothing_starts(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    children = GuardedChildren(tmp_path / "file" / "attempts", "tag", Masker())
    with pytest.raises(StateError) as caught:
        await children.run(["touch", str(tmp_path / "begun")], timeout=20)
    assert caught.value.mend
    assert not (tmp_path / "begun").exists()
