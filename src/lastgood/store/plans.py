"""The plans that are kept: what was shown, so that what was approved is what runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import Row, insert, select, update

from lastgood.errors import RefusedError
from lastgood.process.masking import harmless
from lastgood.store.schema import plans

if TYPE_CHECKING:
    from datetime import datetime

    from lastgood.model.plan import Plan
    from lastgood.model.verdict import Verdict
    from lastgood.store.database import Database


class KeptPlan(NamedTuple):
    """A plan, the verdict it was made from, and when it was kept."""

    plan: Plan
    verdict: Verdict | None
    at: datetime


class Plans:
    """Plans by their id."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def keep(self, plan: Plan, verdict: Verdict | None, at: datetime) -> None:
        """Keep a plan; the same one again becomes the newest."""
        values = {"environment": plan.environment, "at": at, "plan": plan, "verdict": verdict}
        with self._database.write() as connection:
            again = update(plans).where(plans.c.id == plan.id).values(values)
            if connection.execute(again).rowcount == 0:
                connection.execute(insert(plans).values(id=plan.id, **values))

    def newest(self, environment: str) -> KeptPlan | None:
        """The plan that was kept last."""
        query = select(plans).where(plans.c.environment == environment)
        with self._database.read() as connection:
            row = connection.execute(query.order_by(plans.c.at.desc()).limit(1)).first()
        return _kept(row) if row else None

    def get(self, plan_id: str) -> KeptPlan:
        """That plan.

        Raises:
            RefusedError: it was not kept (code `unknown-plan`).
        """
        with self._database.read() as connection:
            row = connection.execute(select(plans).where(plans.c.id == plan_id)).first()
        if row is None:
            raise RefusedError(
                f"there is no plan {harmless(plan_id)}",
                cause="it was not kept in this state",
                mend="`lastgood plan` makes one",
                code="unknown-plan",
            )
        return _kept(row)


def _kept(row: Row[Any]) -> KeptPlan:
    return KeptPlan(row.plan, row.verdict, row.at)
