"""A person is asked for the loss of rows only where that is all that is missing."""

from __future__ import annotations

from tests.plan.test_exchanges import candidate, facts, plan

from lastgood.cli.doing import _only_unaccepted
from lastgood.model.problem import Problem

COPY = candidate(1, stands=True)
SLOTS = Problem(code="replication-slots", what="one slot", mend="drop it: --drop-slots")


def test_who_could_accept_the_loss_is_asked() -> None:
    assert _only_unaccepted(plan(facts(COPY), accept=None))
    assert _only_unaccepted(plan(facts(COPY), accept=None, insists=False))


def test_who_could_change_nothing_by_a_number_is_not_asked() -> None:
    barred = facts(COPY, obstacles=(SLOTS,))
    assert not _only_unaccepted(plan(barred, accept=None))
    assert not _only_unaccepted(plan(barred, accept=None, insists=False))
