"""When a database comes back by its own migrations: rehearsed, and enough for what is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lastgood.model.exchange import Exchange, Way
from lastgood.model.plan import PlanKind
from lastgood.model.problem import Problem
from lastgood.model.revision import same_version
from lastgood.model.verdict import Damage

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lastgood.model.plan import Move, Plan
    from lastgood.plan.request import DatabaseFacts, Descent, PlanRequest

SLOW = 4.0
"""How much longer than on a copy that nobody used it may take where people work."""


def descend(request: PlanRequest, facts: DatabaseFacts, moves: Sequence[Move]) -> Exchange | None:
    """The exchange by a way down; None when a copy has to take the database's place.

    Rows that are wrong stay wrong on the way down, so it is only for a schema. Who names a backup
    wants that one. And code and schema must belong together afterwards: each service goes back to
    what was live when the backup was made.
    """
    descent = facts.descent
    if (
        descent is None
        or request.damage is not Damage.SCHEMA
        or request.kind is not PlanKind.ROLLBACK
        or request.backup is not None
        or not all(_fits(move, descent) for move in moves)
    ):
        return None
    return Exchange(
        database=facts.name,
        way=Way.DOWNGRADE,
        why=f"a migration failed and no data is damaged; the way down was rehearsed in "
        f"{descent.seconds:.0f} s before {descent.before[:12]} was deployed",
        copy=descent.backup,
        quarantine="",
        loss=descent.loss,
        restore_s=descent.seconds,
        restore_p90_s=SLOW * descent.seconds,
        upper=descent.upper,
        lower=descent.lower,
    )


def stays_down(undone: Plan | None) -> Iterator[Problem]:
    """The warning of an undo: what was run backwards is not run again by it."""
    for exchange in undone.exchanges if undone is not None else ():
        if exchange.way is Way.DOWNGRADE:
            yield Problem(
                code="schema-stays",
                what=f"the schema of {exchange.database} stays at {exchange.lower}, to which that "
                f"run brought it from {exchange.upper}",
                mend="deploy with its migrations, or: alembic upgrade head",
            )


def _fits(move: Move, descent: Descent) -> bool:
    then = descent.releases.get(move.service)
    return move.drop is None and then is not None and same_version(then, move.target)
