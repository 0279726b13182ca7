"""Plans for tests of what carries them out: steps, and nothing that a planner would add."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lastgood.model.plan import Plan, PlanKind
from lastgood.model.verdict import Method
from lastgood.testing.nouns import ENVIRONMENT, START

if TYPE_CHECKING:
    from lastgood.model.plan import Step


def plan_of(*steps: Step, identity: str = "plan-0123456789ab") -> Plan:
    """A plan with these steps, which moves no service."""
    return Plan(
        id=identity,
        kind=PlanKind.ROLLBACK,
        environment=ENVIRONMENT,
        made_at=START,
        method=Method.ARTIFACT,
        moves=(),
        steps=steps,
        estimate_s=1,
        budget_s=300,
    )
