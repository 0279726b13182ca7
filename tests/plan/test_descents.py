"""When a database comes back by its own migrations, in which order, at which price."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from tests.plan.test_exchanges import candidate, facts, loss, order, plan
from tests.plan.test_planner import ASK, route, service

from lastgood.model.exchange import Way
from lastgood.model.plan import Plan, PlanKind
from lastgood.model.problem import Problem
from lastgood.model.verdict import Damage, Method
from lastgood.plan.planner import make_plan
from lastgood.plan.request import Acceptance, DatabaseFacts, Descent
from lastgood.testing.nouns import START, commit

GOOD, BAD = commit("b"), commit("c")
DESCENT = Descent(
    backup="b1", before=BAD, releases={"backend": GOOD}, upper="two", lower="one", seconds=2.0,
    loss=msgspec.structs.replace(loss(0), shape=("column public.users.nick goes",)),
)  # fmt: skip
BARRED = (Problem(code="no-swap", what="it cannot be swapped"),)
NOTHING = Acceptance(rows=0)


def known(**more: object) -> DatabaseFacts:
    """A database with a warm target and a way down."""
    made = facts(candidate(1, stands=True), descent=DESCENT)
    return msgspec.structs.replace(made, **more)


def way(made: Plan) -> Way:
    assert made.refusals == ()
    return made.exchanges[0].way


def test_a_failed_migration_is_taken_back_where_that_was_rehearsed() -> None:
    made = plan(known(obstacles=BARRED), accept=NOTHING, damage=Damage.SCHEMA)
    exchange = made.exchanges[0]
    assert (way(made), exchange.copy, exchange.quarantine) == (Way.DOWNGRADE, "b1", "")
    assert (exchange.upper, exchange.lower, exchange.accepted) == ("two", "one", 0)
    assert made.method is Method.FULL
    assert "migrated down from two to one, column public.users.nick goes: 0 rows" in made.loss
    assert not [step for step in made.steps if step.kind in {"swap", "restore"}]


@pytest.mark.parametrize(
    ("asked", "changed"),
    [
        ({"damage": Damage.DATA}, {}),
        ({"damage": Damage.NONE}, {}),
        ({"backup": "b1"}, {}),
        ({}, {"descent": None}),
        ({}, {"descent": msgspec.structs.replace(DESCENT, releases={})}),
        ({}, {"descent": msgspec.structs.replace(DESCENT, releases={"backend": commit("9")})}),
    ],
    ids=[
        "rows are damaged", "nothing is known", "a backup is named", "nothing was rehearsed",
        "what was live then is not known", "code goes back further than the schema would",
    ],
)  # fmt: skip
def test_else_a_copy_takes_its_place(asked: dict[str, Any], changed: dict[str, Any]) -> None:
    made = plan(known(**changed), **({"damage": Damage.SCHEMA} | asked))
    assert way(made) is Way.WARM


def test_never_without_a_number() -> None:
    made = plan(known(), accept=None, damage=Damage.SCHEMA)
    assert [refusal.code for refusal in made.refusals] == ["loss-unaccepted"]
    assert made.refusals[0].mend.startswith(
        "read the loss above; if that is the price: --accept-loss 0"
    )
    lost = msgspec.structs.replace(DESCENT, loss=loss(3))  # rows of a table that goes
    made = plan(known(descent=lost), accept=Acceptance(rows=2), damage=Damage.SCHEMA)
    assert [refusal.code for refusal in made.refusals] == ["loss-over-accepted"]


def test_it_has_the_place_of_a_swap() -> None:
    alone = order(plan(known(), accept=NOTHING, damage=Damage.SCHEMA))
    assert "deploy:backend" in alone["downgrade:main"]
    assert "downgrade:main" in alone["prove:backend"]

    stopped = order(
        plan(known(), accept=NOTHING, damage=Damage.SCHEMA, stoppable=("backend", "queue"))
    )
    assert {"stop:backend", "stop:queue"} <= stopped["downgrade:main"]
    assert "downgrade:main" in stopped["deploy:backend"]
    assert {"stop:queue", "downgrade:main"} <= stopped["start:queue"]


def test_what_ci_deploys_waits_for_it_and_the_migrations_do_not_stay() -> None:
    pushed = service(routes=(route("b", Method.TREE, migrations=("two",)),))
    request = msgspec.structs.replace(
        ASK, databases=("main",), acceptance=NOTHING, damage=Damage.SCHEMA
    )
    made = make_plan(request, services=[pushed], databases=[known()], budget_s=300.0, now=START)
    assert way(made) is Way.DOWNGRADE
    assert "downgrade:main" in order(made)["deploy:backend"]
    assert "migrations-stay" not in [warning.code for warning in made.warnings]


def test_an_undo_says_that_the_schema_stays() -> None:
    undone = plan(known(), accept=NOTHING, damage=Damage.SCHEMA)
    request = msgspec.structs.replace(
        ASK, kind=PlanKind.UNDO, undoes="run", targets={"backend": BAD}
    )
    made = make_plan(
        request, services=[service("b", routes=(route("c"),))], budget_s=300.0, now=START,
        undone=undone,
    )  # fmt: skip
    assert made.refusals == ()
    assert "schema-stays" in [warning.code for warning in made.warnings]
