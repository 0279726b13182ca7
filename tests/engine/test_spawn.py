"""One runner at most, and no row that nobody looks for."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from lastgood.engine.direct import spawn
from lastgood.engine.direct.spawn import (
    depose,
    ensure_runner,
    gate,
    open_log,
    reigns,
    runner_lives,
    take_runner_lock,
)
from lastgood.errors import StateError

ERRAND = Path(__file__).parent / "errand.py"
PATIENCE_S = 60


def test_a_runner_that_ends_just_now_leaves_no_row_behind(tmp_path: Path) -> None:
    """Rows are committed while runners end all the time, and followers look all the time."""
    command = [sys.executable, str(ERRAND), str(tmp_path)]
    over = threading.Event()

    def submit(name: str) -> None:
        for number in range(8):
            (tmp_path / f"{name}-{number}.row").touch()
            ensure_runner(tmp_path, command)

    def look() -> None:
        while not over.is_set():
            runner_lives(tmp_path)

    followers = [threading.Thread(target=look) for _ in range(2)]
    submitters = [threading.Thread(target=submit, args=(name,)) for name in "abcd"]
    for thread in [*followers, *submitters]:
        thread.start()
    for thread in submitters:
        thread.join()
    end = time.monotonic() + PATIENCE_S
    while runner_lives(tmp_path):
        assert time.monotonic() < end
        time.sleep(0.01)
    over.set()
    for thread in followers:
        thread.join()
    assert list(tmp_path.glob("*.row")) == []
    assert len(list(tmp_path.glob("*.done"))) == 32
    assert (tmp_path / "runner.log").read_text() == ""


def test_who_only_looks_is_never_taken_for_a_runner(tmp_path: Path) -> None:
    over = threading.Event()

    def look() -> None:
        while not over.is_set():
            runner_lives(tmp_path)

    follower = threading.Thread(target=look)
    follower.start()
    taken = []
    for _ in range(500):
        with gate(tmp_path):
            for _ in range(5):
                descriptor = take_runner_lock(tmp_path)
                taken.append(descriptor is not None)
                if descriptor is not None:
                    os.close(descriptor)
    over.set()
    follower.join()
    assert all(taken)


def test_only_one_holds_the_lock(tmp_path: Path) -> None:
    first = take_runner_lock(tmp_path)
    assert first is not None
    assert runner_lives(tmp_path)
    assert take_runner_lock(tmp_path) is None
    assert not ensure_runner(tmp_path, ["never", "started"])
    os.close(first)
    assert not runner_lives(tmp_path)


def test_the_lock_outlives_who_took_it_for_another(tmp_path: Path) -> None:
    descriptor = take_runner_lock(tmp_path)
    assert descriptor is not None
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, pass_fds=[descriptor]) as runner:
        os.close(descriptor)
        assert runner_lives(tmp_path)
        runner.kill()
        runner.wait()
    assert not runner_lives(tmp_path)


def test_a_deposed_runner_knows_and_another_may_begin(tmp_path: Path) -> None:
    former = take_runner_lock(tmp_path)
    assert former is not None
    assert reigns(tmp_path, former)
    depose(tmp_path)
    assert not reigns(tmp_path, former)
    assert not runner_lives(tmp_path)
    successor = take_runner_lock(tmp_path)
    assert successor is not None
    assert reigns(tmp_path, successor)
    assert not reigns(tmp_path, former)
    depose(tmp_path)
    depose(tmp_path)  # nobody there: nothing to do
    os.close(former)
    os.close(successor)


def test_a_runner_that_cannot_be_started_is_an_error_with_a_mend(tmp_path: Path) -> None:
    with pytest.raises(StateError) as failed:
        ensure_runner(tmp_path, [str(tmp_path / "no such program")])
    assert failed.value.code == "no-runner"
    assert "resume" in failed.value.mend
    assert not runner_lives(tmp_path)


def test_nobody_else_reads_what_the_runner_says(tmp_path: Path) -> None:
    former = os.umask(0)
    try:
        os.close(open_log(tmp_path))
    finally:
        os.umask(former)
    assert (tmp_path / "runner.log").stat().st_mode & 0o777 == 0o600


def test_who_was_stopped_at_the_gate_keeps_nobody_waiting_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spawn, "GATE_S", 0.1)
    stopped = os.open(tmp_path / "gate.lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(stopped, fcntl.LOCK_EX)
    for act in (depose, runner_lives, lambda folder: ensure_runner(folder, ["true"])):
        with pytest.raises(StateError) as held:
            act(tmp_path)
        assert held.value.code == "gate-held"
    os.close(stopped)
    assert not runner_lives(tmp_path)
