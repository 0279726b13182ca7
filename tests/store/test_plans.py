from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec
import pytest

from lastgood.errors import RefusedError
from lastgood.model.verdict import Decision, Verdict
from lastgood.store.plans import KeptPlan

if TYPE_CHECKING:
    from datetime import datetime

    from lastgood.model.plan import Plan
    from lastgood.store.state import State

MINUTE = timedelta(minutes=1)


def test_the_plan_that_was_kept_last_is_the_newest(state: State, plan: Plan, now: datetime) -> None:
    assert state.plans.newest("production") is None
    verdict = Verdict(environment="production", at=now, decision=Decision.MONITOR, method=None)
    other = msgspec.structs.replace(plan, id="plan-other")
    state.plans.keep(plan, verdict, now)
    state.plans.keep(other, None, now + MINUTE)
    assert state.plans.newest("production") == KeptPlan(other, None, now + MINUTE)
    state.plans.keep(plan, verdict, now + 2 * MINUTE)
    assert state.plans.newest("production") == KeptPlan(plan, verdict, now + 2 * MINUTE)
    assert state.plans.newest("staging") is None


def test_a_plan_is_found_by_its_id(state: State, plan: Plan, now: datetime) -> None:
    state.plans.keep(plan, None, now)
    assert state.plans.get(plan.id) == KeptPlan(plan, None, now)
    with pytest.raises(RefusedError) as caught:
        state.plans.get("plan-\x1bnone")
    assert caught.value.code == "unknown-plan"
    assert "\x1b" not in str(caught.value)
