"""A report: the record of an incident and its run for people and programs."""

from __future__ import annotations

from datetime import datetime

from lastgood.model.event import Event
from lastgood.model.noun import Noun
from lastgood.model.run import Run, StepRecord
from lastgood.model.verdict import Verdict
from lastgood.model.watch import Watch


class Milestones(Noun, frozen=True, kw_only=True):
    """When what was reached; None where it was not, or nobody knows."""

    impact_start: datetime | None = None
    detected: datetime | None = None
    decided: datetime | None = None
    started: datetime | None = None
    mitigated: datetime | None = None
    stable: datetime | None = None


class Report(Noun, frozen=True, kw_only=True):
    """Everything that is told about a run, drawn from the state alone."""

    made_at: datetime
    project: str
    environment: str
    run: Run
    steps: tuple[StepRecord, ...]
    milestones: Milestones
    timeline: tuple[Event, ...]
    verdict: Verdict | None = None
    stability: Watch | None = None
