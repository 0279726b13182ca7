"""Whether what was approved still describes the world."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import msgspec
import pytest

from lastgood.errors import StepError
from lastgood.execute.handlers.precheck import PrecheckHandler
from lastgood.model.plan import Move, Step
from lastgood.model.run import StepState
from lastgood.model.verdict import Method
from lastgood.testing.action import FakeAction
from lastgood.testing.nouns import commit
from lastgood.testing.plans import plan_of

if TYPE_CHECKING:
    from lastgood.ports.action import Action

STEP = Step(id="precheck", kind="precheck", name="precheck")
MOVE = Move(
    service="backend",
    origin=commit("b"),
    target=commit("a"),
    method=Method.ARTIFACT,
    driver="releases",
)


class Telling:
    """A deploy driver, as far as a precheck asks it."""

    def __init__(self, live: str | None) -> None:
        self._live = live

    async def current(self) -> str | None:
        return self._live


def precheck(live: str | None) -> PrecheckHandler:
    async def lock(action: Action) -> None:
        action.note("locked")

    plan = msgspec.structs.replace(plan_of(STEP), moves=(MOVE,))
    return PrecheckHandler(plan, cast("Any", {"backend": Telling(live)}), lock)


@pytest.mark.parametrize(
    "live",
    [
        pytest.param(MOVE.origin, id="what was to be replaced"),
        pytest.param(MOVE.target, id="the target: a former try came so far"),
        pytest.param(None, id="nobody can tell"),
    ],
)
async def test_it_is_as_it_was_approved(live: str | None) -> None:
    outcome = await precheck(live).confirm(STEP, FakeAction())
    assert outcome.state is StepState.DONE


async def test_what_was_deployed_meanwhile_is_not_replaced() -> None:
    with pytest.raises(StepError) as refused:
        await precheck(commit("c")).confirm(STEP, FakeAction())
    assert refused.value.code == "changed-meanwhile"
    assert commit("c")[:12] in refused.value.message


async def test_the_locks_are_taken_however_often_it_is_begun() -> None:
    """It is never so already: the look itself is the step."""
    action = FakeAction()
    assert await precheck(MOVE.origin).inspect(STEP) is None
    await precheck(MOVE.origin).apply(STEP, action)
    assert action.notes == ["locked"]
