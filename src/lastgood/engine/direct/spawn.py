"""Starting the detached runner: at most one per state folder, and never a lost submission.

Two files are locked, neither is ever read. `runner.lock` is held by the living runner, which was
handed the locked descriptor by the command that started it, so the kernel frees it whatever
happens. `gate.lock` is held for moments: by a command between committing a row and looking whether
a runner lives, and by a runner between its last look for rows and letting `runner.lock` go. So
either the command finds a runner that will still look, or it finds none and starts one.

A runner that is stopped or stuck keeps its lock for ever. It is deposed by removing the file: the
next one locks a new file, and the old one sees, when it wakes, that its lock is no longer the one.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from lastgood.errors import StateError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

LOCK = "runner.lock"
LOG = "runner.log"

GATE_S = 10.0
"""How long to wait at the gate: who holds it for longer was stopped there, by Ctrl-Z perhaps."""

_started: list[subprocess.Popen[bytes]] = []
"""The runners that this process started: each is collected when it ends before us."""


@contextmanager
def gate(folder: Path) -> Iterator[None]:
    """Hold `gate.lock`: waits for whoever holds it, which is only ever for moments.

    Raises:
        StateError: it was for longer (`gate-held`).
    """
    path = folder / "gate.lock"
    descriptor = _open(path)
    try:
        _pass(descriptor, path)
        yield
    finally:
        os.close(descriptor)


def _pass(descriptor: int, path: Path) -> None:
    give_up_at = time.monotonic() + GATE_S
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > give_up_at:
                raise StateError(
                    "another lastgood process stands in the way",
                    cause=f"it has held {path} for {GATE_S:g} s, not for moments: it is stopped",
                    mend=f"let it go on or end it; its number: fuser {path}",
                    code="gate-held",
                ) from None
            time.sleep(0.005)
        else:
            return


def runner_lives(folder: Path) -> bool:
    """Whether a runner holds this state folder.

    To look is to lock for an instant, in which a command that has just committed a row would take
    us for a living runner: hence the gate.

    Raises:
        StateError: it cannot be seen: the folder is gone, or out of reach.
    """
    with _reached(folder), gate(folder):
        descriptor = take_runner_lock(folder)
        if descriptor is None:
            return True
        os.close(descriptor)
    return False


@contextmanager
def _reached(folder: Path) -> Iterator[None]:
    """Say which folder it is that cannot be used."""
    try:
        yield
    except OSError as error:
        raise StateError(
            "it cannot be seen whether a runner lives",
            cause=f"{error.strerror}: {error.filename or folder}",
            mend=f"see that {folder} is there, and that this user may write it",
            code="state-unreachable",
        ) from error


def take_runner_lock(folder: Path) -> int | None:
    """The locked descriptor of `runner.lock`, or None when a runner holds it."""
    while True:
        descriptor = _open(folder / LOCK)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        if reigns(folder, descriptor):
            return descriptor
        os.close(descriptor)  # its holder was deposed between our two calls


def reigns(folder: Path, descriptor: int) -> bool:
    """Whether this descriptor's lock is the runner's lock still; not when it was deposed."""
    ours = os.fstat(descriptor)
    try:
        present = (folder / LOCK).stat()
    except FileNotFoundError:
        return False
    return (ours.st_dev, ours.st_ino) == (present.st_dev, present.st_ino)


def depose(folder: Path) -> None:
    """Let another runner begin, whether the present one is well, stopped, stuck or not there.

    Raises:
        StateError: the folder is gone, or out of reach.
    """
    with _reached(folder), gate(folder):
        (folder / LOCK).unlink(missing_ok=True)


def ensure_runner(folder: Path, command: Sequence[str]) -> bool:
    """Start a runner unless one lives; call it after the row is committed.

    Args:
        folder: the state folder.
        command: the runner's argument list; `--lock-fd N` is added.

    Returns:
        Whether one was started.

    Raises:
        StateError: none can be started (`no-runner`); what was committed waits for one.
    """
    try:
        with gate(folder):
            descriptor = take_runner_lock(folder)
            if descriptor is None:
                return False
            try:
                _start(folder, command, descriptor)
            finally:
                os.close(descriptor)
    except OSError as error:
        raise StateError(
            "the runner cannot be started; what was asked for waits",
            cause=f"{error.strerror}: {error.filename or folder}",
            mend="make room and rights for it, then: lastgood resume",
            code="no-runner",
        ) from error
    return True


def open_log(folder: Path) -> int:
    """The descriptor of `runner.log`, for appending; nobody else may read what is in it."""
    return os.open(folder / LOG, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _start(folder: Path, command: Sequence[str], descriptor: int) -> None:
    _started[:] = [runner for runner in _started if runner.poll() is None]
    log = open_log(folder)
    try:
        runner = subprocess.Popen(
            [*command, "--lock-fd", str(descriptor)],
            pass_fds=[descriptor],
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=folder,
        )
    finally:
        os.close(log)
    _started.append(runner)


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
