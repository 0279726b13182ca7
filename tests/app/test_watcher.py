"""Watching for people: what the first look came to is not unlearnt by the second."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING

from lastgood.app.project import Project
from lastgood.app.watches.watcher import sights
from lastgood.model.verdict import Decision

if TYPE_CHECKING:
    from lastgood.app.watches.watcher import Sight
    from lastgood.testing.stack import Stack

GOOD = "1a1a1a1"


def test_watching_goes_on_from_the_first_sight(stack: Stack) -> None:
    for check in stack.environment["checks"].values():
        check |= {"every": "1h", "recover_after": 2}
    stack.configure()
    stack.deploy(GOOD)

    async def seen() -> list[Sight]:
        found = []
        async with aclosing(sights(Project.open(stack.config))) as looks:
            async for sight in looks:
                found.append(sight)
                if len(found) == 3:
                    break
        return found

    found = asyncio.run(seen())
    assert [sight.verdict.decision for sight in found] == [Decision.MONITOR] * 3
    assert all(sight.observation.healthy for sight in found)
    assert [len(sight.observation.results) for sight in found] == [2, 2, 2]
    assert "verdict.given" not in stack.remembered()
