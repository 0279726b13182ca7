"""The stability watch and the soak: a period in which every check must stay healthy.

A period counts only while somebody looks. A gap longer than allowed starts it anew, so that a
machine that slept through the thirty minutes cannot call them stable. So does a clock that was set
back: until it caught up, no look would count, and no failing check be seen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from lastgood.model.check import Health, HealthState
from lastgood.model.revision import same_version
from lastgood.model.watch import Watch, WatchKind, WatchState

if TYPE_CHECKING:
    from datetime import datetime

    from lastgood.model.observation import Observation, ServiceView


def advance(
    watch: Watch, observation: Observation | None, now: datetime, max_gap_s: float
) -> Watch:
    """Move a soak or stability watch on by one observation.

    - A check believed to fail: regressed.
    - Every check healthy: one more sample; held once the period's end is reached.
    - Anything else (nothing seen, this machine blind, a check without a standing, another release
      running or answering than the one that soaks) counts for nothing: the gap grows.

    Args:
        watch: as it stands; one that has ended stays as it is.
        observation: the newest look; one that was counted before changes nothing.
        now: the present time; a look older than `max_gap_s` says nothing of it.
        max_gap_s: the longest time without a sample that the period survives.
    """
    if watch.state is not WatchState.PENDING or observation is None:
        return watch
    seen_at = observation.at
    last = watch.last_sample_at or watch.since
    set_back_s = (last - now).total_seconds()
    if set_back_s > max_gap_s:
        return begun_again(watch, now, f"the clock went back by {set_back_s:.0f} s")
    counted = watch.last_sample_at is not None and seen_at <= last
    if counted or seen_at < last or (now - seen_at).total_seconds() > max_gap_s:
        return watch
    healths = watched(watch, observation)
    failing = sorted(name for name, health in healths.items() if fails(health))
    if failing and observation.connectivity is not False:
        return msgspec.structs.replace(
            watch, state=WatchState.REGRESSED, note=f"failing: {', '.join(failing)}"
        )
    if not is_sample(watch, observation, healths):
        return watch
    return count(watch, seen_at, len(healths), max_gap_s)


def watched(watch: Watch, observation: Observation) -> dict[str, Health]:
    """The checks that matter: a soak's are its service's, a stability watch's are all."""
    belongs = observation.check_services
    return {
        name: health
        for name, health in observation.healths.items()
        if watch.service is None or watch.service in belongs.get(name, ())
    }


def fails(health: Health) -> bool:
    """Whether a check is believed to fail, and not for want of our own connectivity."""
    own_fault = health.last is not None and health.last.own_fault
    return health.state is HealthState.FAILING and not own_fault


def is_sample(watch: Watch, observation: Observation, healths: dict[str, Health]) -> bool:
    """Whether an observation without a failing check speaks for the watched period."""
    if observation.connectivity is False or not healths:
        return False
    if watch.kind is WatchKind.SOAK and watch.service is not None:
        view = observation.services.get(watch.service)
        if view is not None and not runs_only(view, watch.subject):
            return False
    return all(health.state is HealthState.HEALTHY for health in healths.values())


def runs_only(view: ServiceView, commit: str) -> bool:
    """Whether nothing says that another release runs: neither the driver nor an instance."""
    seen = (view.live, *view.answering.values())
    return all(version is None or same_version(version, commit) for version in seen)


def begun_again(watch: Watch, since: datetime, why: str) -> Watch:
    """The watch with its whole period still to go."""
    return msgspec.structs.replace(
        watch,
        since=since,
        until=since + (watch.until - watch.since),
        samples=0,
        last_sample_at=None,
        longest_gap_s=0.0,
        note=f"begun again after {why}",
    )


def count(watch: Watch, seen_at: datetime, results: int, max_gap_s: float) -> Watch:
    """The watch with one more good look."""
    gap = (seen_at - (watch.last_sample_at or watch.since)).total_seconds()
    if gap > max_gap_s:
        again = begun_again(watch, seen_at, f"{gap:.0f} s without a look")
        return msgspec.structs.replace(again, samples=results, last_sample_at=seen_at)
    return msgspec.structs.replace(
        watch,
        state=WatchState.HELD if seen_at >= watch.until else WatchState.PENDING,
        samples=watch.samples + results,
        last_sample_at=seen_at,
        longest_gap_s=max(watch.longest_gap_s, gap),
    )
