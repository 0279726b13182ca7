"""Guarded children: for what changes something, where nothing may be left half done."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
from typing import TYPE_CHECKING

from lastgood.errors import ChildError
from lastgood.process import guard
from lastgood.process.attempt import Attempt, Record, end_attempts, taken_over
from lastgood.process.environment import inherited
from lastgood.process.running import (
    GRACE_SECONDS,
    KEEP_BYTES,
    SCRIPT,
    Order,
    exited,
    not_started,
    run_to_end,
)
from lastgood.process.survivors import VARIABLE, end_marked

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from lastgood.ports.children import Finished
    from lastgood.process.masking import Masker
    from lastgood.process.output import Pipes

# Beyond its grace: to see the order (0.2 s) and to collect the dead on a busy machine.
_MARGIN_SECONDS = 3.0


class GuardedChildren:
    """Runs children that do not outlive us; implements `ports.children.Children`.

    Children that run at the same time are well with each other. What an earlier attempt under the
    same tag left, in this process or in another, is ended before the first child starts.

    Args:
        directory: where attempts are recorded: on this machine, kept while any may be alive.
        tag: the piece of work (a run's step) of which only one attempt may be alive.
        masker: hides secrets in what the children print.
        grace: seconds between SIGTERM and SIGKILL.
        keep: bytes kept of each output, half from its beginning and half from its end.
    """

    def __init__(
        self,
        directory: Path,
        tag: str,
        masker: Masker,
        *,
        grace: float = GRACE_SECONDS,
        keep: int = KEEP_BYTES,
    ) -> None:
        self._directory = directory.absolute()
        self._tag = tag
        self._masker = masker
        self._grace = grace
        self._keep = keep
        self._attempt: Attempt | None = None
        self._beginning = asyncio.Lock()

    async def run(
        self,
        argv: Sequence[str],
        *,
        timeout: float,  # noqa: ASYNC109 - the child is killed at it, not only left waiting
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        stdin: bytes | None = None,
        check: bool = True,
    ) -> Finished:
        """See `Children.run`."""
        order = Order(argv=tuple(argv), timeout=timeout, cwd=cwd, env=env, stdin=stdin, check=check)
        return await run_to_end(order, self._start, self._masker, self._keep)

    async def claim(self) -> None:
        """End what an earlier attempt left, and be the only one that may start children.

        Once somebody else claims or clears the tag, this object starts nothing more.

        Raises:
            ChildError: `child-alive`: something does not die.
            StateError: the directory cannot be read or written.
        """
        async with self._beginning:
            await self._begin()

    async def clear(self) -> None:
        """End every child under this tag, whoever started it; returns when all are dead.

        Daemons that a child left when it ended by itself are left alone.

        Raises:
            ChildError: `child-alive`: something does not die.
            StateError: the directory cannot be read or written.
        """
        async with self._beginning:
            self._attempt = None
            await end_attempts(self._directory, self._tag, self._grace + _MARGIN_SECONDS)

    async def _start(self, order: Order, pipes: Pipes) -> GuardedChild:
        async with self._beginning:
            attempt = self._attempt or await self._begin()
            record = attempt.record()
        ours, theirs = socket.socketpair()
        ours.settimeout(0)
        try:
            process = self._start_guard(order, pipes, record, theirs.fileno())
        except (OSError, ValueError) as error:
            ours.close()
            record.path.unlink(missing_ok=True)
            raise not_started(order, error, self._masker) from error
        finally:
            theirs.close()
            os.close(record.lock)
        pipes.handed_over()
        return GuardedChild(
            process=process,
            control=ours,
            record=record,
            order=order,
            masker=self._masker,
            grace=self._grace,
        )

    async def _begin(self) -> Attempt:
        await end_attempts(self._directory, self._tag, self._grace + _MARGIN_SECONDS)
        self._attempt = Attempt.begin(self._directory, self._tag)
        return self._attempt

    def _start_guard(
        self, order: Order, pipes: Pipes, record: Record, control: int
    ) -> subprocess.Popen[bytes]:
        own = [str(control), str(record.lock), str(record.path), str(self._grace)]
        return subprocess.Popen(
            [*SCRIPT, guard.__file__, *own, *order.argv],
            stdin=pipes.stdin.reading,
            stdout=pipes.stdout.writing,
            stderr=pipes.stderr.writing,
            cwd=order.cwd,
            env={**inherited(order.env), VARIABLE: record.mark},
            pass_fds=(control, record.lock),
            start_new_session=True,
        )


class GuardedChild:
    """One child under its guard, as its runner sees it."""

    def __init__(
        self,
        *,
        process: subprocess.Popen[bytes],
        control: socket.socket,
        record: Record,
        order: Order,
        masker: Masker,
        grace: float,
    ) -> None:
        self._guard = process
        self._control = control
        self._record = record
        self._order = order
        self._masker = masker
        self._grace = grace

    async def ended(self) -> int:
        """See `Child.ended`.

        Raises:
            ChildError: it could not be started, or its guard was killed; nothing is alive.
            StaleLeaseError: someone else does this work now; nothing is alive.
        """
        await exited(self._guard)
        self._guard.wait()
        word, _, number = self._last_word().partition(" ")
        match word:
            case "ended":
                return int(number)
            case "refused":
                error = OSError(int(number), os.strerror(int(number)))
                raise not_started(self._order, error, self._masker)
            case "revoked":
                raise taken_over()
            case "signalled":
                raise _guard_ended("it was asked to end by a signal")
            case _:
                await self._sweep()
                raise _guard_ended("it was killed")

    async def end(self) -> None:
        """See `Child.end`."""
        with self._control, contextlib.suppress(OSError):
            self._control.send(b"cancel")
            async with asyncio.timeout(self._grace + _MARGIN_SECONDS):
                await exited(self._guard)
        # A guard that was stopped does not answer; what it leaves is found by its mark.
        self._guard.kill()
        await exited(self._guard)
        self._guard.wait()
        await self._sweep()

    async def _sweep(self) -> None:
        await end_marked(self._record.mark)
        self._record.path.unlink(missing_ok=True)

    def _last_word(self) -> str:
        with self._control:
            try:
                return self._control.recv(64).decode()
            except OSError:  # its end was closed without a word
                return ""


def _guard_ended(why: str) -> ChildError:
    return ChildError(
        "The guard of a child ended before the child did",
        cause=f"{why}; the child and all it started are dead",
        mend="try again: lastgood resume",
        code="guard-killed",
        retryable=True,
    )
