"""How long it takes: measured, else the runbook's times."""

from __future__ import annotations

import pytest

from lastgood.model.plan import Step
from lastgood.model.route import Route
from lastgood.model.verdict import Method
from lastgood.plan.estimates import Estimate, measured, of_route
from lastgood.plan.planner import make_plan
from lastgood.plan.request import PastStep, PlanRequest, ServiceFacts
from lastgood.plan.steps import longest_path_s, within
from lastgood.testing.nouns import ENVIRONMENT, START, commit, release


def past(*seconds: float, kind: str = "deploy", service: str | None = "backend") -> list[PastStep]:
    method = Method.ARTIFACT if service else None
    return [PastStep(kind=kind, service=service, method=method, seconds=s) for s in seconds]


def a_route(method: Method = Method.ARTIFACT) -> Route:
    return Route(
        service="backend", target=commit("a"), method=method, driver="releases", typical_s=4.0
    )


@pytest.mark.parametrize(
    ("seconds", "p50", "p90"),
    [
        ([3.0], 3.0, 3.0),
        ([1.0, 2.0], 1.5, 2.0),
        ([9.0, 1.0, 2.0], 2.0, 9.0),
        ([float(n) for n in range(1, 11)], 5.5, 9.0),
        ([float(n) for n in range(1, 12)], 6.0, 10.0),
    ],
)
def test_median_and_ninetieth_percentile(seconds: list[float], p50: float, p90: float) -> None:
    assert measured(seconds) == Estimate(
        p50=p50, p90=p90, source=f"runs (median of {len(seconds)})"
    )


def test_nothing_measured() -> None:
    assert measured([]) is None


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        (Method.ARTIFACT, Estimate(p50=4, p90=8, source="driver")),
        (Method.CI, Estimate(p50=390, p90=480, source="runbook")),
        (Method.TREE, Estimate(p50=150, p90=180, source="runbook")),
        (Method.DROP, Estimate(p50=150, p90=180, source="runbook")),
    ],
)
def test_while_history_is_empty_the_runbooks_times(method: Method, expected: Estimate) -> None:
    assert of_route(a_route(method), []) == expected


def test_only_the_same_step_of_the_same_service_by_the_same_method_counts() -> None:
    others = [
        PastStep(kind="prove", service="backend", method=Method.ARTIFACT, seconds=99),
        PastStep(kind="deploy", service="frontend", method=Method.ARTIFACT, seconds=99),
        PastStep(kind="deploy", service="backend", method=Method.TREE, seconds=99),
    ]
    assert of_route(a_route(), others).source == "driver"
    assert of_route(a_route(), [*others, *past(1.5)]).p50 == 1.5


def facts(name: str, method: Method = Method.ARTIFACT) -> ServiceFacts:
    good = release("a", service=name)
    way = Route(service=name, target=good.commit, method=method, driver="d", typical_s=10)
    return ServiceFacts(
        name=name,
        live=commit("c"),
        releases=(good,),
        routes=(way,),
        names_version=True,
        every_instance=True,
    )


ASK = PlanRequest(environment=ENVIRONMENT)


def test_parallel_branches_do_not_add_up() -> None:
    one = make_plan(ASK, services=[facts("a")], budget_s=300, now=START)
    two = make_plan(ASK, services=[facts("a"), facts("b")], budget_s=300, now=START)
    assert one.estimate_s == two.estimate_s == 1 + 0.5 + 10 + 2 + 2


def test_the_longest_path() -> None:
    def step(name: str, seconds: float, *after: str) -> Step:
        return Step(id=name, kind="deploy", name=name, after=after, estimate_s=seconds)

    steps = [step("a", 1), step("b", 5, "a"), step("c", 2, "a"), step("d", 1, "b", "c")]
    assert longest_path_s(steps) == 7
    assert longest_path_s(steps, {"a": 1, "b": 1, "c": 9, "d": 1}) == 11
    assert longest_path_s([]) == 0


def test_measured_times_make_the_plan() -> None:
    history = [*past(2, 4, 6), *past(1, kind="prove"), *past(3, kind="verify", service=None)]
    made = make_plan(ASK, services=[facts("backend")], budget_s=300, now=START, past=history)
    (move,) = made.moves
    assert (move.estimate_s, move.estimate_p90_s) == (4, 6)
    assert move.estimate_source == "runs (median of 3)"
    assert made.estimate_s == 1 + 0.5 + 4 + 1 + 3


@pytest.mark.parametrize(
    ("budget_s", "codes"),
    [
        (390 + 5.5, ["tight-budget"]),
        (390 + 5.4, ["over-budget"]),
        (480 + 3 + 2 + 480 + 5, []),
        (480 + 3 + 2 + 5 + 5, []),
        (480 + 3 + 2 + 5 + 4.9, ["tight-budget"]),
    ],
)
def test_what_does_not_fit_the_budget_is_said(budget_s: float, codes: list[str]) -> None:
    made = make_plan(ASK, services=[facts("backend", Method.CI)], budget_s=budget_s, now=START)
    assert [w.code for w in made.warnings] == codes
    assert made.fits_budget is ("over-budget" not in codes)


@pytest.mark.parametrize(
    ("p90", "expected"), [(0, 60), (14, 60), (15, 60), (20, 80), (450, 1800), (9000, 1800)]
)
def test_time_limits_are_generous_within_reason(p90: float, expected: float) -> None:
    assert within(p90, (60, 1800)) == expected


def test_a_proof_waits_for_what_follows_a_push() -> None:
    made = make_plan(ASK, services=[facts("backend", Method.TREE)], budget_s=300, now=START)
    assert made.step("prove:backend").timeout_s == 4 * 165
    assert made.step("deploy:backend").estimate_s == 5
    quick = [PastStep(kind="prove", service="backend", method=Method.TREE, seconds=6)]
    again = make_plan(
        ASK, services=[facts("backend", Method.TREE)], budget_s=300, now=START, past=quick
    )
    assert again.step("prove:backend").estimate_s == 6
    assert again.step("prove:backend").timeout_s == 4 * 165
    kept = make_plan(ASK, services=[facts("backend")], budget_s=300, now=START)
    assert kept.step("prove:backend").timeout_s == 4 * 20
