from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import tempfile
import threading
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from lastgood.errors import RefusedError, StateError
from lastgood.model.release import GoodEvidence, Standing
from lastgood.store.state import State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from lastgood.model.run import Run

URL = "sqlite:///state/state.db"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.fixture
def umask(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[int]:
    assert tmp_path.is_dir()  # made before: nobody but root could write into it otherwise
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o277], indirect=True)
def test_only_this_user_can_read_it_whatever_the_umask_is(
    umask: int, tmp_path: Path, now: datetime
) -> None:
    assert umask >= 0
    with State.open("sqlite:///a/b/state.db", tmp_path) as state:
        state.events.append("test.made", "ada", "made", at=now)
        assert [mode(tmp_path / "a"), mode(state.folder)] == [0o700, 0o700]
        assert {path.name: mode(path) for path in state.folder.iterdir()} == {
            "state.db": 0o600,
            "state.db-wal": 0o600,
            "state.db-shm": 0o600,
        }


def test_a_folder_that_was_there_keeps_its_mode(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir(mode=0o755)
    State.open(URL, tmp_path).close()
    assert mode(tmp_path / "state") == 0o755


def test_it_is_written_so_that_a_commit_lasts(state: State) -> None:
    with state._database.read() as connection:
        settings = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert settings == {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "busy_timeout": 10_000,
    }


def test_opening_it_again_finds_what_was_written(base: Path, now: datetime) -> None:
    with State.open(URL, base) as state:
        state.ledger.import_release("production", "backend", "a" * 40, at=now)
    with State.open(URL, base, create=False) as state:
        assert [r.commit for r in state.ledger.releases("production")] == ["a" * 40]


def test_an_odd_path_is_a_path(tmp_path: Path, now: datetime) -> None:
    with State.open("sqlite:///a ?#%41 ü/s&mode=ro.db", tmp_path) as state:
        state.events.append("test.made", "ada", "made", at=now)
    assert (tmp_path / "a ?#%41 ü" / "s&mode=ro.db").exists()


def test_it_is_not_made_where_it_should_be_there(tmp_path: Path) -> None:
    with pytest.raises(StateError) as caught:
        State.open(URL, tmp_path, create=False)
    assert caught.value.code == "no-state"
    assert list(tmp_path.iterdir()) == []


def test_opening_an_up_to_date_state_does_not_import_alembic(base: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from lastgood.store.state import State\n"
        f"State.open({URL!r}, Path(sys.argv[1])).close()\n"
        "print('alembic' in sys.modules)"
    )
    told = [sys.executable, "-c", program, str(base)]
    done = subprocess.run(told, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "False\n"


def test_a_state_of_a_newer_version_is_left_alone(base: Path) -> None:
    with closing(sqlite3.connect(base / "state/state.db")) as connection:
        connection.execute("UPDATE lastgood_revision SET version_num = '9999'")
        connection.commit()
    before = files(base / "state")
    with pytest.raises(StateError) as caught:
        State.open(URL, base)
    assert caught.value.code == "state-newer"
    assert "upgrade lastgood" in caught.value.mend
    assert files(base / "state") == before


@pytest.mark.parametrize("content", [b"", b"SQLite format 3\0"], ids=["emptied", "cut off"])
def test_what_is_left_of_a_state_is_not_taken_for_a_new_one(base: Path, content: bytes) -> None:
    (base / "state/state.db").write_bytes(content)
    with pytest.raises(StateError) as caught:
        State.open(URL, base)
    assert caught.value.code in {"not-a-state", "state-corrupt"}
    assert caught.value.mend


def test_another_database_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE alembic_version (version_num TEXT)")
        connection.execute("INSERT INTO alembic_version VALUES ('0001')")
        connection.commit()
    with pytest.raises(StateError) as caught:
        State.open("sqlite:///other.db", tmp_path)
    assert caught.value.code == "not-a-state"
    with closing(sqlite3.connect(path)) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master")]
    assert names == ["alembic_version"]


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "state.db").write_text("once upon a time there was no database at all\n" * 99)
    with pytest.raises(StateError) as caught:
        State.open("sqlite:///state.db", tmp_path)
    assert caught.value.code == "state-corrupt"
    assert "backup" in caught.value.mend


def test_damaged_pages_are_an_error_with_a_mend(base: Path, now: datetime) -> None:
    with State.open(URL, base) as state:
        for turn in range(50):
            state.events.append("test.wrote", "ada", f"{turn}" * 200, at=now)
    path = base / "state/state.db"
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(path.stat().st_size - 4096))
    with pytest.raises(StateError) as caught, State.open(URL, base) as state:
        state.events.verify()
    assert caught.value.code == "state-corrupt"


@pytest.mark.parametrize("place", ["folder", "file above", "kernel"])
def test_a_place_where_nothing_can_be_made(place: str, tmp_path: Path) -> None:
    if place == "folder":
        (tmp_path / "state/state.db").mkdir(parents=True)
    elif place == "file above":
        (tmp_path / "state").write_text("a file")
    base = Path("/proc/self") if place == "kernel" else tmp_path
    if not base.exists():
        pytest.skip("no /proc on this system")
    with pytest.raises(StateError) as caught:
        State.open(URL, base)
    assert caught.value.code == "state-unreachable"
    assert caught.value.cause
    assert caught.value.mend


@pytest.fixture
def shared() -> Iterator[Path]:
    """A folder that every user may enter; pytest's own are this user's only."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_a_user_who_may_only_read_gets_the_cause(
    shared: Path, blank: Path, processes: Callable[..., list[Any]]
) -> None:
    shutil.copytree(blank / "state", shared / "state")
    (shared / "state/state.db").chmod(0o444)
    (shared / "state").chmod(0o555)
    [told] = processes("unprivileged", shared)
    assert told["code"] in {"state-read-only", "state-unreachable"}
    assert told["cause"]
    assert "write" in told["mend"]
    (shared / "state").chmod(0o755)


def test_a_folder_that_a_user_may_not_write(
    shared: Path, processes: Callable[..., list[Any]]
) -> None:
    shared.chmod(0o555)
    [told] = processes("unprivileged", shared)
    assert told["code"] == "state-unreachable"
    assert "Permission denied" in told["cause"]
    shared.chmod(0o755)


def test_a_full_disk_keeps_what_was_committed(
    base: Path, processes: Callable[..., list[Any]]
) -> None:
    [told] = processes("full", base, 600_000)
    assert told["wrote"] > 10
    assert told["code"] in {"state-full", "state-io"}
    assert "MB are free" in told["cause"]
    assert "free space" in told["mend"]
    with State.open(URL, base) as state:
        check = state.events.verify()
        assert (check.ok, check.count) == (True, told["wrote"])
        assert state.locks.get("production").epoch == told["wrote"]


def test_a_disk_too_full_for_a_new_state_leaves_nothing(
    tmp_path: Path, processes: Callable[..., list[Any]]
) -> None:
    [told] = processes("full_at_creation", tmp_path, 20_000)
    assert told["code"] in {"state-full", "state-io"}
    assert list((tmp_path / "state").iterdir()) == []
    State.open(URL, tmp_path).close()


def test_many_processes_make_one_state(tmp_path: Path, processes: Callable[..., list[Any]]) -> None:
    told = processes("create", tmp_path, 8)
    assert sorted(told) == list(range(1, 9))
    with State.open(URL, tmp_path, create=False) as state:
        assert state.events.verify().count == 8
        assert sorted(path.name for path in state.folder.iterdir()) == [
            "state.db",
            "state.db-shm",
            "state.db-wal",
        ]


def test_killed_while_it_is_made_it_is_made_again(
    tmp_path: Path, processes: Callable[..., list[Any]]
) -> None:
    told = processes("kill_creation", tmp_path, 6, 7)
    assert told.count([True, ["state.db", "state.db-shm", "state.db-wal"]]) == 6


def test_killed_writers_leave_it_whole(base: Path, processes: Callable[..., list[Any]]) -> None:
    told = processes("kill", base, 12, 11)
    assert [check["ok"] for check in told] == [True] * 12
    counts = [check["count"] for check in told]
    assert counts == sorted(counts)
    assert counts[-1] >= 24
    assert all(count % 2 == 0 for count in counts), "half a transaction was kept"
    with closing(sqlite3.connect(base / "state/state.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_a_transaction_is_kept_whole_or_not_at_all(
    state: State, now: datetime, make_run: Callable[..., Run]
) -> None:
    run = make_run()
    with pytest.raises(RuntimeError, match="no"), state.transaction():  # noqa: PT012 - that is the point
        state.journal.create_run(run)
        with state.transaction():
            state.events.append("run.started", "ada", "started", at=now)
        assert len(state.journal.runs()) == 1
        raise RuntimeError("no")
    assert state.journal.runs() == []
    assert state.events.list() == []
    with state.transaction():
        state.journal.create_run(run)
        state.events.append("run.started", "ada", "started", at=now)
    assert [len(state.journal.runs()), len(state.events.list())] == [1, 1]


def test_a_refusal_inside_a_transaction_may_be_caught(state: State, now: datetime) -> None:
    with state.transaction():
        state.locks.take("production", "first", "ada", now)
        with pytest.raises(RefusedError):
            state.locks.take("production", "second", "bob", now)
    assert state.locks.get("production").run == "first"


def test_after_a_failure_the_transaction_cannot_be_kept(
    state: State, now: datetime, make_run: Callable[..., Run]
) -> None:
    run = make_run()
    state.journal.create_run(run)
    with pytest.raises(StateError) as caught, state.transaction():  # noqa: PT012 - that is the point
        state.events.append("test.wrote", "ada", "lost", at=now)
        with pytest.raises(StateError):
            state.journal.create_run(run)
    assert caught.value.code == "state-constraint"
    assert state.events.list() == []
    assert state.events.append("test.wrote", "ada", "kept", at=now).seq == 1


@pytest.mark.parametrize("place", ["looked for", "kept", "kept in a document"])
def test_a_text_that_is_no_text_is_refused(place: str, state: State, now: datetime) -> None:
    odd = b"x\xffy".decode(errors="surrogateescape")
    state.ledger.import_release("production", "backend", "a" * 40, at=now)
    reason = GoodEvidence(kind="mark", at=now, by="ada", reason=odd)
    with pytest.raises(RefusedError) as caught, state.transaction():  # noqa: PT012 - that is the point
        state.events.append("test.wrote", "ada", "lost", at=now)
        match place:
            case "looked for":
                state.journal.run(odd)
            case "kept":
                state.ledger.import_release("production", "backend", odd, at=now)
            case _:
                state.ledger.set_standing(
                    "production", "backend", "a" * 40, Standing.KNOWN_GOOD, reason
                )
    assert caught.value.code == "no-text"
    assert "UTF-8" in caught.value.mend
    str(caught.value).encode()
    assert state.events.list() == []


def test_threads_have_transactions_of_their_own(state: State, now: datetime) -> None:
    entered, go_on = threading.Event(), threading.Event()

    def other() -> None:
        entered.wait(30)
        assert state.events.list() == []
        go_on.set()

    thread = threading.Thread(target=other)
    thread.start()
    with state.transaction():
        state.events.append("test.wrote", "ada", "not yet seen", at=now)
        entered.set()
        assert go_on.wait(30)
    thread.join()
    assert len(state.events.list()) == 1


def test_a_state_that_vanishes_is_not_made_anew(base: Path, now: datetime) -> None:
    with State.open(URL, base) as state:
        shutil.rmtree(base / "state")
        state.close()  # what is open would write on into nothing
        with pytest.raises(StateError) as caught:
            state.events.append("test.wrote", "ada", "?", at=now)
    assert caught.value.code == "state-unreachable"
    assert not (base / "state").exists()


def test_a_writer_that_waits_too_long_may_try_again(
    base: Path, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lastgood.store.sqlite.BUSY_S", 0.05)
    with State.open(URL, base) as state, closing(sqlite3.connect(state.path)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StateError) as caught:
            state.events.append("test.wrote", "ada", "?", at=now)
        assert (caught.value.code, caught.value.retryable) == ("state-busy", True)
        other.rollback()
        assert state.events.append("test.wrote", "ada", "!", at=now).seq == 1
