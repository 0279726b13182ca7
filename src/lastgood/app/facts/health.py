"""Facts about checks and signals: what they say right now."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from lastgood.app.facts.fact import Fact
from lastgood.app.observing import watched_checks
from lastgood.app.project import now
from lastgood.model.check import HealthState
from lastgood.observe.observer import Observer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from lastgood.app.project import Project
    from lastgood.model.check import CheckResult, Health
    from lastgood.model.signal import Signal

SETTLE_S = 15.0
FRESH_S = 600.0
"""A log whose newest entry is older says nothing of what happens now."""
CERTIFICATE_DAYS = 14


async def check_facts(project: Project) -> AsyncIterator[Fact]:
    """Every check's standing now, and whether this machine reaches anything at all."""
    async with project.drivers() as drivers:
        watcher = Observer(environment=project.name, checks=watched_checks(project, drivers))
        seen = await watcher.settle(limit_s=SETTLE_S)
    for name, health in seen.healths.items():
        yield _standing(name, health)
    answered = sum(result.status is not None for result in seen.results)
    yield Fact(
        name="connectivity",
        ok=answered > 0,
        what=f"{answered} of {len(seen.results)} checked addresses answered this machine",
        mend=""
        if answered
        else "look at this machine's own network first: ip route, a name "
        "server; then at the services",
    )


async def signal_facts(project: Project) -> AsyncIterator[Fact]:
    """Every signal, whether it can be read, and how old its newest entry is."""
    async with project.drivers() as drivers:
        seen = await Observer(environment=project.name, signals=drivers.signals).observe()
    for signal in seen.signals:
        yield _signal(signal)


def _standing(name: str, health: Health) -> Fact:
    result = health.last
    about = f"check {name}"
    if result is None:
        what = f"it has no result after {SETTLE_S:g} s"
        return Fact(name=about, ok=False, what=what, mend="see: lastgood check")
    if health.state is not HealthState.HEALTHY:
        what = f"{health.state}: {result.error or 'it has not answered often enough yet'}"
        mend = f"see what {result.address} says; when production is bad: lastgood decide"
        return Fact(name=about, ok=False, what=what, mend=mend)
    return _healthy(about, result)


def _healthy(about: str, result: CheckResult) -> Fact:
    says = ["healthy", result.status or ""]
    if result.latency_ms is not None:
        says.append(f"in {result.latency_ms:.0f} ms")
    if result.version:
        says.append(f"from version {result.version[:12]}")
    mend = ""
    ends = result.tls_expires_at
    if ends is not None and ends - now() < timedelta(days=CERTIFICATE_DAYS):
        mend = f"renew its certificate: it ends {ends:%Y-%m-%d}"
    return Fact(name=about, ok=True, what=" ".join(filter(None, says)), mend=mend)


def _signal(signal: Signal) -> Fact:
    about = f"signal {signal.name}"
    stale = signal.age_s is None or signal.age_s > FRESH_S
    if signal.error and stale:
        age = f"; its newest entry is {signal.age_s:,.0f} s old" if signal.age_s else ""
        mend = f"see that {signal.source} is written to now, and that `user` is a field of it"
        return Fact(name=about, ok=False, what=f"{signal.error}{age}", mend=mend)
    if signal.value is None:
        return Fact(name=about, ok=True, what=signal.error or "no value")
    what = f"{signal.failed} of {signal.n} users affected; the newest entry is "
    return Fact(name=about, ok=True, what=f"{what}{signal.age_s or 0:.0f} s old")
