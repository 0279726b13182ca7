"""Cancel a piece of work at each place where it waits, one after the other."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from types import TracebackType


async def cancelled_at(work: Coroutine[Any, Any, object], wait: int) -> bool:
    """Run work as a task of its own and cancel it where it waits for the nth time, from 1.

    The cancellation comes as the event loop brings it: first to what is being waited for.

    Returns:
        Whether the work came so far; False when it had ended by itself before.

    Raises:
        Exception: what the work raised by itself.
    """
    cancelling = _Cancelling(work, wait)
    try:
        await asyncio.create_task(_run(cancelling))
    except asyncio.CancelledError:
        if not cancelling.reached:
            raise  # the caller itself is being cancelled
    return cancelling.reached


async def _run(work: _Cancelling) -> None:
    await work


class _Cancelling(Generator[Any, Any, Any]):
    """Passes everything through to the work, and counts how often it waits."""

    def __init__(self, work: Coroutine[Any, Any, object], wait: int) -> None:
        self.reached = False
        self._work = work
        self._left = wait

    def __await__(self) -> Generator[Any, Any, Any]:
        return self

    def send(self, value: Any, /) -> Any:  # noqa: ANN401 - futures, as the loop passes them
        waited_for = self._work.send(value)
        self._left -= 1
        task = asyncio.current_task()
        if self._left == 0 and task is not None:
            self.reached = True
            task.cancel()
        return waited_for

    def throw(
        self,
        kind: Any,  # noqa: ANN401 - an exception or its class, as the generator protocol has it
        value: Any = None,  # noqa: ANN401 - likewise
        trace: TracebackType | None = None,
        /,
    ) -> Any:  # noqa: ANN401 - a future, as the loop passes it
        error = kind if value is None else value
        return self._work.throw(error if trace is None else error.with_traceback(trace))
