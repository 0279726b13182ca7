"""A person at a terminal: asked, shown, and interrupting."""

from __future__ import annotations

import contextlib
import os
import pty
import select
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from lastgood.testing.stack import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lastgood.testing.stack import Stack

GOOD, BAD = "1a1a1a1", "2b2b2b2"


class Person:
    """A command on a terminal of its own."""

    def __init__(self, stack: Stack, *words: str) -> None:
        self._terminal, end = pty.openpty()
        self.shown = ""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "lastgood", *words, "--config", str(stack.config)],
            stdin=end, stdout=end, stderr=end, start_new_session=True,
        )  # fmt: skip
        os.close(end)

    def sees(self, words: str) -> bool:
        """Whether the words come up before the command ends or patience does."""
        limit = time.monotonic() + PATIENCE_S
        while words not in self.shown and time.monotonic() < limit:
            if not select.select([self._terminal], [], [], 0.1)[0]:
                continue
            try:
                self.shown += os.read(self._terminal, 65536).decode()
            except OSError:  # Linux: the other end is closed
                break
        return words in self.shown

    def interrupts(self) -> None:
        """Ctrl-C, once, as late as a person's: the question is shown just before the reading."""
        time.sleep(1)
        self.process.send_signal(signal.SIGINT)

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._terminal)


@pytest.fixture
def broken(stack: Stack) -> Stack:
    stack.build(GOOD)
    stack.good(GOOD)
    stack.deploy(BAD)
    return stack


@contextlib.contextmanager
def person(stack: Stack, *words: str) -> Iterator[Person]:
    someone = Person(stack, *words)
    try:
        yield someone
    finally:
        someone.end()


def test_one_interrupt_at_the_question_is_a_no(broken: Stack) -> None:
    with person(broken, "rollback") as someone:
        assert someone.sees("Type production to go on"), someone.shown
        someone.interrupts()
        assert someone.sees("interrupted"), someone.shown
        assert someone.process.wait(timeout=PATIENCE_S) == 130
    assert broken.live() == BAD
    assert broken.run("status", "--json").json["runs"] == []


def test_the_first_thing_a_watch_shows_is_a_look(broken: Stack) -> None:
    for check in broken.environment["checks"].values():
        check |= {"every": "60s", "recover_after": 2}
    broken.configure()
    with person(broken, "watch") as someone:
        assert someone.sees("monitor"), someone.shown
        time.sleep(3)  # a few looks more
        someone.interrupts()
        assert someone.sees("come back to it"), someone.shown
        assert someone.process.wait(timeout=PATIENCE_S) == 130
    assert "insufficient-evidence" not in someone.shown + broken.remembered()
