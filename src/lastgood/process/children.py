"""Plain children: for reading, where nothing is left half done when we are killed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
import subprocess
from typing import TYPE_CHECKING

from lastgood.process.environment import inherited
from lastgood.process.running import (
    GRACE_SECONDS,
    KEEP_BYTES,
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


class PlainChildren:
    """Runs children in sessions of their own; implements `ports.children.Children`.

    Args:
        masker: hides secrets in what they print.
        keep: bytes kept of each output, half from its beginning and half from its end.
    """

    def __init__(self, masker: Masker, *, keep: int = KEEP_BYTES) -> None:
        self._masker = masker
        self._keep = keep

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

    async def _start(self, order: Order, pipes: Pipes) -> PlainChild:
        mark = f"plain/{secrets.token_hex(8)}"
        try:
            process = subprocess.Popen(  # noqa: ASYNC220 - starts in a millisecond; never waits
                order.argv,
                stdin=pipes.stdin.reading,
                stdout=pipes.stdout.writing,
                stderr=pipes.stderr.writing,
                cwd=order.cwd,
                env={**inherited(order.env), VARIABLE: mark},
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            raise not_started(order, error, self._masker) from error
        pipes.handed_over()
        return PlainChild(process, mark)


class PlainChild:
    """One child, leader of its process group."""

    def __init__(self, process: subprocess.Popen[bytes], mark: str) -> None:
        self._process = process
        self._mark = mark

    async def ended(self) -> int:
        """See `Child.ended`."""
        await exited(self._process)
        return self._process.wait()

    async def end(self) -> None:
        """See `Child.end`: the group by its number, what left the group by its mark."""
        self._signal(signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GRACE_SECONDS):
                await exited(self._process)
        self._signal(signal.SIGKILL)
        await exited(self._process)
        self._process.wait()
        await end_marked(self._mark)

    def _signal(self, number: int) -> None:
        # Once the leader is reaped its number may belong to someone else.
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, number)
