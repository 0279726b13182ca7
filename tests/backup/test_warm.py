"""Which backups become the warm target, and which go."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.backup.made import at, backup, name_at

from lastgood.backup.warm import Ran, Situation, WarmMode, surplus, why_not
from lastgood.model.backup import BackupKind
from lastgood.model.release import Standing

GOOD = Ran(service="api", commit="a" * 40, standing=Standing.KNOWN_GOOD, replaced_at=at(0))


def ran(standing: Standing | None, replaced: float | None = 0, commit: str = "b" * 40) -> Ran:
    return Ran(
        service="web",
        commit=commit,
        standing=standing,
        replaced_at=None if replaced is None else at(replaced),
    )


def situation(*ran: Ran, **more: Any) -> Situation:
    return Situation(**{"mode": WarmMode.EVERY_BACKUP, "ran": ran or (GOOD,), **more})


MADE = backup(5)


def test_one_under_a_known_good_release_does() -> None:
    assert why_not(MADE, situation()) == ""


def test_one_of_an_environment_without_services_does() -> None:
    assert why_not(MADE, Situation(mode=WarmMode.EVERY_BACKUP)) == ""


@pytest.mark.parametrize("standing", [Standing.CANDIDATE, Standing.UNKNOWN, None])
def test_one_under_what_is_not_known_good_does_only_when_that_was_replaced_since(
    standing: Standing | None,
) -> None:
    assert "is not known good" in why_not(MADE, situation(GOOD, ran(standing, 4)))
    assert "is not known good" in why_not(MADE, situation(GOOD, ran(standing, 5)))
    assert why_not(MADE, situation(GOOD, ran(standing, 6))) == ""


@pytest.mark.parametrize("replaced", [None, 0, 4, 6])
def test_one_under_a_bad_release_never_does(replaced: float | None) -> None:
    """Whatever came after it: the damage is in the snapshot."""
    assert "is bad" in why_not(MADE, situation(GOOD, ran(Standing.BAD, replaced)))


def test_one_under_nobody_knows_what_does_not() -> None:
    assert "nobody knows which web" in why_not(MADE, situation(GOOD, ran(None, None, "")))


def test_nothing_does_while_it_is_frozen_or_could_not_be_swapped_in() -> None:
    assert why_not(MADE, situation(frozen="inc-1 is open")) == "inc-1 is open"
    assert why_not(MADE, situation(hindrance="no owner")) == "no owner"


def test_an_older_one_never_takes_a_newer_ones_place() -> None:
    assert "a newer one stands" in why_not(MADE, situation(stands=(name_at(6),)))
    assert why_not(MADE, situation(stands=(name_at(4),))) == ""


@pytest.mark.parametrize("kind", BackupKind)
def test_the_mode_says_which(kind: BackupKind) -> None:
    made = backup(5, kind=kind)
    assert "switched off" in why_not(made, situation(mode=WarmMode.OFF))
    imported = why_not(made, situation(mode=WarmMode.EVERY_BACKUP))
    assert imported == "" or (kind is BackupKind.IMPORTED and "imported" in imported)
    only = why_not(made, situation(mode=WarmMode.BEFORE_DEPLOY))
    assert (only == "") is (kind is BackupKind.BEFORE_DEPLOY)


def test_only_the_newest_stays() -> None:
    three = (name_at(3), name_at(1), name_at(2))
    assert surplus(situation(stands=three)) == [name_at(1), name_at(2)]
    assert surplus(situation(stands=three, mode=WarmMode.OFF)) == sorted(three)
    assert surplus(situation(stands=three, mode=WarmMode.OFF, frozen="soaks")) == []


@given(st.lists(st.integers(0, 50), unique=True, min_size=1), st.data())
def test_two_at_once_never_leave_none(hours: list[int], data: st.DataObject) -> None:
    """Each drops what it saw, at a time of its own; the newest is in nobody's list."""
    stands = tuple(name_at(hour) for hour in hours)
    seen = [data.draw(st.lists(st.sampled_from(stands), unique=True)) for _ in range(2)]
    gone = {name for view in seen for name in surplus(situation(stands=tuple(view)))}
    assert name_at(max(hours)) not in gone
