from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest

from lastgood.errors import StateError
from lastgood.model.event import GENESIS, event_hash
from lastgood.store.events import LONGEST_DATA, LONGEST_TEXT
from lastgood.store.state import State

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lastgood.store.events import Events


@pytest.fixture
def events(state: State) -> Events:
    return state.events


def test_each_event_is_chained_to_the_one_before(events: Events, now: datetime) -> None:
    first = events.append("run.started", "ada", "started", at=now, environment="production")
    second = events.append("run.ended", "runner", "ended", at=now, run="run-1", data={"a": "b"})
    assert (first.seq, first.previous) == (1, GENESIS)
    assert (second.seq, second.previous) == (2, first.hash)
    assert [event_hash(event) for event in (first, second)] == [first.hash, second.hash]
    assert list(events.list()) == [first, second]
    check = events.verify()
    assert (check.ok, check.count, check.first_bad, check.what) == (True, 2, None, "")


def test_no_event_is_a_whole_chain(events: Events) -> None:
    assert events.verify().ok
    assert list(events.tail()) == []


def test_events_are_listed_by_what_they_belong_to(events: Events, now: datetime) -> None:
    for number in range(1, 9):
        events.append(
            "test.wrote",
            "ada",
            f"{number}",
            at=now,
            environment="production" if number % 2 else "staging",
            incident="inc-1" if number > 4 else None,
            run="run-1" if number in {3, 5} else None,
        )

    def numbers(**narrowed: Any) -> list[int]:
        return [event.seq for event in events.list(**narrowed)]

    assert numbers() == [1, 2, 3, 4, 5, 6, 7, 8]
    assert numbers(environment="production") == [1, 3, 5, 7]
    assert numbers(incident="inc-1") == [5, 6, 7, 8]
    assert numbers(run="run-1") == [3, 5]
    assert numbers(run="run-1", incident="inc-1") == [5]
    assert numbers(after=6) == [7, 8]
    assert numbers(after=2, limit=3) == [3, 4, 5]
    assert [event.seq for event in events.tail(3)] == [6, 7, 8]
    assert [event.seq for event in events.tail(2, "staging")] == [6, 8]


def test_a_time_is_kept_as_the_same_moment(events: Events, now: datetime) -> None:
    there = now.astimezone(timezone(timedelta(hours=5, minutes=30)))
    event = events.append("test.wrote", "ada", "there", at=there)
    assert event.at == now
    assert list(events.list()) == [event]
    assert events.verify().ok


def test_a_time_without_a_zone_is_refused(events: Events) -> None:
    with pytest.raises(ValueError, match="without a zone"):
        events.append("test.wrote", "ada", "?", at=datetime(2026, 1, 1))  # noqa: DTZ001 - the fault that is planted
    assert events.append("test.wrote", "ada", "!", at=datetime.now().astimezone()).seq == 1


def test_words_from_outside_are_made_harmless(events: Events, now: datetime) -> None:
    event = events.append(
        "test.wrote",
        "eve\x1b[31m",
        "\x1b]0;owned\x07line one\r\nline two\u2028three\u202e\x00\udcff",
        at=now,
        environment="prod\nuction",
        data={"out\nput": "a\x1b[2Jb\nc", "odd": "\ud800"},
    )
    assert event.actor == "eve"
    assert event.text.startswith("line one line two three")
    assert "\n" not in event.text + event.environment
    assert event.data["out put"] == "ab\nc"
    shown = f"{event.text}{event.environment}{event.data}"
    assert not any(ord(character) < 32 and character != "\n" for character in shown)
    assert list(events.list()) == [event]
    assert events.verify().ok


def test_huge_words_are_cut_and_say_so(events: Events, now: datetime) -> None:
    event = events.append("test.wrote", "ada", "x" * 1_000_000, at=now, data={"o": "y" * 1_000_000})
    assert event.text == "x" * LONGEST_TEXT + " ... (998000 more characters)"
    assert len(event.data["o"]) < LONGEST_DATA + 50
    assert events.verify().ok


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE events SET text = 'else' WHERE seq = 1",
        "DELETE FROM events WHERE seq = 2",
        "INSERT OR REPLACE INTO events SELECT * FROM events WHERE seq = 1",
        "REPLACE INTO events SELECT * FROM events WHERE seq = 2",
        "INSERT INTO events VALUES (0, '', '', '', '', '', NULL, NULL, '{}', '', '')",
    ],
)
def test_the_table_only_grows_at_its_end(state: State, now: datetime, statement: str) -> None:
    for text in ("one", "two"):
        state.events.append("test.wrote", "ada", text, at=now)
    before = list(state.events.list())
    with pytest.raises(StateError) as caught, state._database.write() as connection:
        connection.exec_driver_sql(statement)
    assert "only be appended" in caught.value.cause
    assert list(state.events.list()) == before


def test_many_processes_write_without_a_gap(
    base: Path, processes: Callable[..., list[Any]]
) -> None:
    told = processes("append", base, 6, 25)
    assert sorted(number for numbers in told for number in numbers) == list(range(1, 151))
    assert all(numbers == sorted(numbers) for numbers in told)
    with State.open("sqlite:///state/state.db", base) as state:
        check = state.events.verify()
    assert (check.ok, check.count) == (True, 150)


@pytest.mark.parametrize(
    "tampering", ["UPDATE chain SET count = 1", "DELETE FROM chain", "DELETE FROM events"]
)
def test_what_happens_after_tampering_is_still_written(
    state: State, now: datetime, tampering: str
) -> None:
    for text in ("one", "two", "three"):
        state.events.append("test.wrote", "ada", text, at=now)
    with state._database.write() as connection:
        connection.exec_driver_sql("DROP TRIGGER events_no_delete")
        connection.exec_driver_sql(tampering)
    assert state.events.append("test.wrote", "ada", "four", at=now).seq == 4
    assert state.events.tail(1)[0].text == "four"
    check = state.events.verify()
    assert check.ok == (tampering == "UPDATE chain SET count = 1")  # that lie was put right
