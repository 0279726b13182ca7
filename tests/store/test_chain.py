"""One event that is changed, deleted, inserted or moved is found; so is an end that was cut off."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lastgood.errors import StateError
from lastgood.model.event import event_hash
from lastgood.store import chain
from lastgood.store.state import State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lastgood.store.chain import ChainCheck

URL = "sqlite:///state.db"
COUNT = 7
FIELDS = (
    "at",
    "kind",
    "actor",
    "text",
    "environment",
    "incident",
    "run",
    "data",
    "previous",
    "hash",
)
VALUES = st.one_of(
    st.none(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    st.binary(max_size=8),
)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory, blank: Path) -> Path:
    """A state with some events, without the triggers that would refuse to change them."""
    folder = tmp_path_factory.mktemp("chain")
    shutil.copy(blank / "state/state.db", folder / "state.db")
    with State.open(URL, folder) as state:
        at = datetime(2026, 11, 22, 10, 53, 1, tzinfo=UTC)
        for number in range(COUNT):
            state.events.append(
                "test.wrote",
                "ada",
                f"event {number}",
                at=at + timedelta(seconds=number),
                environment="production",
                incident="inc-1" if number % 2 else None,
                run="run-1" if number % 3 else None,
                data={"n": f"{number}", "b": "x"},
            )
        with state._database.write() as connection:
            for name in ("update", "delete", "replace"):
                connection.exec_driver_sql(f"DROP TRIGGER events_no_{name}")
    return folder / "state.db"


class Copy:
    """A copy of the state to tamper with."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, statement: str, *arguments: object) -> None:
        with closing(sqlite3.connect(self.folder / "state.db")) as connection:
            connection.execute(statement, arguments)
            connection.commit()

    def rows(self) -> list[tuple[object, ...]]:
        with closing(sqlite3.connect(self.folder / "state.db")) as connection:
            connection.text_factory = bytes
            return connection.execute("SELECT * FROM events ORDER BY seq").fetchall()

    def verify(self) -> ChainCheck:
        with State.open(URL, self.folder) as state:
            return state.events.verify()


@pytest.fixture
def copy(written: Path) -> Iterator[Copy]:
    with tempfile.TemporaryDirectory() as name:
        shutil.copy(written, Path(name) / "state.db")
        yield Copy(Path(name))


@pytest.fixture(scope="module")
def opened(written: Path) -> Iterator[State]:
    with State.open(URL, written.parent) as state:
        yield state


def tampered(state: State, statement: str, *arguments: object) -> tuple[bool, ChainCheck]:
    """Whether a statement changed any event, and what the check says; then it is taken back."""
    shown = ", ".join(f"typeof({field}), hex({field})" for field in FIELDS)
    query = f"SELECT {shown} FROM events ORDER BY seq"  # noqa: S608 - our own names
    with state._database.write() as connection:
        before = connection.exec_driver_sql(query).all()
        with connection.begin_nested() as savepoint:
            connection.exec_driver_sql(statement, arguments)
            changed = connection.exec_driver_sql(query).all() != before
            check = chain.verify(connection)
            savepoint.rollback()
    return changed, check


def test_untouched_it_is_whole(copy: Copy) -> None:
    check = copy.verify()
    assert (check.ok, check.count) == (True, COUNT)


@settings(deadline=None)
@given(seq=st.integers(1, COUNT), field=st.sampled_from(FIELDS), value=VALUES)
def test_any_other_value_in_any_field_is_found(
    opened: State, seq: int, field: str, value: object
) -> None:
    statement = f"UPDATE events SET {field} = ? WHERE seq = ?"  # noqa: S608 - our own names
    if value is None and field not in {"incident", "run"}:
        with pytest.raises(StateError, match="refused a row"):  # the table itself
            tampered(opened, statement, value, seq)
        return
    changed, check = tampered(opened, statement, value, seq)
    if changed:
        assert (check.ok, check.first_bad, check.count) == (False, seq, seq - 1)
        assert check.what
    else:
        assert check.ok


@settings(deadline=None)
@given(
    seq=st.integers(1, COUNT),
    field=st.sampled_from(FIELDS),
    place=st.integers(0, 70),
    character=st.sampled_from([" ", "0", "Z", "\x00", "é", ""]),
)
def test_one_changed_character_is_found(
    opened: State, seq: int, field: str, place: int, character: str
) -> None:
    changed, check = tampered(
        opened,
        f"UPDATE events SET {field} = substr({field}, 1, ?) || ? || substr({field}, ?)"  # noqa: S608 - our own names
        " WHERE seq = ?",
        place,
        character,
        place + 2,
        seq,
    )
    assert check.ok == (not changed)


@pytest.mark.parametrize(
    ("statement", "first_bad"),
    [
        ("UPDATE events SET at = replace(at, 'Z', '+00:00') WHERE seq = 3", 3),
        ("UPDATE events SET at = replace(at, '.000000', '') WHERE seq = 3", 3),
        ("UPDATE events SET data = replace(data, ':', ': ') WHERE seq = 2", 2),
        ('UPDATE events SET data = \'{"n":"1","b":"x"}\' WHERE seq = 2', 2),
        ("UPDATE events SET text = CAST(x'ff' AS TEXT) WHERE seq = 4", 4),
        ("UPDATE events SET text = CAST(text AS BLOB) WHERE seq = 4", 4),
        ("UPDATE events SET incident = '' WHERE seq = 1", 1),
    ],
)
def test_the_same_meaning_written_otherwise_is_found(
    copy: Copy, statement: str, first_bad: int
) -> None:
    copy.run(statement)
    check = copy.verify()
    assert (check.ok, check.first_bad) == (False, first_bad)


@pytest.mark.parametrize("seq", range(1, COUNT + 1))
def test_a_deleted_event_is_missed(copy: Copy, seq: int) -> None:
    copy.run("DELETE FROM events WHERE seq = ?", seq)
    check = copy.verify()
    assert (check.ok, check.first_bad) == (False, seq)


@pytest.mark.parametrize("seq", range(1, COUNT))
def test_a_deleted_event_is_missed_also_when_the_others_move_up(copy: Copy, seq: int) -> None:
    copy.run("DELETE FROM events WHERE seq = ?", seq)
    for later in range(seq + 1, COUNT + 1):
        copy.run("UPDATE events SET seq = ? WHERE seq = ?", later - 1, later)
    check = copy.verify()
    assert (check.ok, check.first_bad) == (False, seq)


@pytest.mark.parametrize(("one", "other"), [(1, 2), (2, 5), (6, 7), (1, 7)])
def test_two_events_that_changed_places_are_found(copy: Copy, one: int, other: int) -> None:
    for former, place in ((one, 99), (other, one), (99, other)):
        copy.run("UPDATE events SET seq = ? WHERE seq = ?", place, former)
    check = copy.verify()
    assert (check.ok, check.first_bad) == (False, one)


@pytest.mark.parametrize("seq", [-1, 0, COUNT + 1, COUNT + 2])
def test_an_inserted_event_is_found(copy: Copy, seq: int) -> None:
    copy.run("INSERT INTO events SELECT ?, " + ", ".join(FIELDS) + " FROM events LIMIT 1", seq)  # noqa: S608 - our own names
    assert not copy.verify().ok


def test_an_inserted_event_with_a_hash_of_its_own_is_found(copy: Copy) -> None:
    with State.open(URL, copy.folder) as state:
        last = state.events.tail(1)[0]
        forged = msgspec.structs.replace(last, seq=COUNT + 1, previous=last.hash, text="forged")
        forged = msgspec.structs.replace(forged, hash=event_hash(forged))
    columns = ", ".join("?" for _ in range(len(FIELDS) + 1))
    raw = list(copy.rows()[-1])
    raw[0], raw[4], raw[9], raw[10] = forged.seq, "forged", forged.previous, forged.hash
    values = [item.decode() if isinstance(item, bytes) else item for item in raw]
    copy.run(f"INSERT INTO events VALUES ({columns})", *values)  # noqa: S608 - our own names
    check = copy.verify()
    assert (check.ok, check.first_bad) == (False, COUNT + 2)
    assert "noted at event 7" in check.what


@pytest.mark.parametrize("left", range(COUNT))
def test_an_end_that_was_cut_off_is_missed(copy: Copy, left: int) -> None:
    copy.run("DELETE FROM events WHERE seq > ?", left)
    check = copy.verify()
    assert (check.ok, check.first_bad, check.count) == (False, left + 1, left)


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM chain",
        "INSERT INTO chain SELECT 2, count, hash FROM chain",
        "UPDATE chain SET count = count + 1",
        "UPDATE chain SET hash = 'else'",
    ],
)
def test_a_tampered_note_of_the_end_is_found(copy: Copy, statement: str) -> None:
    copy.run(statement)
    assert not copy.verify().ok


def test_pages_do_not_hide_anything(copy: Copy, monkeypatch: pytest.MonkeyPatch) -> None:
    for size in range(1, COUNT + 2):
        monkeypatch.setattr(chain, "PAGE", size)
        assert copy.verify().count == COUNT
    copy.run("UPDATE events SET text = CAST(x'80' AS TEXT) WHERE seq = 5")
    for size in range(1, COUNT + 2):
        monkeypatch.setattr(chain, "PAGE", size)
        assert copy.verify().first_bad == 5
