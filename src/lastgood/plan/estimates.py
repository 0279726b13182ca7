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


# The runbook's "2 to 3 minutes" for a git revert and "5 to 8 minutes" for a deployment by CI: the
# middle and the end.
RUNBOOK_TIMES = {
    Method.CI: Estimate(p50=390.0, p90=480.0, source=RUNBOOK),
    Method.TREE: Estimate(p50=150.0, p90=180.0, source=RUNBOOK),
    Method.DROP: Estimate(p50=150.0, p90=180.0, source=RUNBOOK),
}

# The runbook counts looking and proving into its times; these are what remains beside them.
SMALL_STEPS = {
    "precheck": Estimate(p50=1.0, p90=3.0, source=RUNBOOK),
    "hold": Estimate(p50=0.5, p90=2.0, source=RUNBOOK),
    "unhold": Estimate(p50=0.5, p90=2.0, source=RUNBOOK),
    "prove": Estimate(p50=2.0, p90=5.0, source=RUNBOOK),
    "verify": Estimate(p50=2.0, p90=5.0, source=RUNBOOK),
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
    """How long the deployment by a route takes."""
    runs = (
        p.seconds
        for p in past
        if (p.kind, p.service, p.method) == ("deploy", route.service, route.method)
    )
    own = Estimate(p50=route.typical_s, p90=2 * route.typical_s, source=DRIVER)
    return measured(runs) or RUNBOOK_TIMES.get(route.method, own)


def of_step(kind: str, move: Move | None, past: Sequence[PastStep]) -> Estimate:
    """How long a step other than a deployment takes."""
    service, method = (move.service, move.method) if move is not None else (None, None)
    runs = (p.seconds for p in past if (p.kind, p.service, p.method) == (kind, service, method))
    return measured(runs) or SMALL_STEPS[kind]
