"""The quick reader says what the slow readers say."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from lastgood.errors import StateError
from lastgood.model.release import GoodEvidence, Standing
from lastgood.model.run import Outcome, Run
from lastgood.model.watch import WatchKind, WatchState
from lastgood.store import glance as module
from lastgood.store.glance import Glance, OpenRun, ServiceGlance, glance

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from lastgood.store.state import State

HERE = "production"


def slowly(state: State, environment: str) -> Glance:
    """The same, put together from the other readers."""
    services = sorted({release.service for release in state.ledger.releases(environment)})
    return Glance(
        environment=environment,
        services=tuple(_service(state, environment, service) for service in services),
        runs=tuple(
            OpenRun(id=r.id, by=r.by, commanded_at=r.commanded_at, cancel_at=r.cancel_at)
            for r in state.journal.open_runs(environment)
        ),
        lock=state.locks.get(environment),
        incident=state.incidents.current(environment),
        watches=tuple(state.watches.pending(environment)),
        holds=tuple(state.holds.standing(environment)),
        last_event=max((event.seq for event in state.events.tail(1)), default=0),
    )


def _service(state: State, environment: str, service: str) -> ServiceGlance:
    held = {hold.commit for hold in state.holds.standing(environment, service)}
    live = state.ledger.live(environment, service)
    release = live and state.ledger.release(environment, service, live.commit)
    tree = release and (release.same_tree_as or release.commit)
    targets = [
        r.commit
        for r in state.ledger.releases(environment, service)
        if r.standing is Standing.KNOWN_GOOD
        and r.commit not in held
        and (r.same_tree_as or r.commit) != tree
    ]
    return ServiceGlance(
        service=service,
        commit=live.commit if live else None,
        standing=release.standing if release else None,
        since=live.at if live else None,
        held=live is not None and live.commit in held,
        target=targets[0] if targets else None,
    )


def fill(state: State, now: datetime, make_run: Callable[..., Run], seed: int) -> None:
    """A life of an environment or two."""
    chance = random.Random(seed)  # noqa: S311 - a story, not a secret
    for turn in range(30):
        environment = chance.choice([HERE, HERE, "staging"])
        service = chance.choice(["backend", "frontend"])
        commit = chance.choice("abcdef") * 40
        at = now + timedelta(seconds=chance.randrange(50))
        _release(state, chance, environment, service, commit, at)
        if chance.random() < 0.2:
            _run(
                state, chance, make_run(id=f"run-{turn}", environment=environment, commanded_at=at)
            )
        if chance.random() < 0.3:
            _watch(state, chance, environment, service, at)
        state.events.append("test.lived", "ada", f"turn {turn}", at=at, environment=environment)


def _release(
    state: State, chance: random.Random, environment: str, service: str, commit: str, at: datetime
) -> None:
    if chance.random() < 0.4:
        state.ledger.import_release(environment, service, commit, at=at)
    else:
        same = chance.choice([None, None, "a" * 40])
        state.ledger.record_deployment(
            environment, service, commit, at=at, by="ci", source="ci", same_tree_as=same
        )
    evidence = GoodEvidence(kind="mark", at=at, by="ada", reason="?")
    standing = chance.choice(list(Standing))
    state.ledger.set_standing(environment, service, commit, standing, evidence)
    if chance.random() < 0.3:
        hold = state.holds.set(environment, service, commit, reason="bad", by="ada", at=at)
        if chance.random() < 0.4:
            state.holds.lift(hold.id, by="ada", reason="good", at=at)


def _run(state: State, chance: random.Random, run: Run) -> None:
    state.journal.create_run(run)
    if chance.random() < 0.5:
        state.journal.end_run(run.id, outcome=Outcome.FAILED, code="x", at=run.commanded_at)
    elif state.locks.get(run.environment).run is None:
        state.locks.take(run.environment, run.id, "ada on laptop", run.commanded_at)


def _watch(
    state: State, chance: random.Random, environment: str, service: str, at: datetime
) -> None:
    kind = chance.choice(list(WatchKind))
    of = chance.choice([None, service])
    watch = state.watches.add(environment, kind, "a", since=at, until=at, service=of)
    if chance.random() < 0.4:
        state.watches.end(watch.id, WatchState.HELD)
    incident = state.incidents.open(environment, "bad", "ada", at)
    if chance.random() < 0.5:
        state.incidents.resolve(incident.id, "ada", at, "over")


@pytest.mark.parametrize("seed", range(8))
def test_it_says_what_the_other_readers_say(
    state: State, now: datetime, make_run: Callable[..., Run], seed: int
) -> None:
    with state.transaction():
        fill(state, now, make_run, seed)
    seen = {name: glance(state.path, name) for name in (HERE, "staging", "nowhere")}
    assert seen == {name: slowly(state, name) for name in seen}
    assert len(seen[HERE].services) == 2


def test_an_empty_state(state: State) -> None:
    assert glance(state.path, HERE) == slowly(state, HERE)
    assert glance(state.path, HERE).services == ()


def test_the_target_is_never_live_held_or_the_same_tree(state: State, now: datetime) -> None:
    evidence = GoodEvidence(kind="mark", at=now, by="ada", reason="?")
    for number, commit in enumerate("abc"):
        at = now + timedelta(hours=number)
        state.ledger.record_deployment(HERE, "backend", commit, at=at, by="ci", source="ci")
        state.ledger.set_standing(HERE, "backend", commit, Standing.KNOWN_GOOD, evidence)

    def target() -> str | None:
        return glance(state.path, HERE).services[0].target

    assert target() == "b"
    state.holds.set(HERE, "backend", "b", reason="bad", by="ada", at=now)
    assert target() == "a"
    state.ledger.record_deployment(
        HERE,
        "backend",
        "d",
        at=now + timedelta(hours=9),
        by="run",
        source="rollback",
        same_tree_as="a",
    )
    assert target() == "c"


def test_it_reads_without_sqlalchemy_and_changes_nothing(base: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from lastgood.store.glance import glance\n"
        "print(glance(Path(sys.argv[1]), 'production').last_event)\n"
        "print({'sqlalchemy', 'alembic', 'lastgood.store.schema'} & set(sys.modules))"
    )
    path = base / "state/state.db"
    before = path.read_bytes()
    told = [sys.executable, "-c", program, str(path)]
    done = subprocess.run(told, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "0\nset()\n"
    assert path.read_bytes() == before


def test_it_sees_what_a_writer_has_just_committed(state: State, now: datetime) -> None:
    with state.transaction():
        state.events.append("test.wrote", "ada", "one", at=now)
        assert glance(state.path, HERE).last_event == 0
    assert glance(state.path, HERE).last_event == 1


def test_there_is_no_state(tmp_path: Path) -> None:
    with pytest.raises(StateError) as caught:
        glance(tmp_path / "state.db", HERE)
    assert caught.value.code == "no-state"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("found", "code"), [("'9999'", "state-newer"), ("'0000'", "state-older"), ("NULL", None)]
)
def test_a_state_of_another_version(base: Path, found: str, code: str | None) -> None:
    path = base / "state/state.db"
    with closing(sqlite3.connect(path)) as connection:
        if code is None:
            connection.execute("DELETE FROM lastgood_revision")
        else:
            connection.execute(f"UPDATE lastgood_revision SET version_num = {found}")  # noqa: S608 - as given above
        connection.commit()
    with pytest.raises(StateError) as caught:
        glance(path, HERE)
    assert caught.value.code == (code or "not-a-state")


def test_what_is_no_state(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    path.write_bytes(b"")
    with pytest.raises(StateError, match="not a state"):
        glance(path, HERE)
    path.write_text("no database, only words\n" * 500)
    with pytest.raises(StateError) as caught:
        glance(path, HERE)
    assert caught.value.code == "state-corrupt"
    with pytest.raises(StateError) as caught:
        glance(tmp_path, HERE)
    assert caught.value.code in {"state-unreachable", "state-io"}


def test_a_row_that_nobody_wrote(base: Path) -> None:
    path = base / "state/state.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("INSERT INTO locks VALUES (?, 1, 'r', 'h', 'yesterday')", (HERE,))
        connection.commit()
    with pytest.raises(StateError) as caught:
        glance(path, HERE)
    assert caught.value.code == "state-corrupt"


def test_a_writer_does_not_stop_it(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BUSY_S", 0.1)
    path = base / "state/state.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("INSERT INTO locks VALUES (?, 1, 'r', 'h', NULL)", (HERE,))
        assert glance(path, HERE).lock.epoch == 0
        writer.execute("ROLLBACK")
