from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from lastgood.errors import ExitCode, RefusedError, StaleLeaseError
from lastgood.model.lock import Lease
from lastgood.store.state import State

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from lastgood.store.locks import Locks

HERE = "production"


@pytest.fixture
def locks(state: State) -> Locks:
    return state.locks


def test_a_lock_that_was_never_taken_is_free(locks: Locks) -> None:
    lock = locks.get(HERE)
    assert (lock.epoch, lock.run) == (0, None)


def test_who_takes_it_holds_it(locks: Locks, now: datetime) -> None:
    lease = locks.take(HERE, "run-1", "ada on laptop", now)
    assert lease == Lease(environment=HERE, run="run-1", epoch=1)
    locks.check(lease)
    lock = locks.get(HERE)
    assert (lock.run, lock.holder, lock.since) == ("run-1", "ada on laptop", now)


def test_the_second_is_refused_and_told_who_holds_it(locks: Locks, now: datetime) -> None:
    locks.take(HERE, "run-1", "ada on laptop", now)
    with pytest.raises(RefusedError) as caught:
        locks.take(HERE, "run-2", "bob", now + timedelta(minutes=1))
    refusal = caught.value
    assert (refusal.code, refusal.exit_code) == ("locked", ExitCode.REFUSED)
    assert "run-1" in refusal.cause
    assert "ada on laptop" in refusal.cause
    assert "2026-11-22 10:53:01 UTC" in refusal.cause
    for way in ("lastgood watch", "lastgood resume", "lastgood rollback --take-over run-1"):
        assert way in refusal.mend
    locks.check(Lease(environment=HERE, run="run-1", epoch=1))


def test_released_it_can_be_taken_at_a_newer_epoch(locks: Locks, now: datetime) -> None:
    first = locks.take(HERE, "run-1", "ada", now)
    locks.release(first)
    assert locks.get(HERE).run is None
    with pytest.raises(StaleLeaseError):
        locks.check(first)
    assert locks.take(HERE, "run-1", "ada", now).epoch == 2


def test_taken_over_the_former_holder_may_do_nothing(locks: Locks, now: datetime) -> None:
    old = locks.take(HERE, "run-1", "ada", now)
    new = locks.take_over(HERE, "run-1", "run-2", "bob", now)
    assert new.epoch == 2
    with pytest.raises(StaleLeaseError) as caught:
        locks.check(old)
    assert "run-2 of bob" in caught.value.cause
    locks.release(old)  # does nothing
    locks.check(new)


def test_a_run_takes_over_from_itself_after_a_crash(locks: Locks, now: datetime) -> None:
    before = locks.take(HERE, "run-1", "a runner that died", now)
    after = locks.take_over(HERE, "run-1", "run-1", "a new runner", now)
    locks.check(after)
    with pytest.raises(StaleLeaseError):
        locks.check(before)


def test_only_what_is_held_by_that_run_is_taken_over(locks: Locks, now: datetime) -> None:
    with pytest.raises(RefusedError) as caught:
        locks.take_over(HERE, "run-1", "run-2", "bob", now)
    assert caught.value.code == "not-locked"
    lease = locks.take(HERE, "run-3", "ada", now)
    with pytest.raises(RefusedError) as caught:
        locks.take_over(HERE, "run-1", "run-2", "bob", now)
    assert caught.value.code == "locked"
    locks.check(lease)


def test_broken_it_is_free_and_every_lease_is_stale(locks: Locks, now: datetime) -> None:
    lease = locks.take(HERE, "run-1", "ada", now)
    lock = locks.break_lock(HERE, now)
    assert (lock.run, lock.epoch) == (None, 2)
    with pytest.raises(StaleLeaseError):
        locks.check(lease)
    assert locks.break_lock("never taken", now).epoch == 1


def test_environments_have_locks_of_their_own(locks: Locks, now: datetime) -> None:
    production = locks.take(HERE, "run-1", "ada", now)
    staging = locks.take("staging", "run-2", "ada", now)
    locks.check(production)
    locks.check(staging)


def test_a_lease_is_checked_against_what_others_wrote(
    state: State, base: Path, now: datetime
) -> None:
    lease = state.locks.take(HERE, "run-1", "ada", now)
    with State.open("sqlite:///state/state.db", base) as other:
        other.locks.break_lock(HERE, now)
    with pytest.raises(StaleLeaseError):
        state.locks.check(lease)


def test_of_many_processes_exactly_one_takes_it(
    base: Path, processes: Callable[..., list[Any]]
) -> None:
    told = processes("lock", base, 12)
    assert told.count(1) == 1
    assert [answer["code"] for answer in told if answer != 1] == ["locked"] * 11
    with State.open("sqlite:///state/state.db", base) as state:
        assert state.locks.get(HERE).epoch == 1


def test_of_many_processes_exactly_one_takes_it_over(
    base: Path, now: datetime, processes: Callable[..., list[Any]]
) -> None:
    with State.open("sqlite:///state/state.db", base) as state:
        state.locks.take(HERE, "old", "a runner that died", now)
    told = processes("take_over", base, 8)
    assert told.count(2) == 1
    assert [answer["code"] for answer in told if answer != 2] == ["locked"] * 7
