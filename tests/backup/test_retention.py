from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.backup.made import at, stored

from lastgood.backup.retention import DAY_S, Facts, Rules, Target, decide
from lastgood.model.backup import BackupKind, StoredBackup

DAY = 24
NOW = at(100 * DAY)
# One each six hours for so many days, the newest now.
MONTH = 30


def scheduled(days: int = MONTH) -> list[StoredBackup]:
    return [stored(100 * DAY - 6 * number) for number in range(days * 4)]


def kept(
    backups: list[StoredBackup], rules: Rules | None = None, facts: Facts | None = None
) -> dict[str, str]:
    """The kept ones' ids and reasons."""
    decided = decide(backups, NOW, rules or Rules(), facts or Facts())
    return {one.backup.backup.id: one.reason for one in decided if one.keep}


def ages(backups: list[StoredBackup], names: dict[str, str]) -> list[float]:
    """The kept ones' ages in hours."""
    found = [one for one in backups if one.backup.id in names]
    return sorted((NOW - one.backup.created_at) / timedelta(hours=1) for one in found)


def test_what_is_younger_than_a_week_stays_and_the_rest_goes() -> None:
    backups = scheduled()
    assert ages(backups, kept(backups)) == [6.0 * number for number in range(29)]


def test_each_decision_says_why() -> None:
    for decision in decide(scheduled(), NOW, Rules(), Facts()):
        age = NOW - decision.backup.backup.created_at
        assert decision.keep == (age <= timedelta(days=7))
        assert "7 days (scheduled)" in decision.reason or "last one" in decision.reason


def test_days_and_weeks_are_kept_by_their_last_proven_one() -> None:
    backups = scheduled(60)
    rules = Rules(keep_s=DAY_S, daily=10, weekly=4)
    names = kept(backups, rules)
    days = {one.backup.created_at.date() for one in backups if one.backup.id in names}
    assert {(NOW - timedelta(days=number)).date() for number in range(10)} <= days
    by_day = [one for one in backups if names.get(one.backup.id) == "the last of its day"]
    assert {one.backup.created_at.hour for one in by_day} == {18}
    by_week = [one for one in backups if names.get(one.backup.id) == "the last of its week"]
    assert {one.backup.created_at.isoweekday() for one in by_week} == {7}
    assert len(by_week) == 2  # the other two weeks' last ones are also the last of their days


def test_an_unproven_one_does_not_stand_for_its_day() -> None:
    proven, unproven = stored(90 * DAY + 6), stored(90 * DAY + 12, restorable=None)
    names = kept([stored(100 * DAY), proven, unproven], Rules(daily=30))
    assert proven.backup.id in names
    assert unproven.backup.id not in names


@pytest.mark.parametrize("kind", [BackupKind.MANUAL, BackupKind.IMPORTED])
def test_what_a_person_made_has_a_period_of_its_own(kind: BackupKind) -> None:
    old, older = stored(80 * DAY, kind=kind), stored(69 * DAY, kind=kind)
    names = kept([stored(100 * DAY), old, older])
    assert "30 days" in names[old.backup.id]
    assert older.backup.id not in names


def test_the_newest_before_and_under_each_possible_target_stays() -> None:
    target = Target(service="backend", commit="a" * 40, deployed_at=at(50 * DAY))
    before = [stored(49 * DAY), stored(48 * DAY), stored(47 * DAY)]
    unproven = stored(50 * DAY - 1, restorable=None)
    under = [stored(day * DAY, releases={"backend": "a" * 40}) for day in (60, 55)]
    other = stored(61 * DAY, releases={"backend": "b" * 40})
    names = kept(
        [stored(100 * DAY), *before, unproven, *under, other], facts=Facts(targets=(target,))
    )
    assert set(names) - {stored(100 * DAY).backup.id} == {
        before[0].backup.id,
        unproven.backup.id,
        under[0].backup.id,
    }
    assert "backend aaaaaaaaaaaa" in names[before[0].backup.id]


def test_nothing_goes_while_it_is_frozen() -> None:
    names = kept(scheduled(), facts=Facts(frozen="backend e828afd soaks"))
    assert len(names) == len(scheduled())
    assert all("backend e828afd soaks" in reason for reason in names.values())


def test_nothing_goes_while_newer_ones_fail() -> None:
    names = kept(scheduled(), facts=Facts(failing="the disk is full"))
    assert all("the disk is full" in reason for reason in names.values())
    assert len(names) == len(scheduled())


@pytest.mark.parametrize(("restorable", "said"), [(None, "not proven yet"), (False, "not be res")])
def test_nothing_goes_while_the_newest_is_not_proven(
    restorable: bool | None,  # noqa: FBT001 - a case
    said: str,
) -> None:
    backups = [stored(100 * DAY, restorable=restorable), *scheduled()[1:]]
    names = kept(backups)
    assert len(names) == len(backups)
    assert all(said in reason for reason in names.values())


def test_an_old_failure_in_between_holds_nothing() -> None:
    backups = scheduled()
    backups[3] = stored(100 * DAY - 18, restorable=False)
    assert len(kept(backups)) == 29


def test_a_schedule_that_died_loses_nothing_by_age() -> None:
    backups = [stored(hours) for hours in (10 * DAY, 11 * DAY, 12 * DAY)]
    names = kept(backups)
    assert len(names) == 3
    assert all("no backup after 2026-08-15" in reason for reason in names.values())


def test_without_backups_there_is_nothing_to_decide() -> None:
    assert decide([], NOW, Rules(), Facts()) == []


targets = st.builds(
    Target,
    service=st.sampled_from(["backend", "frontend"]),
    commit=st.sampled_from(["a" * 40, "b" * 40]),
    deployed_at=st.integers(0, 110 * DAY).map(at),
)
shelves = st.lists(
    st.builds(
        stored,
        st.integers(0, 101 * DAY),
        restorable=st.sampled_from([True, True, True, False, None]),
        pinned=st.sampled_from(["", "", "", "an audit"]),
        kind=st.sampled_from(BackupKind),
        releases=st.sampled_from([{}, {"backend": "a" * 40}, {"frontend": "b" * 40}]),
    ),
    max_size=25,
    unique_by=lambda one: one.backup.id,
)
rules_of_all_kinds = st.builds(
    Rules,
    keep_s=st.floats(3600, 60 * DAY_S),
    manual_s=st.floats(3600, 60 * DAY_S),
    daily=st.integers(0, 20),
    weekly=st.integers(0, 10),
)


@st.composite
def situations(draw: st.DrawFn) -> tuple[list[StoredBackup], Rules, Facts]:
    backups = draw(shelves)
    names = [one.backup.id for one in backups]
    facts = Facts(
        targets=tuple(draw(st.lists(targets, max_size=3))),
        in_use=frozenset(draw(st.lists(st.sampled_from(names), max_size=2)) if names else ()),
        frozen=draw(st.sampled_from(["", "", "", "an incident is open"])),
        failing=draw(st.sampled_from(["", "", "", "the server is gone"])),
    )
    return backups, draw(rules_of_all_kinds), facts


@given(situations())
def test_what_must_stay_stays(situation: tuple[list[StoredBackup], Rules, Facts]) -> None:
    backups, rules, facts = situation
    decided = decide(backups, NOW, rules, facts)
    assert sorted(one.backup.backup.id for one in decided) == sorted(
        one.backup.id for one in backups
    )
    assert all(one.reason for one in decided)
    gone = [one.backup for one in decided if not one.keep]
    left = [one.backup for one in decided if one.keep]
    youngest = max(backups, key=lambda one: one.backup.id, default=None)
    for one in gone:
        assert not one.pinned
        assert one.backup.id not in facts.in_use
        assert NOW - one.backup.created_at > timedelta(seconds=rules.keep_s)
    if gone:
        assert not facts.frozen
        assert not facts.failing
        assert youngest is not None
        assert youngest.restorable
        assert youngest in left
        assert any(one.restorable for one in left)
    for target in facts.targets:
        for pool in (backups, [one for one in backups if one.restorable]):
            before = [one for one in pool if one.backup.created_at <= target.deployed_at]
            if before:
                assert max(before, key=lambda one: one.backup.created_at) in left


@given(situations(), st.randoms(use_true_random=False))
def test_no_order_of_backups_changes_anything(
    situation: tuple[list[StoredBackup], Rules, Facts],
    chance: object,
) -> None:
    backups, rules, facts = situation
    mixed = list(backups)
    chance.shuffle(mixed)  # type: ignore[attr-defined]  # hypothesis' own generator
    assert decide(mixed, NOW, rules, facts) == decide(backups, NOW, rules, facts)


@given(situations())
def test_deciding_again_on_what_is_left_drops_nothing(
    situation: tuple[list[StoredBackup], Rules, Facts],
) -> None:
    backups, rules, facts = situation
    left = [one.backup for one in decide(backups, NOW, rules, facts) if one.keep]
    assert all(one.keep for one in decide(left, NOW, rules, facts))


@given(situations())
def test_longer_rules_never_drop_more(
    situation: tuple[list[StoredBackup], Rules, Facts],
) -> None:
    backups, rules, facts = situation
    longer = msgspec.structs.replace(
        rules, keep_s=rules.keep_s * 2, daily=rules.daily + 3, weekly=rules.weekly + 1
    )
    stay = {one.backup.backup.id for one in decide(backups, NOW, rules, facts) if one.keep}
    stale = [one for one in decide(backups, NOW, rules, facts) if "no backup after" in one.reason]
    if not stale:  # a longer period may show that the schedule is not dead after all
        assert stay <= {
            one.backup.backup.id for one in decide(backups, NOW, longer, facts) if one.keep
        }
