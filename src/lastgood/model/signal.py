"""A signal: a measured share with what it rests on."""

from __future__ import annotations

from datetime import datetime

from lastgood.model.noun import Noun

USERS_AFFECTED = "users_affected"
"""The signal that the decision tree's first question is answered from."""


class Signal(Noun, frozen=True, kw_only=True):
    """A measured series' newest value.

    Attributes:
        name: e.g. `users_affected`.
        value: the share between 0 and 1, or None when nothing could be measured.
        low: lower end of an anytime-valid interval (99 % one-sided each way).
        high: its upper end.
        n: how many distinct users (or whatever is counted) it rests on.
        failed: how many of them were affected.
        source: where it was read.
        since: start of the window.
        failed_since: the first failure in the window; None without one, or where it is not known.
        at: end of the window: the newest entry, not the time of reading.
        age_s: how old the newest entry was when it was read; None without entries.
        error: why there is no value.
    """

    name: str
    source: str
    at: datetime
    since: datetime | None = None
    failed_since: datetime | None = None
    value: float | None = None
    low: float | None = None
    high: float | None = None
    n: int = 0
    failed: int = 0
    age_s: float | None = None
    error: str | None = None
