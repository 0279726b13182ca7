"""Databases in a plan: what they go back to, in which order, and at which accepted price."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest
from tests.plan.test_planner import ASK, route, service

from lastgood.model.exchange import Way
from lastgood.model.loss import Loss, Precision, TableLoss
from lastgood.model.plan import Plan, PlanKind
from lastgood.model.problem import Problem
from lastgood.model.verdict import Method
from lastgood.plan.planner import make_plan
from lastgood.plan.request import Acceptance, Candidate, DatabaseFacts, PlanRequest
from lastgood.testing.nouns import START, commit


def loss(vanishing: int | None) -> Loss:
    """Of one table."""
    table = TableLoss(
        table="public.orders", live_rows=10, restored_rows=5, vanishing=vanishing, returning=0,
        changing=0, precision=Precision.UNKNOWN if vanishing is None else Precision.EXACT,
    )  # fmt: skip
    return Loss(at=START, tables=(table,))


def candidate(number: int, *, stands: bool = False, **more: object) -> Candidate:
    """A backup, the newer the higher its number; a restore of it takes as many seconds."""
    at = START + timedelta(hours=number)
    made = Candidate(id=f"b{number}", at=at, stands=stands, restore_s=float(number))
    return msgspec.structs.replace(made, **more)


def facts(*candidates: Candidate, vanishing: int | None = 5, **more: object) -> DatabaseFacts:
    """A database that could go back to these."""
    losses = {one.id: loss(vanishing) for one in candidates}
    made = DatabaseFacts(name="main", candidates=candidates, losses=losses, quarantine="q1")
    return msgspec.structs.replace(made, **more)


def plan(
    *databases: DatabaseFacts,
    accept: Acceptance | None = Acceptance(rows=5),  # noqa: B008 - it is frozen
    stoppable: tuple[str, ...] = (),
    **asked: object,
) -> Plan:
    """What is planned for a bad backend and these databases."""
    request: PlanRequest = msgspec.structs.replace(
        ASK, databases=tuple(one.name for one in databases), acceptance=accept, **asked
    )
    return make_plan(
        request, services=[service()], databases=databases, stoppable=stoppable, budget_s=300.0,
        now=START,
    )  # fmt: skip


def test_by_the_servers_files_nobody_can_count_and_nothing_is_restored_beside_it() -> None:
    one = candidate(1, stands=True, physical=True, restore_point="lastgood_b1", restore_s=90.0)
    known = facts(one, losses={})
    made = plan(known, accept=Acceptance(rows=None), physical=True, backup="b1")
    (exchange,) = made.exchanges
    assert (exchange.way, exchange.restore_point, exchange.vanishing) == (
        Way.PHYSICAL, "lastgood_b1", None
    )  # fmt: skip
    steps = {step.id: step for step in made.steps}
    assert "restore:main" not in steps
    assert (steps["swap:main"].estimate_s, steps["swap:main"].attempts) == (90.0, 1)
    assert "loss-unknown" in codes(plan(known, accept=Acceptance(rows=10**9), physical=True))


def order(made: Plan) -> dict[str, set[str]]:
    """All that each step comes after, near and far."""
    before: dict[str, set[str]] = {}
    for step in made.steps:
        before[step.id] = set(step.after).union(*(before[one] for one in step.after))
    return before


def codes(made: Plan) -> list[str]:
    return [refusal.code for refusal in made.refusals]


class TestChoice:
    def test_what_stands_goes_before_what_is_newer_and_must_be_restored(self) -> None:
        made = plan(facts(candidate(2), candidate(1, stands=True)))
        assert (made.exchanges[0].copy, made.exchanges[0].way) == ("b1", Way.WARM)
        assert [w.code for w in made.warnings if w.code == "newer-backup"]
        assert "restore:main" not in order(made)

    def test_the_newest_is_restored_when_none_stands(self) -> None:
        made = plan(facts(candidate(2), candidate(1)))
        assert (made.exchanges[0].copy, made.exchanges[0].way) == ("b2", Way.RESTORE)
        assert made.step("restore:main").estimate_s == 2.0

    def test_what_may_hold_the_damage_is_passed_over_unless_it_is_named(self) -> None:
        known = facts(candidate(2, stands=True, doubt="made under the bad one"), candidate(1))
        assert plan(known).exchanges[0].copy == "b1"
        named = plan(known, backup="b2")
        assert named.exchanges[0].copy == "b2"
        assert "doubtful-backup" in [warning.code for warning in named.warnings]

    def test_only_doubtful_ones_are_refused(self) -> None:
        made = plan(facts(candidate(2, doubt="made under the bad one")))
        assert codes(made) == ["no-sound-backup"]
        assert not made.steps

    def test_nothing_at_all(self) -> None:
        assert codes(plan(facts())) == ["no-backup"]
        assert codes(plan(facts(candidate(1)), backup="b7")) == ["no-backup"]

    def test_a_swap_restores_nothing(self) -> None:
        assert codes(plan(facts(candidate(1)), restores=False)) == ["no-warm-target"]

    def test_every_obstacle_is_said(self) -> None:
        bars = (
            Problem(code="slots", what="a slot"),
            Problem(code="prepared", what="a transaction"),
        )
        assert codes(plan(facts(candidate(1, stands=True), obstacles=bars))) == [
            "slots",
            "prepared",
        ]

    def test_an_undo_needs_the_plan_of_what_it_undoes(self) -> None:
        made = plan(
            facts(candidate(1, stands=True)), kind=PlanKind.UNDO, code=False, undoes="run",
        )  # fmt: skip
        assert codes(made) == ["nothing-to-undo"]  # no plan of that run was given


class TestPrice:
    @pytest.mark.parametrize(
        ("vanishing", "accept", "code"),
        [
            (5, None, "loss-unaccepted"),
            (0, None, "loss-unaccepted"),  # never on --confirm alone
            (5, Acceptance(rows=4), "loss-over-accepted"),
            (None, Acceptance(rows=1_000_000), "loss-unknown"),
        ],
    )
    def test_without_a_word_for_it_nothing_is_done(
        self, vanishing: int | None, accept: Acceptance | None, code: str
    ) -> None:
        made = plan(facts(candidate(1, stands=True), vanishing=vanishing), accept=accept)
        assert codes(made) == [code]
        assert not made.steps
        assert made.exchanges[0].loss is not None  # it is shown all the same

    @pytest.mark.parametrize(
        ("vanishing", "accept", "limit"),
        [
            (5, Acceptance(rows=5), 5),
            (5, Acceptance(rows=9), 9),
            (5, Acceptance(rows=None), None),
            (None, Acceptance(rows=None), None),
        ],
    )
    def test_what_was_accepted_is_the_limit(
        self, vanishing: int | None, accept: Acceptance, limit: int | None
    ) -> None:
        made = plan(facts(candidate(1, stands=True), vanishing=vanishing), accept=accept)
        assert not made.refusals
        assert made.exchanges[0].accepted == limit

    def test_a_number_is_no_bound_where_more_may_vanish(self) -> None:
        (table,) = loss(5).tables
        about = msgspec.structs.replace(table, precision=Precision.ESTIMATED, at_least=True)
        losses = {"b1": Loss(at=START, tables=(about,))}
        plenty = Acceptance(rows=1_000_000)

        stands = facts(candidate(1, stands=True), losses=losses)
        assert codes(plan(stands, accept=plenty)) == ["loss-unknown"]
        assert not plan(stands, accept=Acceptance(rows=None)).refusals
        # What is restored first is counted row by row before it is swapped in.
        restored = plan(facts(candidate(1), losses=losses), accept=plenty)
        assert restored.exchanges[0].accepted == plenty.rows

    def test_one_number_is_of_all_databases_together(self) -> None:
        two = (facts(candidate(1, stands=True)), facts(candidate(1, stands=True), name="other"))
        assert codes(plan(*two, accept=Acceptance(rows=9))) == ["loss-over-accepted"]
        made = plan(*two, accept=Acceptance(rows=12))
        assert [one.accepted for one in made.exchanges] == [7, 7]  # 2 to spare, for either


class TestUnasked:
    """The judge found data damaged; nobody has said what may be lost."""

    def test_code_goes_back_alone_and_it_says_so(self) -> None:
        made = plan(facts(candidate(1, stands=True)), accept=None, insists=False)
        assert not made.refusals
        assert (made.exchanges, len(made.moves)) == ((), 1)
        (stays,) = [warning for warning in made.warnings if warning.code == "data-stays"]
        assert "--accept-loss 5" in stays.mend

    def test_not_over_a_migration(self) -> None:
        known = facts(candidate(1, stands=True))
        over = service(routes=(route("b", migrations=("0002_drop.py",)),))
        request = msgspec.structs.replace(ASK, databases=("main",), insists=False)
        made = make_plan(request, services=[over], databases=[known], budget_s=300.0, now=START)
        assert codes(made) == ["loss-unaccepted"]

    def test_with_a_number_both_go(self) -> None:
        made = plan(facts(candidate(1, stands=True)), insists=False)
        assert (len(made.exchanges), len(made.moves)) == (1, 1)


class TestOrder:
    def test_code_goes_first_where_nothing_can_be_stopped(self) -> None:
        made = order(plan(facts(candidate(1))))
        assert {"restore:main", "deploy:backend"} <= made["swap:main"]
        assert "restore:main" not in made["deploy:backend"]  # the bad release goes at once
        assert "swap:main" in made["prove:backend"]

    def test_nothing_writes_while_data_and_code_go_back(self) -> None:
        made = plan(facts(candidate(1)), stoppable=("backend", "queue"))
        before = order(made)
        assert "restore:main" in before["stop:backend"]  # all runs while it is restored
        assert {"stop:backend", "stop:queue"} <= before["swap:main"]
        assert "swap:main" in before["deploy:backend"]
        assert {"stop:backend", "deploy:backend"} <= before["start:backend"]
        assert {"stop:queue", "swap:main"} <= before["start:queue"]
        assert {"start:backend", "start:queue"} <= before["prove:backend"]
        assert made.step("start:queue").takes_back == "stop:queue"

    def test_what_ci_deploys_waits_for_the_data(self) -> None:
        pushed = service(routes=(route("b", Method.TREE, base=commit("c")),))
        kept = service(name="frontend")
        request = msgspec.structs.replace(
            ASK, databases=("main",), acceptance=Acceptance(rows=5)
        )  # fmt: skip
        made = make_plan(
            request, services=[pushed, kept], databases=[facts(candidate(1))], budget_s=300.0,
            now=START,
        )  # fmt: skip
        before = order(made)
        assert {"swap:main", "restore:main"} <= before["deploy:backend"]
        assert "deploy:frontend" in before["swap:main"]
        assert "swap:main" not in before["deploy:frontend"]

    def test_a_database_alone(self) -> None:
        made = plan(facts(candidate(1, stands=True)), code=False, method=Method.DATABASE)
        assert [step.id for step in made.steps] == ["precheck", "swap:main", "verify"]
        assert (made.method, made.moves) == (Method.DATABASE, ())
        assert made.steps[-1].after == ("swap:main",)

    def test_both_are_the_full_method(self) -> None:
        made = plan(facts(candidate(1, stands=True)))
        assert made.method is Method.FULL
        assert [move.target for move in made.moves] == [commit("b")]
        assert made.loss.startswith("main returns to")

    def test_services_are_not_stopped_for_code_alone(self) -> None:
        made = plan(stoppable=("backend",))
        assert not [step for step in made.steps if step.kind in {"stop", "start"}]


def test_the_undo_of_a_run_that_replaced_a_database_alone_leaves_services_alone() -> None:
    undone = plan(facts(candidate(1, stands=True)), code=False, method=Method.DATABASE)
    made = make_plan(
        msgspec.structs.replace(
            ASK, kind=PlanKind.UNDO, undoes="run-1", databases=("main",),
            acceptance=Acceptance(rows=5),
        ),
        services=[service()], databases=[facts(Candidate(id="q1", at=None, stands=True))],
        budget_s=300.0, now=START, undone=undone,
    )  # fmt: skip
    assert (made.refusals, made.moves) == ((), ())
    assert [step.id for step in made.steps] == ["precheck", "swap:main", "verify"]


def test_what_was_put_back_already_is_not_taken_for_a_missing_backup() -> None:
    undone = plan(facts(candidate(1, stands=True)))
    request = msgspec.structs.replace(
        ASK, kind=PlanKind.UNDO, undoes="run-1", databases=("main",)
    )  # fmt: skip
    made = make_plan(
        request, services=[service()], databases=[facts()], budget_s=300.0, now=START,
        undone=undone,
    )  # fmt: skip
    assert "no-quarantine" in codes(made)
    assert any("--without-database" in refusal.mend for refusal in made.refusals)
