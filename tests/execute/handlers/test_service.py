"""A service rests and comes back by its own commands, or it is said who must see to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lastgood.errors import StepError
from lastgood.execute.handlers.service import ServiceHandler
from lastgood.plan.steps import of_service
from lastgood.testing.action import FakeAction

if TYPE_CHECKING:
    from pathlib import Path


async def test_a_service_whose_command_was_taken_out_is_started_by_a_person(tmp_path: Path) -> None:
    step = of_service("start", "backend", (), ())
    with pytest.raises(StepError) as failed:
        await ServiceHandler({}, tmp_path).apply(step, FakeAction())
    assert (failed.value.code, failed.value.retryable) == ("start-failed", False)
    assert "by hand" in failed.value.mend
