"""How shares, times and intervals are written in reasons."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lastgood.model.signal import Signal

MINUTE = 60
HOUR = 3600


def percent(share: float) -> str:
    """A share as a percentage, fine enough to tell 50.04 from 50."""
    return f"{share * 100:.4g} %"


def duration(seconds: float) -> str:
    """Seconds in the two largest units that matter."""
    whole = round(seconds)
    if whole < MINUTE:
        return f"{whole} s"
    if whole < HOUR:
        return f"{whole // MINUTE} min {whole % MINUTE} s".removesuffix(" 0 s")
    return f"{whole // HOUR} h {whole % HOUR // MINUTE} min".removesuffix(" 0 min")


def clock(at: datetime) -> str:
    """A time as people read it in a reason."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def measured_share(signal: Signal) -> str:
    """The measured share of users affected, its interval and how many users it rests on.

    Where it was read stands in the evidence.
    """
    value, low, high = (
        "?" if share is None else f"{share * 100:.3g}"
        for share in (signal.value, signal.low, signal.high)
    )
    return f"{value} % of users affected ({low} to {high} %, n = {signal.n})"
