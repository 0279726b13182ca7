"""What a check saw, and the health that follows from several looks."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from lastgood.model.noun import Noun


class CheckResult(Noun, frozen=True, kw_only=True):
    """One look at one address.

    Attributes:
        name: the check's name in the configuration.
        address: what was asked, without credentials.
        ok: every condition held.
        status: what answered, e.g. `200`, `connected`, `exit 0`, or None when nothing did.
        latency_ms: until the whole answer was there; None when there was none.
        version: the version that the answer names, when the check reads one.
        error: why it is not ok, in one line; None when ok.
        tls_expires_at: the certificate's end, for HTTPS.
        own_fault: it failed because this machine has no connectivity: says nothing of the service.
        shows: what its failure shows beyond itself, e.g. `corruption`; None where it shows nothing.
    """

    name: str
    address: str
    at: datetime
    ok: bool
    status: str | None = None
    latency_ms: float | None = None
    version: str | None = None
    error: str | None = None
    tls_expires_at: datetime | None = None
    own_fault: bool = False
    shows: str | None = None


class HealthState(StrEnum):
    """A check's standing after thresholds both ways."""

    HEALTHY = "healthy"
    FAILING = "failing"
    UNKNOWN = "unknown"


class Health(Noun, frozen=True, kw_only=True):
    """A check's standing: it turns only after enough equal results in a row.

    Attributes:
        state: what is believed.
        streak: equal results in a row up to the last one.
        streak_ok: what those results were.
        since: when the present state began; None while unknown.
        failing_since: the first failure of the current failing streak.
        last: the newest result.
    """

    name: str
    state: HealthState = HealthState.UNKNOWN
    streak: int = 0
    streak_ok: bool = True
    since: datetime | None = None
    failing_since: datetime | None = None
    last: CheckResult | None = None


class Thresholds(Noun, frozen=True, kw_only=True):
    """How many equal results in a row turn a check's standing."""

    fail_after: int = 3
    recover_after: int = 2
