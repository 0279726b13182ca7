"""When what was reached, and how long each way took."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from lastgood.model.report import Milestones
from lastgood.report.milestones import durations

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
