"""Starting the detached runner: at most one per state folder, and never a lost submission.

Two files are locked, neither is ever read. `runner.lock` is held by the living runner, which was
handed the locked descriptor by the command that started it, so the kernel frees it whatever
happens. `gate.lock` is held for moments: by a command between committing a row and looking whether
a runner lives, and by a runner between its last look for rows and letting `runner.lock` go. So
either the command finds a runner that will still look, or it finds none and starts one.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path


@contextmanager
def gate(folder: Path) -> Iterator[None]:
    """Hold `gate.lock`: waits for whoever holds it, which is only ever for moments."""
    descriptor = _open(folder / "gate.lock")
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def runner_lives(folder: Path) -> bool:
    """Whether a runner holds this state folder."""
    descriptor = take_runner_lock(folder)
    if descriptor is None:
        return True
    os.close(descriptor)
    return False


def take_runner_lock(folder: Path) -> int | None:
    """The locked descriptor of `runner.lock`, or None when a runner holds it."""
    descriptor = _open(folder / "runner.lock")
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def ensure_runner(folder: Path, command: Sequence[str]) -> bool:
    """Start a runner unless one lives; call it after the row is committed.

    Args:
        folder: the state folder.
        command: the runner's argument list; `--lock-fd N` is added.

    Returns:
        Whether one was started.
    """
    with gate(folder):
        descriptor = take_runner_lock(folder)
        if descriptor is None:
            return False
        try:
            with (folder / "runner.log").open("ab") as log:
                subprocess.Popen(
                    [*command, "--lock-fd", str(descriptor)],
                    pass_fds=[descriptor],
                    start_new_session=True,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    cwd=folder,
                )
        finally:
            os.close(descriptor)
    return True


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
