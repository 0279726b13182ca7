"""An incident: what happened from first signal to resolution."""

from __future__ import annotations

from datetime import datetime

from lastgood.model.noun import Noun


class Incident(Noun, frozen=True, kw_only=True):
    """The minimal record of an incident; its timeline is read from the events.

    Attributes:
        by: who or what opened it: a person's name, or `verdict`.
        impact_start: when users were first affected, as far as is known.
    """

    id: str
    environment: str
    title: str
    by: str
    opened_at: datetime
    impact_start: datetime | None = None
    detected_at: datetime | None = None
    resolved_at: datetime | None = None
    resolved_by: str | None = None
    note: str = ""
