"""Run one child from its start to its proven end; the same for plain and guarded ones."""

from __future__ import annotations

import asyncio
import os
import shlex
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from lastgood.errors import ChildError
from lastgood.ports.children import Finished
from lastgood.process import sink
from lastgood.process.guard import handle_of
from lastgood.process.masking import harmless
from lastgood.process.output import Pipes

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Mapping

    from lastgood.process.masking import Masker

# An interpreter that reads neither the environment nor site-packages starts in 10 to 20 ms.
SCRIPT = (sys.executable, "-I", "-S")
KEEP_BYTES = 1 << 20
GRACE_SECONDS = 2.0
_SHOWN_CHARACTERS = 120
_CAUSE_LINES = 5
_CAUSE_LINE_CHARACTERS = 300


@dataclass(frozen=True, kw_only=True)
class Order:
    """What to run; the meaning of each field is that of `Children.run`."""

    argv: tuple[str, ...]
    timeout: float
    cwd: Path | None
    env: Mapping[str, str] | None
    stdin: bytes | None
    check: bool


class Child(Protocol):
    """A child that runs."""

    async def ended(self) -> int:
        """Wait until it ends by itself; its exit code, or the negative signal number."""
        ...

    async def end(self) -> None:
        """End it and what it started; returns when none of it is alive."""
        ...


async def run_to_end(
    order: Order,
    start: Callable[[Order, Pipes], Awaitable[Child]],
    masker: Masker,
    keep: int,
) -> Finished:
    """Start a child, wait for it, end it at its time limit or when we are cancelled.

    Raises:
        ChildError: see `Children.run`.
    """
    with Pipes(order.stdin, keep) as pipes:
        child = await start(order, pipes)
        started = time.monotonic()
        try:
            async with asyncio.timeout(order.timeout):
                returncode = await child.ended()
        except TimeoutError:
            await surely(child.end())
            pipes.finish()
            raise _timed_out(order, pipes, masker) from None
        except BaseException:
            await surely(child.end())
            raise
        pipes.finish()
        if held := pipes.held():
            await surely(_hand_to_sink(held))
        finished = Finished(
            argv=tuple(masker.mask(part) for part in order.argv),
            returncode=returncode,
            stdout=pipes.stdout.text(masker),
            stderr=pipes.stderr.text(masker),
            seconds=time.monotonic() - started,
            truncated=bool(pipes.stdout.dropped or pipes.stderr.dropped),
        )
    if order.check and returncode != 0:
        raise _failed(order, finished, masker)
    return finished


async def surely(act: Coroutine[object, object, None]) -> None:
    """Do this to its end though we are cancelled meanwhile; the cancellation follows after."""
    task = asyncio.ensure_future(act)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as error:
            cancelled = error
        except Exception:  # noqa: BLE001, S110 - task.result() below raises it
            pass
    task.result()
    if cancelled:
        raise cancelled


async def exited(process: subprocess.Popen[bytes]) -> None:
    """Wait until a process has exited.

    On Linux it is not reaped yet, so its number, and its group's, still cannot mean another one.
    """
    if process.returncode is not None:
        return
    handle = handle_of(process.pid) if sys.platform == "linux" else -1
    if handle >= 0:
        loop = asyncio.get_running_loop()
        readable = asyncio.Event()
        loop.add_reader(handle, readable.set)
        try:
            await readable.wait()
        finally:
            loop.remove_reader(handle)
            os.close(handle)
    else:
        await asyncio.to_thread(process.wait)


def not_started(order: Order, error: OSError | ValueError, masker: Masker) -> ChildError:
    """The error for a child that could not even begin."""
    mend = "check the command and its arguments in lastgood.yaml"
    cause = str(error)
    if isinstance(error, OSError):
        cause = f"{error.strerror}: {order.argv[0]}"
    if order.cwd is not None and not order.cwd.is_dir():
        cause = f"No such directory: {order.cwd}"
        mend = "create the directory, or name another one in lastgood.yaml"
    elif isinstance(error, FileNotFoundError):
        mend = f"install {_program(order, masker)}, or add its directory to PATH"
    elif isinstance(error, PermissionError):
        mend = f"make it executable: chmod +x {shlex.quote(order.argv[0])}"
    return ChildError(
        f"`{_shown(order, masker)}` could not be started",
        cause=masker.mask(harmless(cause)),
        mend=masker.mask(harmless(mend)),
        code="child-not-started",
    )


def _failed(order: Order, finished: Finished, masker: Masker) -> ChildError:
    how = f"failed with exit code {finished.returncode}"
    if finished.returncode < 0:
        how = f"was ended by signal {-finished.returncode}"
    return ChildError(
        f"`{_shown(order, masker)}` {how}",
        cause=_last_lines(finished.stderr, masker) or _last_lines(finished.stdout, masker),
        mend="mend what it says, then try again",
    )


def _timed_out(order: Order, pipes: Pipes, masker: Masker) -> ChildError:
    last = _last_lines(pipes.stderr.text(masker), masker)
    return ChildError(
        f"`{_shown(order, masker)}` did not end within {order.timeout:g} s and was killed",
        cause=last or "it printed no error",
        mend=f"see what {_program(order, masker)} waits for; nothing it started is still running",
        code="child-timeout",
        retryable=True,
    )


def _program(order: Order, masker: Masker) -> str:
    # Masked first: a part of a secret that looks like a path would not be known again.
    return harmless(Path(masker.mask(order.argv[0])).name)


def _shown(order: Order, masker: Masker) -> str:
    # Masked before and after: quoting can split a secret, and so can what `harmless` removes.
    parts = [harmless(masker.mask(part)) for part in order.argv]
    text = masker.mask(shlex.join(parts).replace("\n", " "))
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}..."


def _last_lines(text: str, masker: Masker) -> str:
    lines = [line.rstrip() for line in masker.mask(harmless(text)).splitlines() if line.strip()]
    return "\n".join(line[:_CAUSE_LINE_CHARACTERS] for line in lines[-_CAUSE_LINES:])


async def _hand_to_sink(pipes: list[int]) -> None:
    """Let a process of its own read on: closing now would kill the daemon at its next line."""
    process = subprocess.Popen(  # noqa: ASYNC220 - starts in a millisecond; never waits
        [*SCRIPT, sink.__file__, *map(str, pipes)], pass_fds=pipes, env={}, cwd="/"
    )
    await exited(process)
    process.wait()
