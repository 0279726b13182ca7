"""When what was reached, and how long each way took."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tests.report.test_markdown import a_report

from lastgood.model.incident import Incident
from lastgood.model.report import Milestones
from lastgood.report.milestones import durations, milestones

AT = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)


def test_what_nobody_knows_is_left_out_and_bridged() -> None:
    times = Milestones(
        impact_start=None,
        detected=AT,
        decided=AT + timedelta(seconds=30),
        started=None,
        mitigated=AT + timedelta(seconds=33),
        stable=None,
    )
    assert durations(times) == [("detected", "decided", 30.0), ("decided", "mitigated", 3.0)]


def test_a_single_time_has_no_duration() -> None:
    assert durations(Milestones(detected=AT)) == []


def test_nothing_is_detected_before_it_began() -> None:
    """A command opened the incident; the first look came after it."""
    incident = Incident(
        id="inc-1", environment="production", title="it is slow", by="ada", opened_at=AT,
        detected_at=AT, impact_start=AT + timedelta(seconds=2),
    )  # fmt: skip
    times = milestones(a_report(None).run, (), incident, None)
    assert times.impact_start == times.detected == AT
