"""A watch: something that is looked at until a time, by whichever runner lives."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from lastgood.model.noun import Noun


class WatchKind(StrEnum):
    """What a watch is for."""

    SOAK = "soak"
    STABILITY = "stability"
    HOTFIX = "hotfix"


class WatchState(StrEnum):
    """How a watch stands: `held` and `regressed` are ends."""

    PENDING = "pending"
    HELD = "held"
    REGRESSED = "regressed"
    SUPERSEDED = "superseded"


class Watch(Noun, frozen=True, kw_only=True):
    """A period in which checks must stay healthy, or a clock that runs out.

    Attributes:
        subject: the release's commit (soak), the run (stability), the incident (hotfix).
        service: for a soak.
        since: start of the counted period; moved on when the watching had a gap.
        until: when it ends well.
        samples: check results seen since `since`.
        last_sample_at: when the newest one was seen.
        longest_gap_s: the longest time between two.
    """

    id: int
    environment: str
    kind: WatchKind
    subject: str
    since: datetime
    until: datetime
    state: WatchState = WatchState.PENDING
    service: str | None = None
    samples: int = 0
    last_sample_at: datetime | None = None
    longest_gap_s: float = 0.0
    note: str = ""
