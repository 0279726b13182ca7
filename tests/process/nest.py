"""A child that is hard to kill. Usage: nest.py MODE...; what it starts has its environment."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import NoReturn

# Whatever goes wrong in a test, none of these lives longer: the machine belongs to others too.
END = time.monotonic() + 60


def fork() -> int:
    pid = os.fork()
    # The alarm of the parent is not inherited.
    signal.alarm(max(1, int(END - time.monotonic())))
    return pid


def hang() -> NoReturn:
    while True:
        time.sleep(60)


def daemonise() -> bool:
    """Fork twice with a new session between; true in the grandchild."""
    if fork():
        return False
    os.setsid()
    if fork():
        os._exit(0)
    return True


def bomb() -> None:
    """Start eight processes that each replace themselves by a fork, every 20 ms; note that."""
    end = time.monotonic() + 10
    for _ in range(8):
        if not fork():
            while time.monotonic() < end:
                if fork():
                    os._exit(0)
                os.setsid()
                time.sleep(0.02)
            os._exit(0)
    Path(os.environ["NOTES"]).touch()


def slow_end() -> None:
    """Take a second to end when asked, and note the beginning and the end."""
    path = Path(os.environ["NOTES"])

    def note(line: str) -> None:
        with path.open("a") as notes:
            notes.write(line)

    def end(*_: object) -> None:
        time.sleep(1)
        note("first ends\n")
        os._exit(0)

    signal.signal(signal.SIGTERM, end)
    note("first begins\n")
    hang()


def stubborn() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


def closed() -> None:
    os.closerange(0, 256)


def quiet() -> None:
    for descriptor in (0, 1, 2):
        os.dup2(os.open(os.devnull, os.O_RDWR), descriptor)


def daemon() -> None:
    """Start a stubborn daemon beside it."""
    if daemonise():
        stubborn()
        hang()


def leave() -> None:
    """Go on as a daemon; what was started ends well."""
    if not daemonise():
        os._exit(0)


def chatter() -> None:
    while time.monotonic() < END:
        sys.stdout.write("still here\n" * 100)
        sys.stdout.flush()
        time.sleep(0.01)


MODES = {
    mode.__name__: mode
    for mode in (stubborn, closed, quiet, daemon, leave, chatter, slow_end, bomb, hang)
}

if __name__ == "__main__":
    signal.alarm(60)
    for name in sys.argv[1:]:
        MODES[name]()
