"""How long a step takes: measured in past runs, else the runbook's own times, marked as such."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from lastgood.model.verdict import Method

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lastgood.model.plan import Move
    from lastgood.model.route import Route
    from lastgood.plan.request import PastStep

RUNS = "runs"
RUNBOOK = "runbook"
DRIVER = "driver"


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    """Expected seconds.

    Attributes:
        p50: as often over as under.
        p90: nine of ten are within.
        source: `runs (median of N)`, `runbook`, or `driver` where the runbook knows no such way.
    """

    p50: float
    p90: float
    source: str


PUSHES = frozenset({Method.TREE, Method.DROP})
"""The methods whose deploy step ends with the push; the proof waits for what CI does then."""

# The runbook's "2 to 3 minutes" for a git revert: the middle and the end, the push's own seconds
# taken out. And its "5 to 8 minutes" for a deployment by CI.
PUSH = Estimate(p50=5.0, p90=15.0, source=RUNBOOK)
AFTER_PUSH = Estimate(p50=145.0, p90=165.0, source=RUNBOOK)
BY_CI = Estimate(p50=390.0, p90=480.0, source=RUNBOOK)

# The runbook counts looking and proving into its times; these are what remains beside them.
SMALL_STEPS = {
    "precheck": Estimate(p50=1.0, p90=3.0, source=RUNBOOK),
    "hold": Estimate(p50=0.5, p90=2.0, source=RUNBOOK),
    "unhold": Estimate(p50=0.5, p90=2.0, source=RUNBOOK),
    "prove": Estimate(p50=2.0, p90=5.0, source=RUNBOOK),
    "verify": Estimate(p50=2.0, p90=5.0, source=RUNBOOK),
    "swap": Estimate(p50=3.0, p90=10.0, source=RUNBOOK),
    "stop": Estimate(p50=5.0, p90=15.0, source=RUNBOOK),
    "start": Estimate(p50=5.0, p90=15.0, source=RUNBOOK),
}


def measured(past: Iterable[float]) -> Estimate | None:
    """Median and 90th percentile (nearest rank) of past seconds; None without any."""
    seconds = sorted(past)
    if not seconds:
        return None
    rank = math.ceil(0.9 * len(seconds)) - 1
    source = f"{RUNS} (median of {len(seconds)})"
    return Estimate(p50=median(seconds), p90=seconds[rank], source=source)


def of_route(route: Route, past: Sequence[PastStep]) -> Estimate:
    """How long the move by a route takes: the deployment, and after a push what CI needs for it."""
    own = {Method.CI: BY_CI}.get(
        route.method, Estimate(p50=route.typical_s, p90=2 * route.typical_s, source=DRIVER)
    )
    if route.method not in PUSHES:
        return _of("deploy", route.service, route.method, past) or own
    push = _of("deploy", route.service, route.method, past) or PUSH
    wait = _of("prove", route.service, route.method, past) or AFTER_PUSH
    return Estimate(p50=push.p50 + wait.p50, p90=push.p90 + wait.p90, source=wait.source)


def of_step(kind: str, move: Move | None, past: Sequence[PastStep]) -> Estimate:
    """How long a step takes; the move is None for steps of the whole environment."""
    if move is None:
        return _of(kind, None, None, past) or SMALL_STEPS[kind]
    pushes = move.method in PUSHES
    if kind == "deploy":
        whole = Estimate(p50=move.estimate_s, p90=move.estimate_p90_s, source=move.estimate_source)
        default = PUSH if pushes else whole
    else:
        default = AFTER_PUSH if pushes and kind == "prove" else SMALL_STEPS[kind]
    return _of(kind, move.service, move.method, past) or default


def _of(
    kind: str, service: str | None, method: Method | None, past: Sequence[PastStep]
) -> Estimate | None:
    """What past runs of the same step of the same service by the same method took."""
    same = (kind, service)
    alike = (p for p in past if (p.kind, p.service) == same)
    # A step of the whole environment is the same by whichever method services are moved.
    return measured(p.seconds for p in alike if service is None or p.method == method)
