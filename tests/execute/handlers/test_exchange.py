"""A restore is done when its copy stands: before anything is stopped for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from lastgood.errors import StepError
from lastgood.execute.handlers.exchange import RestoreHandler
from lastgood.model.exchange import Exchange, Way
from lastgood.model.run import StepState
from lastgood.plan.steps import restore
from lastgood.testing.action import FakeAction
from lastgood.testing.plans import plan_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lastgood.ports.action import Action

EXCHANGE = Exchange(database="main", way=Way.RESTORE, why="", copy="b1", quarantine="q1")


class Vanishing:
    """A server on which the copy stands as often as said."""

    def __init__(self, stands: list[bool]) -> None:
        self._stands = stands

    async def stands(self, exchange: Exchange) -> bool:
        del exchange
        return self._stands.pop(0)

    async def restore(self, exchange: Exchange, action: Action) -> None:
        del exchange, action

    async def swapped(self, exchange: Exchange) -> bool:
        del exchange
        return False

    async def swap(self, exchange: Exchange, action: Action) -> Mapping[str, str]:
        raise AssertionError((exchange, action))

    async def recall(self, exchange: Exchange) -> Mapping[str, str]:
        raise AssertionError(exchange)


async def test_a_copy_that_is_gone_after_its_restore_is_told_at_once() -> None:
    step = restore(EXCHANGE, ())
    plan = msgspec.structs.replace(plan_of(step), exchanges=(EXCHANGE,))
    handler = RestoreHandler(plan, Vanishing([False, False, True]))
    assert await handler.inspect(step) is None
    with pytest.raises(StepError) as gone:
        await handler.confirm(step, FakeAction())
    assert (gone.value.code, gone.value.retryable) == ("restore-vanished", True)
    assert (await handler.confirm(step, FakeAction())).state is StepState.DONE
