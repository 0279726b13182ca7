"""The alarm sounds once for each time that no backup was proven for too long."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from lastgood.app.backups.overdue import CREATED, FAILED, OVERDUE, PROVEN, sound_if_overdue
from lastgood.app.project import Project, now

if TYPE_CHECKING:
    from pathlib import Path

    from lastgood.model.event import Event

EVERY = 3600.0
HOUR = timedelta(hours=1)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    config = tmp_path / "lastgood.yaml"
    config.write_text("version: 1\nproject: shop\nenvironments: {production: {}}\n")
    return Project.open(config)


def happened(project: Project, kind: str, hours_ago: float, database: str = "main") -> None:
    at = now() - HOUR * hours_ago
    data = {"database": database, "made_at": at.isoformat(), "restorable": "true"}
    project.state.events.append(kind, "ada", kind, at=at, environment="production", data=data)


def alarms(project: Project) -> list[Event]:
    return list(project.state.events.tail(100, "production", [OVERDUE]))


@pytest.mark.parametrize(("hours_ago", "sounds"), [(0.5, False), (1.9, False), (2.1, True)])
def test_it_sounds_after_an_interval_and_another_one(
    project: Project, hours_ago: float, *, sounds: bool
) -> None:
    known = now() - HOUR * hours_ago
    assert sound_if_overdue(project, "main", EVERY, known) is sounds
    assert len(alarms(project)) == sounds


def test_it_sounds_once_and_again_after_the_next_time(project: Project) -> None:
    happened(project, PROVEN, 9)
    assert [sound_if_overdue(project, "main", EVERY, None) for _ in range(3)] == [
        True,
        False,
        False,
    ]
    happened(project, PROVEN, 3)  # proven meanwhile; then the same happened again
    assert [sound_if_overdue(project, "main", EVERY, None) for _ in range(2)] == [True, False]
    assert "the last is of" in alarms(project)[0].text


def test_what_the_store_said_and_what_was_seen_here_count_together(project: Project) -> None:
    happened(project, PROVEN, 9)
    assert not sound_if_overdue(project, "main", EVERY, now() - HOUR)
    happened(project, PROVEN, 0.5)
    assert not sound_if_overdue(project, "main", EVERY, now() - 9 * HOUR)


def test_where_none_was_ever_proven_it_counts_from_the_first_try(project: Project) -> None:
    assert not sound_if_overdue(project, "main", EVERY, None)
    happened(project, FAILED, 3, "other")
    assert not sound_if_overdue(project, "main", EVERY, None)
    happened(project, FAILED, 3)
    happened(project, CREATED, 0.1)  # which is not proven
    assert [sound_if_overdue(project, "main", EVERY, None) for _ in range(2)] == [True, False]
    assert alarms(project)[0].text.endswith("there is none")


def test_of_several_who_see_it_at_once_one_sounds_it(project: Project) -> None:
    happened(project, PROVEN, 9)

    def see() -> None:
        one = Project.open(project.settings.file)
        sound_if_overdue(one, "main", EVERY, None)
        one.close()

    threads = [threading.Thread(target=see) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(alarms(project)) == 1
