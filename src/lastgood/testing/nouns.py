"""Nouns for tests, made with only what a case is about; times are minutes from `START`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from lastgood.model.check import CheckResult, Health, HealthState
from lastgood.model.hold import Hold
from lastgood.model.observation import Observation, ServiceView
from lastgood.model.release import GoodEvidence, Release, Standing, release_id
from lastgood.model.signal import USERS_AFFECTED, Signal

if TYPE_CHECKING:
    from collections.abc import Mapping

START = datetime(2026, 3, 5, 12, 0, tzinfo=UTC)
ENVIRONMENT = "production"


def at(minutes: float) -> datetime:
    """A time, in minutes from `START`."""
    return START + timedelta(minutes=minutes)


def commit(letter: str) -> str:
    """A full commit hash of one hexadecimal digit."""
    return letter * 40


def release(
    letter: str,
    standing: Standing = Standing.KNOWN_GOOD,
    *,
    minutes: float = 0,
    service: str = "backend",
    same_tree_as: str | None = None,
) -> Release:
    """A release whose commit is one digit repeated."""
    return Release(
        id=release_id(service, commit(letter)),
        environment=ENVIRONMENT,
        service=service,
        commit=commit(letter),
        standing=standing,
        recorded_at=at(minutes),
        same_tree_as=None if same_tree_as is None else commit(same_tree_as),
        evidence=GoodEvidence(kind="mark", at=at(minutes), by="ada", reason="as it was seen"),
    )


def hold(
    letter: str,
    *,
    service: str = "backend",
    lifted: bool = False,
    minutes: float = 0,
    fix: str | None = None,
) -> Hold:
    """A hold on a release."""
    return Hold(
        id=1,
        environment=ENVIRONMENT,
        service=service,
        commit=commit(letter),
        reason="it broke the login",
        by="ada",
        at=at(minutes),
        fix=None if fix is None else commit(fix),
        lifted_at=START if lifted else None,
    )


def health(
    name: str,
    state: HealthState = HealthState.HEALTHY,
    *,
    since: float | None = None,
    own_fault: bool = False,
) -> Health:
    """A check's standing, with the minute in which its failing streak began."""
    ok = state is HealthState.HEALTHY
    return Health(
        name=name,
        state=state,
        streak=3,
        streak_ok=ok,
        failing_since=None if since is None else at(since),
        last=CheckResult(
            name=name,
            address=f"https://example.org/{name}",
            at=START,
            ok=ok,
            error=None if ok else "answered 500",
            own_fault=own_fault,
        ),
    )


def failing(name: str, since: float) -> Health:
    """A check that is believed to fail since a minute."""
    return health(name, HealthState.FAILING, since=since)


def share(
    low: float | None,
    high: float | None,
    *,
    n: int = 200,
    failed: int = 100,
    minutes: float = 0,
    age_s: float | None = 1.0,
    since: float | None = None,
    failed_since: float | None = None,
    name: str = USERS_AFFECTED,
) -> Signal:
    """A measured share of users affected, by its interval, over the minute before `minutes`."""
    return Signal(
        name=name,
        source="access.json",
        at=at(minutes),
        since=at(minutes - 1 if since is None else since),
        failed_since=None if failed_since is None else at(failed_since),
        value=failed / n if n else None,
        low=low,
        high=high,
        n=n,
        failed=failed,
        age_s=age_s,
    )


def observation(
    *healths: Health,
    minutes: float = 0,
    signal: Signal | None = None,
    services: Mapping[str, tuple[str | None, float | None]] | None = None,
    belongs: Mapping[str, tuple[str, ...]] | None = None,
    connectivity: bool | None = True,
) -> Observation:
    """An observation.

    Args:
        healths: the checks' standings.
        minutes: when it was made.
        signal: the share of users affected.
        services: what runs, by service: the commit's digit, and the minute it went live.
        belongs: the services of each check; without it all belong to `backend`.
        connectivity: whether this machine reached anything.
    """
    return Observation(
        environment=ENVIRONMENT,
        at=at(minutes),
        healths={h.name: h for h in healths},
        signals=() if signal is None else (signal,),
        services={
            name: ServiceView(
                name=name,
                live=None if letter is None else commit(letter),
                live_since=None if since is None else at(since),
            )
            for name, (letter, since) in (services or {}).items()
        },
        check_services=dict(belongs or {h.name: ("backend",) for h in healths}),
        connectivity=connectivity,
    )
