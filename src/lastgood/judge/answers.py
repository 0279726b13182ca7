"""The answers to the tree's questions, each with what it rests on.

What a person states is the answer; what was measured is said beside it. Without a statement:

- *affected* rests on the anytime-valid interval of the measured share, never on the naked
  percentage: the lower end over the threshold is yes, the upper end not over it is no, in between
  is not known. In a total outage the failing users vanish from the measurement, so the checks are
  asked too: every check failing counts as all users affected, whether the outage is old enough or
  not, because waiting ten minutes helps nobody when a new release took everything down; every check
  healthy and nobody measured affected counts as no.
- *corruption* is also what a failing check showed that found damage in a database.
- *outage* is complete when every check of one service is believed to fail and no fresh measurement
  shows that most users are served all the same.
- A *stated* outage that is not over its threshold does not answer the share of users: whoever
  states it can state the share as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lastgood.judge.tree import Says
from lastgood.judge.words import duration, measured_share, percent
from lastgood.model.check import Health, HealthState

if TYPE_CHECKING:
    from collections.abc import Callable

    from lastgood.judge.case import Case

NOT_STATED = "not stated"
CORRUPTION = "corruption"


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What is said, and why.

    Attributes:
        stated: a person's word, not a measurement.
    """

    says: Says
    because: str
    stated: bool = False


def stated(case: Case, what: str) -> str:
    """Who said so."""
    return f"{what}, stated by {case.statement.by or 'a person'}"


def known(case: Case) -> Answer:
    """Whether there is any input at all."""
    if not case.statement.empty:
        return Answer(says=Says.YES, because=stated(case, "an answer"), stated=True)
    if case.blind:
        because = "this machine reached nothing at all, so what it saw says nothing of the services"
        return Answer(says=Says.NO, because=because)
    looked = [h for h in case.healths.values() if h.state is not HealthState.UNKNOWN]
    if looked or case.share is not None:
        return Answer(says=Says.YES, because=f"{len(looked)} checks have a standing")
    return Answer(
        says=Says.NO, because="nothing is stated, no check has a standing, no share is measured"
    )


def flag(what: str, read: Callable[[Case], bool]) -> Callable[[Case], Answer]:
    """The answer to a question that only a person can answer; silence is no."""

    def answer(case: Case) -> Answer:
        if read(case):
            return Answer(says=Says.YES, because=stated(case, what), stated=True)
        return Answer(says=Says.NO, because=NOT_STATED)

    return answer


def corruption(case: Case) -> Answer:
    """Whether data is corrupted: a person says so, or a check found damage."""
    if case.statement.corruption:
        return Answer(says=Says.YES, because=stated(case, "corrupted data"), stated=True)
    found = case.showing(CORRUPTION)
    if not found:
        return Answer(says=Says.NO, because=NOT_STATED)
    said = [f"{name}: {health.last.error}" for name, health in found.items() if health.last]
    return Answer(says=Says.YES, because=f"data is damaged: {'; '.join(said)}")


def outage(case: Case) -> Answer:
    """Whether a complete outage is over its threshold."""
    limit = case.policy.outage_over_s
    lasted = case.statement.outage_s
    if lasted is not None:
        says = Says.YES if lasted > limit else Says.NO
        return Answer(says=says, because=stated(case, f"{duration(lasted)} of outage"), stated=True)
    running = observed_outage(case)
    if running is None:
        return Answer(says=Says.NO, because=no_outage(case))
    service, lasted, checks = running
    because = f"every check of {service} ({checks}) fails for {duration(lasted)}"
    return Answer(says=Says.YES if lasted > limit else Says.NO, because=because)


def outage_runs(case: Case) -> Answer:
    """Whether there is a complete outage, however short."""
    lasted = case.statement.outage_s
    if lasted is not None:
        because = stated(case, f"{duration(lasted)} of outage so far")
        return Answer(says=Says.YES, because=because, stated=True)
    running = observed_outage(case)
    if running is None:
        return Answer(says=Says.NO, because=no_outage(case))
    service, lasted, _ = running
    return Answer(says=Says.YES, because=f"{service} has been out for {duration(lasted)}")


def observed_outage(case: Case) -> tuple[str, float, int] | None:
    """The longest complete outage of a service: its name, seconds, and number of checks."""
    if case.seen is None or most_are_served(case):
        return None
    services = sorted({s for names in case.seen.check_services.values() for s in names})
    found = []
    for service in services:
        checks = case.checks_of(service)
        since = [
            h.failing_since for h in checks.values() if fails(h) and h.failing_since is not None
        ]
        if checks and len(since) == len(checks):
            lasted = (case.now - max(since)).total_seconds()  # complete once the last one failed
            found.append((service, lasted, len(checks)))
    return max(found, key=lambda each: each[1], default=None)


def most_are_served(case: Case) -> bool:
    """Whether a fresh measurement shows that the share of users affected is not too high."""
    share = case.share
    return (
        share is not None
        and share.high is not None
        and (share.high <= case.policy.rollback_over_share)
    )


def fails(health: Health) -> bool:
    """Whether a check is believed to fail."""
    return health.state is HealthState.FAILING


def no_outage(case: Case) -> str:
    """Why there is no complete outage as far as can be seen."""
    if case.failing and most_are_served(case):
        return "checks fail, but the traffic shows that most users are served"
    return "no service has all of its checks failing" if case.healths else NOT_STATED


def affected(case: Case) -> Answer:
    """Whether the share of users affected is over its threshold."""
    over = case.policy.rollback_over_share
    share = case.statement.affected
    if share is not None:
        because = stated(case, f"{percent(share)} of users affected")
        if share > over:
            return Answer(says=Says.YES, because=because, stated=True)
        return Answer(says=Says.NO, because=f"{because}: not over {percent(over)}", stated=True)
    return measured(case) or probed(case)


def measured(case: Case) -> Answer | None:
    """The answer of the measured share alone; None when it gives none."""
    over = case.policy.rollback_over_share
    share = case.share
    if share is None or share.low is None or share.high is None:
        return None
    if share.low > over:
        return Answer(says=Says.YES, because=measured_share(share))
    if share.high <= over:
        return Answer(says=Says.NO, because=f"{measured_share(share)}: not over {percent(over)}")
    return None


def probed(case: Case) -> Answer:
    """The answer of the checks, where the measured share gives none."""
    share = case.share
    checks, failing = case.healths, case.failing
    if case.down:
        return Answer(says=Says.YES, because=f"every check fails ({len(checks)})")
    if share is not None and share.failed > 0:
        because = f"{measured_share(share)}: too few users yet to tell"
        return Answer(says=Says.UNKNOWN, because=because)
    if case.healthy:
        return Answer(says=Says.NO, because=f"every check is healthy ({len(checks)})")
    return Answer(
        says=Says.UNKNOWN,
        because=f"{unmeasured(case)}; {len(failing)} of {len(checks)} checks fail",
    )


def unmeasured(case: Case) -> str:
    """Why there is no share to go by."""
    signal = case.share_signal
    if signal is None:
        return "the share of users affected is neither stated nor measured"
    if signal.error:
        return f"the share of users affected was not measured: {signal.error}"
    age = case.age_s(signal)
    if age is None:
        return "the share of users affected was not measured: there are no requests"
    if age > case.policy.fresh_within_s:
        return f"the newest request that was measured is {duration(age)} old"
    return measured_share(signal)


def hotfix(case: Case) -> Answer:
    """Whether a hotfix could be live soon enough; without a time there is none."""
    ready = case.statement.hotfix_in_s
    if ready is None:
        return Answer(says=Says.NO, because="no time for a hotfix is stated")
    says = Says.YES if ready < case.policy.hotfix_under_s else Says.NO
    return Answer(says=says, because=stated(case, f"a hotfix in {duration(ready)}"), stated=True)
