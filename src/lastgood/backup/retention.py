"""Which backups may go. Pure: the time and all that is known are arguments.

Everything here errs on the side of keeping: a backup that stays too long costs some money.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from lastgood.model.backup import BackupKind, StoredBackup
from lastgood.model.noun import Noun

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

DAY_S = 24 * 3600.0


class Rules(Noun, frozen=True, kw_only=True):
    """How long backups are kept.

    Attributes:
        keep_s: seconds that every backup is kept.
        manual_s: seconds that one is kept which a person asked for or imported.
        daily: of how many days the last proven backup is kept beyond that.
        weekly: of how many weeks.
    """

    keep_s: float = 7 * DAY_S
    manual_s: float = 30 * DAY_S
    daily: int = 0
    weekly: int = 0

    def period(self, kind: BackupKind) -> timedelta:
        """How long one of this kind is kept."""
        asked_for = kind in {BackupKind.MANUAL, BackupKind.IMPORTED}
        return timedelta(seconds=max(self.keep_s, self.manual_s) if asked_for else self.keep_s)


class Target(Noun, frozen=True, kw_only=True):
    """A release that a rollback may go back to, and when it was put live."""

    service: str
    commit: str
    deployed_at: datetime


class Facts(Noun, frozen=True, kw_only=True):
    """What retention must know beside the backups.

    Attributes:
        targets: the releases that a rollback may go back to.
        in_use: ids of backups that are being restored, read or are a warm target's source.
        frozen: why nothing may go now (a release soaks or is held, an incident is open); empty
            when nothing speaks against it.
        failing: why the newest try to back up made no backup; empty when it did.
    """

    targets: tuple[Target, ...] = ()
    in_use: frozenset[str] = frozenset()
    frozen: str = ""
    failing: str = ""


class Decision(NamedTuple):
    """What becomes of a backup, and why."""

    backup: StoredBackup
    keep: bool
    reason: str


@dataclass(frozen=True)
class _Case:
    """Everything that is known, the newest backup first."""

    backups: tuple[StoredBackup, ...]
    now: datetime
    rules: Rules
    facts: Facts


def decide(
    backups: Iterable[StoredBackup], now: datetime, rules: Rules, facts: Facts
) -> list[Decision]:
    """What becomes of each backup, the newest first.

    What is decided does not depend on the order in which they come, and deciding again on those
    that were kept drops none of them while the time and the facts are the same.
    """
    ordered = sorted(backups, key=lambda one: (one.backup.created_at, one.backup.id), reverse=True)
    case = _Case(tuple(ordered), now, rules, facts)
    reasons: dict[str, str] = {}
    for reason, kept in _reasons(case):
        for stored in kept:
            reasons.setdefault(stored.backup.id, reason)
    return [
        Decision(one, keep=True, reason=reasons[one.backup.id])
        if one.backup.id in reasons
        else Decision(one, keep=False, reason=_why_not(one, case))
        for one in case.backups
    ]


def _reasons(case: _Case) -> Iterator[tuple[str, Iterable[StoredBackup]]]:
    """Each reason to keep backups, the strongest first, with those that it keeps."""
    backups, facts = case.backups, case.facts
    for stored in backups:
        if stored.pinned:
            yield f"pinned: {stored.pinned}", [stored]
    yield "in use", [one for one in backups if one.backup.id in facts.in_use]
    halted = _halted(case)
    if halted:
        yield halted, backups
    yield "the last one that a restore has proven", _first(_proven(backups))
    yield from _periods(case)
    yield from _for_targets(case)
    yield from _calendar(case)


def _halted(case: _Case) -> str:
    """Why nothing at all may go; empty when something may."""
    if case.facts.frozen:
        return f"nothing goes now: {case.facts.frozen}"
    if case.facts.failing:
        return f"nothing goes while newer backups fail: {case.facts.failing}"
    newest = next(iter(case.backups), None)
    if newest is not None and not newest.restorable:
        how = "was not proven yet" if newest.proof is None else "could not be restored"
        return f"nothing goes while the newest backup {how}"
    # A dead schedule, or a clock that jumped: by their age alone all of them would go.
    if newest is not None and _age(newest, case) > timedelta(seconds=case.rules.keep_s):
        return f"nothing goes since there is no backup after {newest.backup.created_at:%F %H:%M}"
    return ""


def _periods(case: _Case) -> Iterator[tuple[str, Iterable[StoredBackup]]]:
    for stored in case.backups:
        period = case.rules.period(stored.backup.kind)
        if _age(stored, case) <= period:
            yield f"younger than {_said(period)} ({stored.backup.kind})", [stored]


def _for_targets(case: _Case) -> Iterator[tuple[str, Iterable[StoredBackup]]]:
    """For each release that may be gone back to: the newest from before it, and from under it."""
    for target in case.facts.targets:
        name = f"{target.service} {target.commit[:12]}"
        before = [one for one in case.backups if one.backup.created_at <= target.deployed_at]
        under = [
            one for one in case.backups if one.backup.releases.get(target.service) == target.commit
        ]
        yield f"the newest before {name}, which may be gone back to", _first(before)
        yield f"the newest proven before {name}, which may be gone back to", _first(_proven(before))
        yield f"the newest under {name}, which may be gone back to", _first(under)
        yield f"the newest proven under {name}, which may be gone back to", _first(_proven(under))


def _calendar(case: _Case) -> Iterator[tuple[str, Iterable[StoredBackup]]]:
    proven = _proven(case.backups)
    yield "the last of its day", _newest_of_each(proven, case.rules.daily, lambda at: at.date())
    yield (
        "the last of its week",
        _newest_of_each(proven, case.rules.weekly, lambda at: at.isocalendar()[:2]),
    )


def _newest_of_each(
    backups: Sequence[StoredBackup], count: int, span: Callable[[datetime], object]
) -> list[StoredBackup]:
    """The newest of each of the last so many days or weeks (UTC) that have any."""
    newest: dict[object, StoredBackup] = {}
    for stored in backups:
        newest.setdefault(span(stored.backup.created_at.astimezone(UTC)), stored)
    return list(newest.values())[:count]


def _why_not(stored: StoredBackup, case: _Case) -> str:
    period = _said(case.rules.period(stored.backup.kind))
    return f"older than {period} ({stored.backup.kind}), and newer ones are proven"


def _proven(backups: Iterable[StoredBackup]) -> list[StoredBackup]:
    return [one for one in backups if one.restorable]


def _first(backups: Sequence[StoredBackup]) -> Sequence[StoredBackup]:
    return backups[:1]


def _age(stored: StoredBackup, case: _Case) -> timedelta:
    return case.now - stored.backup.created_at


def _said(period: timedelta) -> str:
    hours = period.total_seconds() / 3600
    return f"{hours / 24:g} days" if hours >= 24 else f"{hours:g} hours"  # noqa: PLR2004 - a day
