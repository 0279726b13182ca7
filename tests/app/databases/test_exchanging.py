"""A step that swaps ends when the swap has ended, however often it is asked to stop."""

from __future__ import annotations

import asyncio
import threading

import pytest

from lastgood.app.databases.exchanging import to_its_end
from lastgood.errors import RefusedError


@pytest.mark.parametrize("fails", [False, True])
async def test_who_asks_twice_to_stop_waits_for_the_end_as_well(*, fails: bool) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def work() -> str:
        begun.set()
        go_on.wait()
        if fails:
            raise RefusedError("it did not come about")
        return "swapped"

    working = asyncio.create_task(to_its_end(work))
    await asyncio.to_thread(begun.wait)
    for _ in range(3):
        working.cancel()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    try:
        assert not working.done()
    finally:
        go_on.set()
    if fails:
        with pytest.raises(asyncio.CancelledError):
            await working
    else:
        assert await working == "swapped"
