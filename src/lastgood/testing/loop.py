"""An event loop whose clock jumps: waiting takes no time, and time-outs come in their order."""

from __future__ import annotations

import asyncio
import selectors
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine

T = TypeVar("T")


class JumpingLoop(asyncio.SelectorEventLoop):
    """Where it would wait for its clock, it sets the clock forward instead.

    For code that waits for nothing but its clock: what happens outside gets no time to happen.
    """

    def __init__(self) -> None:
        self._now = 0.0
        super().__init__(_Jumping(self))

    def time(self) -> float:
        """Seconds since it was made, none of which passed."""
        return self._now

    def jump(self, seconds: float) -> None:
        """Set the clock forward."""
        self._now += seconds


class _Jumping(selectors.DefaultSelector):
    def __init__(self, loop: JumpingLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise RuntimeError("everything waits, and nothing will ever happen")
        self._loop.jump(max(0.0, timeout))
        return super().select(0)


def at_once(work: Coroutine[Any, Any, T]) -> T:
    """Run work to its end on a clock that jumps.

    Raises:
        RuntimeError: it waits for something that never comes.
    """
    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        return runner.run(work)
