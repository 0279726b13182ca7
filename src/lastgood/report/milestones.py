"""When what was reached, read from the incident, the run and its watch."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from lastgood.model.report import Milestones
from lastgood.model.watch import WatchState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lastgood.model.incident import Incident
    from lastgood.model.run import Run, StepRecord
    from lastgood.model.watch import Watch

STAGES = ("impact_start", "detected", "decided", "started", "mitigated", "stable")


def milestones(
    run: Run, steps: Sequence[StepRecord], incident: Incident | None, stability: Watch | None
) -> Milestones:
    """The six times of a rollback; None where one was not reached or nobody knows."""
    starts = [step.started_at for step in steps if step.started_at is not None]
    held = stability is not None and stability.state is WatchState.HELD
    detected = incident.detected_at or incident.opened_at if incident else None
    impact = incident.impact_start if incident else None
    return Milestones(
        # A command is what detected it where the first look came after that.
        impact_start=min(impact, detected) if impact and detected else impact,
        detected=detected,
        decided=run.commanded_at,
        started=min(starts, default=None),
        mitigated=run.proven_at,
        stable=stability.until if stability and held else None,
    )


def durations(times: Milestones) -> list[tuple[str, str, float]]:
    """The seconds between each reached milestone and the next reached one."""
    reached = [(stage, getattr(times, stage)) for stage in STAGES if getattr(times, stage)]
    pairs = itertools.pairwise(reached)
    return [(one, other, (end - start).total_seconds()) for (one, start), (other, end) in pairs]
