"""Whether the live release is the likely cause of what is seen.

A rollback takes away what a deployment brought; a problem that it did not bring stays. So from
observations a rollback is advised only when the problem began after the live release was deployed,
within the policy's time, and a known good release differs from what runs:

- it began earlier: evidence *against* the deployment. Only this turns what a person states.
- it began too late, or nothing known good differs from what runs: *unlikely*; look at what else
  changed. An observation alone then comes to "monitor".
- the ledger does not say what is live since when, or nothing is known good: *not known*. An
  observation alone then is insufficient evidence.

An attempted fix on top of a bad release must not acquit the bad one: while what runs is not known
good, every release recorded since the newest known good one counts, not only the live one. After a
rollback what runs is known good, so only what began after the rollback speaks for going further.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from lastgood.judge.answers import Answer, affected, outage
from lastgood.judge.tree import Says
from lastgood.judge.words import clock, duration
from lastgood.model.release import Standing, contents

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from lastgood.judge.case import Case
    from lastgood.model.release import Release

# A deployment is recorded when it is done, and its faults can show while it is still going on; the
# runbook's slower deployments take five to eight minutes.
RECORD_LAG = timedelta(minutes=8)

WENT_LIVE = frozenset({Standing.CANDIDATE, Standing.BAD})


class Likely(StrEnum):
    """How the evidence stands on the deployment as the cause."""

    YES = "likely"
    AGAINST = "against"
    UNLIKELY = "unlikely"
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True, slots=True)
class Cause:
    """How one service's deployment stands as the cause.

    Attributes:
        deployed_at: of the release that the problem came with, when it is likely.
        soaked: what runs is itself known good.
        nowhere: nothing known good differs from what runs, whatever began when.
    """

    service: str
    likely: Likely
    because: str
    deployed_at: datetime | None = None
    soaked: bool = False
    nowhere: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Beginning:
    """Between when and when a problem began, and what it is in words.

    Nobody may have looked before: `seen` says no more than that.
    """

    what: str
    seen: str
    whose: str
    earliest: datetime
    latest: datetime


def attribute(case: Case) -> tuple[Cause, ...]:
    """How the deployment of each affected service stands as the cause.

    Affected are the services that failing checks belong to; while none fails and only the share of
    users tells of a problem, every service may be. So it is when the failing ones do not explain
    the share: a check that is broken anyway must not hide the release that users fail by.
    """
    if case.seen is None:
        return ()
    causes = [attribute_service(case, service) for service in case.affected_services]
    share = case.share
    too_many = share is not None and (share.low or 0.0) > case.policy.rollback_over_share
    if not causes or (too_many and all(c.likely is not Likely.YES for c in causes)):
        others = case.seen.services.keys() - set(case.affected_services)
        causes += [attribute_service(case, service) for service in sorted(others)]
    return cleared(causes)


def cleared(causes: Sequence[Cause]) -> tuple[Cause, ...]:
    """The causes without known good releases, as long as one that is none explains the problem.

    A share does not say which service fails, and one service's fault shows in the checks of those
    that need it: what soaked is not taken back on suspicion. If it does not recover, the next
    verdict finds nothing but known good releases, and then they count.
    """
    if not any(c.likely is Likely.YES and not c.soaked for c in causes):
        return tuple(causes)
    return tuple(
        replace(c, likely=Likely.UNLIKELY, because=f"what runs of {c.service} is known good itself")
        if c.likely is Likely.YES and c.soaked
        else c
        for c in causes
    )


def attribute_service(case: Case, service: str) -> Cause:
    """How one service's deployment stands as the cause."""
    view = case.seen.services.get(service) if case.seen is not None else None
    running = view.live if view is not None else None
    releases = [r for r in case.releases if r.service == service]
    carried = contents(releases)
    live = None if running is None else carried.get(running, running)
    good = {
        carried.get(r.commit, r.commit): r for r in releases if r.standing is Standing.KNOWN_GOOD
    }
    cause = against_time(case, service, live, releases, good)
    return replace(cause, soaked=live in good, nowhere=not good.keys() - {live})


def against_time(
    case: Case,
    service: str,
    live: str | None,
    releases: Sequence[Release],
    good: Mapping[str, Release],
) -> Cause:
    """How the time at which the problem began stands to the service's deployments."""
    view = case.seen.services.get(service) if case.seen is not None else None
    if view is None or live is None or view.live_since is None:
        because = f"nobody knows which release of {service} is live since when"
        return Cause(service=service, likely=Likely.UNKNOWN, because=because)
    began = beginning(case, service)
    changes = deployments(live, view.live_since, releases, good)
    if began is not None and began.latest < min(changes) - RECORD_LAG:
        because = (
            f"{began.what} at {clock(began.latest)}, "
            f"before {began.whose} release was deployed at {clock(min(changes))}"
        )
        return Cause(service=service, likely=Likely.AGAINST, because=because)
    if not good:
        because = f"no release of {service} is known good"
        return Cause(service=service, likely=Likely.UNKNOWN, because=because)
    if set(good) == {live}:
        because = f"{service} runs its only known good release"
        return Cause(service=service, likely=Likely.UNLIKELY, because=because)
    if began is None:
        because = f"when {service} began to fail was not seen"
        return Cause(service=service, likely=Likely.UNKNOWN, because=because)
    return compare(service, began, changes, case.policy.likely_cause_within_s)


def compare(service: str, began: Beginning, changes: Sequence[datetime], within_s: float) -> Cause:
    """Whether a problem began within the policy's time after one of the deployments."""
    for at in sorted(changes, reverse=True):
        if at - RECORD_LAG <= began.latest and (began.earliest - at).total_seconds() <= within_s:
            lag = duration(max(0.0, (began.latest - at).total_seconds()))
            because = f"{began.what} within {lag} of {began.whose} deployment"
            return Cause(service=service, likely=Likely.YES, because=because, deployed_at=at)
    ran = duration((began.earliest - max(changes)).total_seconds())
    because = f"{service} ran for {ran} before {began.seen}"
    return Cause(service=service, likely=Likely.UNLIKELY, because=because)


def beginning(case: Case, service: str) -> Beginning | None:
    """Between when and when the problem of a service began, as far as was seen.

    The newest of its failing checks counts, so that a check that has been broken for days does not
    acquit a release. A share tells only that it began within its window or before, and of users,
    not of which service.
    """
    since = [
        health.failing_since
        for name, health in case.checks_of(service).items()
        if name in case.failing and health.failing_since is not None
    ]
    if since:
        return Beginning(
            what=f"{service} failed",
            seen="it was seen to fail",
            whose="its",
            earliest=max(since),
            latest=max(since),
        )
    share = case.share
    if share is None or not share.failed:
        return None
    return Beginning(
        what="requests of users failed",
        seen="requests of users were seen to fail",
        whose=f"{service}'s",
        earliest=share.since or share.at,
        latest=share.at,
    )


def deployments(
    live: str, live_since: datetime, releases: Sequence[Release], good: Mapping[str, Release]
) -> tuple[datetime, ...]:
    """When releases went live that the problem may have come with; the live one's time at least."""
    if not good or live in good:
        return (live_since,)
    newest = max(r.recorded_at for r in good.values())
    later = (
        r.recorded_at
        for r in releases
        if r.standing in WENT_LIVE and newest < r.recorded_at < live_since and not r.same_tree_as
    )
    return (live_since, *later)


def overall(causes: Sequence[Cause]) -> Likely:
    """One standing for all affected services: one likely deployment is enough."""
    stands = {cause.likely for cause in causes}
    if Likely.YES in stands:
        return Likely.YES
    if stands == {Likely.AGAINST}:
        return Likely.AGAINST
    return Likely.UNKNOWN if Likely.UNKNOWN in stands or not stands else Likely.UNLIKELY


def is_cause(case: Case) -> Answer:
    """The answer to the tree's last question.

    A person's statement stands unless the evidence speaks against the deployment; an observation
    has to be attributed.
    """
    causes = attribute(case)
    likely = overall(causes)
    because = "; ".join(cause.because for cause in causes) or "no service was looked at"
    if decided_by_statement(case):
        if likely is Likely.AGAINST:
            return Answer(says=Says.NO, because=because)
        if likely is not Likely.YES:
            because = f"a person's word stands; {because}"
        return Answer(says=Says.YES, because=because, stated=True)
    says = {Likely.YES: Says.YES, Likely.UNKNOWN: Says.UNKNOWN}.get(likely, Says.NO)
    return Answer(says=says, because=because)


def decided_by_statement(case: Case) -> bool:
    """Whether a person's word is enough to come to the question of the cause."""
    words = (outage(case), affected(case))
    return any(answer.stated and answer.says is Says.YES for answer in words)
