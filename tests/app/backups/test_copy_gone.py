"""A copy that was there when its swap was approved, and is gone when it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.app.backups.test_uncounted import planned

from lastgood.app.project import now
from lastgood.app.runs.following import follow
from lastgood.app.runs.submitting import submit
from lastgood.model.exchange import Way
from lastgood.model.run import Outcome

if TYPE_CHECKING:
    from tests.app.backups.conftest import Shop


def test_nothing_is_begun_for_a_copy_that_is_gone(shop: Shop) -> None:
    shop.create()
    shop.said(shop.begin("backup", "verify", "--keep", "--json"))
    made = planned(shop, "0")
    assert made.refusals == ()
    (exchange,) = made.exchanges
    assert exchange.way is Way.WARM
    shop.server.execute(f'DROP DATABASE "{shop.name}__lgwarm_{exchange.copy}"')

    project = shop.project
    run = submit(project, made, observation=None, verdict=None, commanded_at=now())
    *_, last = follow(project, run.id)
    assert (last.run.outcome, last.run.code) == (Outcome.REFUSED, "no-copy")
