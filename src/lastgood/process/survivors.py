"""Find and end what outlived its guard, by a mark that every child carries in its environment."""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from lastgood.errors import ChildError
from lastgood.process.guard import signal_exactly, stat

if TYPE_CHECKING:
    from collections.abc import Iterator

VARIABLE = "LASTGOOD_GUARD"
LIMIT_SECONDS = 10.0
# A list of /proc is not of one instant: what was born behind the reader is seen at the next look.
QUIET_LOOKS = 3


def marked(mark: str) -> Iterator[tuple[int, str]]:
    """The living processes of this machine with this mark, each with its start time.

    A process that was started with an emptied environment, or by another user, is not found: the
    guard, which knows descent, is the one that ends those. Nothing is found outside Linux.
    """
    if sys.platform != "linux":
        return
    wanted = f"{VARIABLE}={mark}".encode()
    numbers = map(int, filter(str.isdigit, os.listdir("/proc")))  # noqa: PTH208 - no paths wanted
    # The youngest first: what forks and ends all the time is young, and gone when it is read late.
    for number in sorted(numbers, reverse=True):
        entry = str(number)
        if number == os.getpid():
            continue
        seen = stat(entry)
        if seen and wanted in _environment(entry):
            yield number, seen[1]


def _environment(pid: str) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return []


async def end_marked(mark: str) -> None:
    """Kill everything with this mark, and return when none of it is alive.

    Raises:
        ChildError: `child-alive`, when something does not die (it waits in the kernel).
    """
    give_up_at = time.monotonic() + LIMIT_SECONDS
    quiet = 0
    while quiet < QUIET_LOOKS:
        alive = set()
        for process in marked(mark):
            # At once, not after the look: what forks and ends all the time must lose the race.
            signal_exactly(process, signal.SIGKILL)
            alive.add(process[0])
        quiet = 0 if alive else quiet + 1
        if time.monotonic() > give_up_at and alive:
            raise _unkillable(sorted(alive))
        await asyncio.sleep(0)


def _unkillable(alive: list[int]) -> ChildError:
    numbers = [str(pid) for pid in alive]
    return ChildError(
        "Children of an earlier attempt cannot be killed",
        cause=f"still alive after {LIMIT_SECONDS:.0f} s: process {', '.join(numbers)}",
        mend=f"end them, then try again: {shlex.join(['kill', '-9', *numbers])}",
        code="child-alive",
    )
