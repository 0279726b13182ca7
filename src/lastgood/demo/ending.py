"""The end of a demo: lastgood's own runner first, then the production that it works on."""

from __future__ import annotations

import fcntl
import os
import time
from typing import TYPE_CHECKING

from lastgood.demo import host
from lastgood.demo.layout import project_folder
from lastgood.engine.direct.spawn import LOCK, depose

if TYPE_CHECKING:
    from pathlib import Path

RUNNER_LIMIT = 20.0
"""Seconds that a runner may take to end its children and itself."""


def end_runner(state_folder: Path) -> None:
    """Depose the runner of a state folder and wait until it has put its work down."""
    try:
        lock = os.open(state_folder / LOCK, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        depose(state_folder)
        deadline = time.monotonic() + RUNNER_LIMIT
        while time.monotonic() < deadline:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(0.02)
            else:
                return
    finally:
        os.close(lock)


def take_down(root: Path) -> None:
    """Take down the demo whose production was kept at `root`.

    Raises:
        RefusedError: there is none.
    """
    end_runner(project_folder(root) / ".lastgood")
    host.stop(root)
