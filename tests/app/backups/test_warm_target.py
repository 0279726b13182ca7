"""The warm target: never the damage, never none where there was one, and seen by everybody."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import psycopg
import pytest
from tests.app.backups.warmed import BAD, GOOD, LATER, Shop
from tests.servers import running

from lastgood.app.backups.freezing import frozen
from lastgood.app.backups.pruning import facts
from lastgood.app.backups.standing import NEWEST_EVENTS, warm_targets
from lastgood.app.backups.warming import Warming, recheck_warm
from lastgood.backup.layout import new_id
from lastgood.cli.main import run
from lastgood.demo.database import _programs
from lastgood.drivers.database.postgres.driver import PostgresDatabase
from lastgood.errors import RefusedError
from lastgood.model.noun import to_json
from lastgood.model.release import Standing
from lastgood.model.run import Run, RunState
from lastgood.model.watch import WatchKind, WatchState
from lastgood.ports.database import Room
from lastgood.testing.plans import plan_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.servers import Server

    from lastgood.model.backup import Backup

    Killed = Callable[..., int]

pytestmark = pytest.mark.xdist_group("warm-target")
ROOT = Path(__file__).parents[3]
MOST_STEPS = 60
HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running(_programs()) as server:
        yield server


@pytest.fixture
def shop_with(server: Server, tmp_path: Path) -> Iterator[Callable[..., Shop]]:
    made = []

    def build(**options: Any) -> Shop:
        made.append(Shop(tmp_path, server, **{"warm_target": "every-backup", **options}))
        return made[-1]

    yield build
    for shop in made:
        shop.close()


@pytest.fixture
def shop(shop_with: Callable[..., Shop]) -> Shop:
    """Under a known good release, and every backup is kept."""
    shop = shop_with()
    shop.deploy(GOOD, ago=HOUR)
    return shop


@pytest.fixture
def killed(shop: Shop) -> Iterator[Killed]:
    """Promotes a backup in a process that is killed at a step; gives how it ended."""
    argv = [sys.executable, "-m", "tests.app.backups.warm_killed", str(shop.config)]
    pipe = subprocess.PIPE
    with subprocess.Popen(argv, cwd=ROOT, stdin=pipe, stdout=pipe, text=True) as helper:

        def ask(step: int, backup: str = "") -> int:
            assert helper.stdin is not None
            assert helper.stdout is not None
            helper.stdin.write(f"{step} {backup}\n")
            helper.stdin.flush()
            ended = int(helper.stdout.readline())
            assert ended in {0, -9}
            return ended

        yield ask


def test_a_proven_backup_is_kept_closed_in_the_place_of_the_one_before(shop: Shop) -> None:
    first = shop.made()
    assert shop.kept == [first]
    second = shop.made()

    assert shop.kept == [second]
    assert shop.place.database.sides() == []
    assert shop.events() == ["warm-target.kept", "warm-target.kept", "warm-target.dropped"]
    with pytest.raises(psycopg.OperationalError, match="not currently accepting"):
        psycopg.connect(shop.server.dsn(shop.kept_name(second)))


def test_by_default_only_one_before_a_deployment_is_kept(shop_with: Callable[..., Shop]) -> None:
    shop = shop_with(warm_target=True)
    shop.deploy(GOOD, ago=HOUR)
    shop.made()
    assert shop.kept == []
    before = shop.made(before=LATER)
    assert shop.kept == [before]
    shop.made()
    assert shop.kept == [before]


def test_one_that_is_damaged_is_not_kept(shop_with: Callable[..., Shop]) -> None:
    shop = shop_with(verify=[{"name": "u", "sql": "SELECT count(*) FROM users", "expect": "> 99"}])
    shop.deploy(GOOD, ago=HOUR)
    first = shop.made()
    shop.sql("DELETE FROM users WHERE id > 50")
    with pytest.raises(AssertionError):
        shop.made()
    assert shop.kept == [first]


def test_the_damage_never_becomes_the_target(shop: Shop) -> None:
    first = shop.made()
    for standing in (Standing.CANDIDATE, Standing.BAD):
        shop.deploy(BAD, standing)
        shop.made(before=LATER)
        assert shop.kept == [first]
        assert "does not become the warm target" in " ".join(shop.said)
    shop.mark(BAD, Standing.KNOWN_GOOD)
    last = shop.made()
    assert shop.kept == [last]


def test_with_an_empty_ledger_nothing_is_kept(shop_with: Callable[..., Shop]) -> None:
    shop = shop_with()
    shop.made(before=GOOD)
    assert shop.kept == []
    assert "nobody knows which api was live then" in " ".join(shop.said)


def test_it_is_frozen_while_something_soaks_is_held_or_burns(shop: Shop) -> None:
    """Looked at when the copy is there: the trouble may have begun during the restore."""
    first, state, at = shop.made(), shop.project.state, datetime.now(UTC)

    watch = state.watches.add(
        "production", WatchKind.SOAK, GOOD, since=at, until=at + HOUR, service="api"
    )
    shop.made()
    assert shop.kept == [first]
    state.watches.end(watch.id, WatchState.HELD)

    hold = state.holds.set("production", "api", BAD, by="ada", reason="bad", at=at)
    shop.made()
    assert shop.kept == [first]
    state.holds.lift(hold.id, by="ada", reason="fixed", at=at)

    incident = state.incidents.open("production", "it burns", by="ada", at=at)
    shop.made()
    assert shop.kept == [first]
    shop.configure(warm_target="off")
    shop.made()
    assert shop.kept == [first], "it is kept through the night, whatever the file says"
    assert shop.place.database.sides() == []

    shop.configure(warm_target="every-backup")
    shop.project.state.incidents.resolve(incident.id, "ada", at)
    last = shop.made()
    assert shop.kept == [last]


def test_nothing_goes_while_a_run_is_under_way(shop: Shop) -> None:
    """It may be swapping the warm target in."""
    first = shop.made()
    at = datetime.now(UTC)
    state = shop.project.state
    state.journal.create_run(
        Run(id="run-1", environment="production", plan=plan_of(), plan_digest="1", epoch=1,
            state=RunState.OPEN, by="ada", commanded_at=at)
    )  # fmt: skip
    assert frozen(shop.project) == "a run is under way"
    shop.made()
    assert shop.kept == [first]


def test_proven_on_another_server_it_is_kept_on_none(shop: Shop) -> None:
    first = shop.made()
    shop.server.execute(f"CREATE DATABASE {shop.name}_proof")
    shop.configure(warm_target="every-backup", proof_dsn=shop.server.dsn(f"{shop.name}_proof"))
    shop.made()
    assert "another server" in " ".join(shop.said)
    assert shop.kept == [first]


def test_what_hinders_the_promotion_is_no_fault_of_the_backup(shop: Shop) -> None:
    made = shop.backup().stored
    assert made is not None
    after = copied(shop, made.backup)
    name = f"{shop.name}__lg_{after.id}"
    shop.server.execute(f'ALTER DATABASE "{name}" WITH ALLOW_CONNECTIONS true')
    warming = Warming(shop.project, shop.place, shop.said.append)

    with shop.server.superuser(name):
        warming.promote(after)
    warming.settle()

    assert shop.kept == [made.backup.id]
    assert shop.events() == ["warm-target.kept", "warm-target.failed"]
    assert "other user" in shop.said[-1] or "accessed" in shop.said[-1]


def test_where_the_next_proof_would_have_no_room_nothing_is_kept(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is measured, and full by another's doing once the copy is there."""
    first = shop.made()
    restored = PostgresDatabase.restore
    full = Room(needed=10, kept=4, free=5, how="measured")

    def restore(database: PostgresDatabase, *given: Any) -> None:
        restored(database, *given)
        monkeypatch.setattr(PostgresDatabase, "room", lambda _: full)

    monkeypatch.setattr(PostgresDatabase, "restore", restore)
    shop.made()
    assert shop.kept == [first]
    assert "no room to prove the next backup" in " ".join(shop.said)


def test_two_at_once_leave_the_newer_one(shop: Shop) -> None:
    made = shop.backup().stored
    assert made is not None
    older, newer = copied(shop, made.backup), copied(shop, made.backup)
    one, other = (Warming(shop.project, shop.place, shop.said.append) for _ in range(2))
    one.promote(older)
    other.promote(newer)
    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(one.settle), pool.submit(other.settle)]:
            done.result()
    assert shop.kept == [newer.id]
    assert not warm_targets(shop.project, shop.place).problems


def test_switched_off_it_goes_with_the_next_backup(shop: Shop) -> None:
    first = shop.made()
    shop.configure(warm_target="off")
    assert shop.kept == [first]
    shop.made()
    assert shop.kept == []
    assert shop.events() == ["warm-target.kept", "warm-target.dropped"]
    assert warm_targets(shop.project, shop.place) == ((), ())


def test_an_older_backup_takes_no_newer_ones_place(shop: Shop) -> None:
    """As by a clock that was set back."""
    first = shop.made()
    later = first.replace(first[:4], "2999", 1)
    shop.server.execute(
        f'ALTER DATABASE "{shop.kept_name(first)}" RENAME TO "{shop.kept_name(later)}"'
    )
    shop.made()
    assert shop.kept == [later]


@pytest.mark.linux
def test_killed_at_any_step_there_is_never_none(shop: Shop, killed: Killed) -> None:
    made = shop.backup().stored
    assert made is not None
    stands = made.backup.id
    for step in range(1, MOST_STEPS):
        after = copied(shop, made.backup)
        ended = killed(step, to_json(after))
        kept = shop.place.database.kept()
        assert [one.side for one in kept] in ([stands], [stands, after.id], [after.id]), step
        assert not any(one.problems for one in kept)

        last = copied(shop, made.backup)
        warming = Warming(shop.project, shop.place, shop.said.append)
        warming.promote(last)
        warming.settle()
        assert shop.kept == [last.id], "the next one tidies up"
        assert not warm_targets(shop.project, shop.place).problems
        stands = last.id
        if ended == 0:
            assert step > 8
            return
    raise AssertionError("it is never finished")


@pytest.mark.linux
def test_killed_when_it_was_promoted_it_was_proven_before(shop: Shop, killed: Killed) -> None:
    first = shop.made()
    assert killed(2) == -9
    assert len(shop.kept) == 2
    assert shop.kept[0] == first
    assert shop.place.kept.read(shop.kept[1]).restorable
    last = shop.made()
    assert shop.kept == [last]


def copied(shop: Shop, backup: Backup) -> Backup:
    """A backup with another name, whose restored copy stands."""
    at = datetime.now(UTC)
    made = msgspec.structs.replace(backup, id=new_id(at), created_at=at)
    shop.server.execute(f'CREATE DATABASE "{shop.name}__lg_{made.id}" ALLOW_CONNECTIONS false')
    return made


def test_what_somebody_dropped_is_missed_and_made_again(shop: Shop) -> None:
    first = shop.made()
    shop.server.execute(f'DROP DATABASE "{shop.kept_name(first)}"')

    found = warm_targets(shop.project, shop.place)
    assert [one.code for one in found.problems] == ["warm-target-vanished"]
    assert found.has(first) is False
    with pytest.raises(RefusedError, match="no warm target") as refused:
        recheck_warm(shop.project, shop.place)
    assert first in refused.value.cause

    second = shop.made()
    assert warm_targets(shop.project, shop.place) == ((second,), ())


def test_what_is_missed_is_missed_however_much_happened_since(shop: Shop) -> None:
    first = shop.made()
    shop.server.execute(f'DROP DATABASE "{shop.kept_name(first)}"')
    events = shop.project.state.events
    with shop.project.state.transaction():
        for number in range(NEWEST_EVENTS + 1):
            events.append(
                "noted", "ada", str(number), at=datetime.now(UTC), environment="production"
            )
    (problem,) = warm_targets(shop.project, shop.place).problems
    assert problem.code == "warm-target-vanished"


def test_a_proof_promotes_as_a_backup_does(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    """Of what could not be kept when it was made; and it takes no newer one's place."""
    incident = shop.project.state.incidents.open(
        "production", "it burns", by="ada", at=datetime.now(UTC)
    )
    first, second = shop.made(), shop.made()
    assert not answered(shop, capsys, "verify", second)["warm_target"]
    assert shop.kept == []
    shop.project.state.incidents.resolve(incident.id, "ada", datetime.now(UTC))

    assert answered(shop, capsys, "verify", first)["warm_target"]
    assert answered(shop, capsys, "verify", second)["warm_target"]
    assert shop.kept == [second]
    assert "a newer one stands" in said(shop, capsys, "verify", first)
    before = shop.events()
    assert answered(shop, capsys, "verify", second)["warm_target"]
    assert shop.kept == [second]
    assert shop.place.database.sides() == []
    assert shop.events() == before, "its copy stands already"


def test_what_somebody_opened_is_found_closed_and_compared(shop: Shop) -> None:
    first = shop.made()
    name = shop.kept_name(first)
    shop.server.execute(f'ALTER DATABASE "{name}" WITH ALLOW_CONNECTIONS true')
    problems = warm_targets(shop.project, shop.place).problems
    assert [one.code for one in problems] == ["kept-open"]

    stored, problems = recheck_warm(shop.project, shop.place)
    assert (stored.backup.id, problems) == (first, ())
    assert warm_targets(shop.project, shop.place) == ((first,), ())

    shop.server.execute(f'ALTER DATABASE "{name}" WITH ALLOW_CONNECTIONS true')
    shop.server.execute("UPDATE users SET id = 7 WHERE id = 8", name=name)
    _, problems = recheck_warm(shop.project, shop.place)
    assert [one.code for one in problems] == ["table-differs"]
    assert shop.kept == []
    second = shop.made()
    assert shop.kept == [second]


def test_retention_keeps_the_backup_it_was_made_of(shop: Shop) -> None:
    first = shop.made()
    assert facts(shop.project, shop.place).in_use == {first}
    assert facts(shop.project, shop.place).frozen == ""


def test_a_server_that_does_not_answer_hides_no_backup(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    first = shop.made()
    shop.configure(dsn="host=/nowhere dbname=shop user=postgres")

    document = answered(shop, capsys, "list")
    assert [(one["id"], one["warm_target"]) for one in document["backups"]] == [(first, None)]
    assert [one["code"] for one in document["warm_target_problems"]] == ["warm-target-unknown"]
    assert "nothing is known of the warm target" in facts(shop.project, shop.place).frozen


def test_the_commands_say_which_one_it_is(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    first = answered(shop, capsys, "create")
    second = answered(shop, capsys, "create")
    assert first["warm_target"]
    assert second["warm_target"]

    listed = answered(shop, capsys, "list")
    assert [one["warm_target"] for one in listed["backups"]] == [False, True]
    assert listed["warm_target_problems"] == []
    assert not answered(shop, capsys, "show", first["id"])["warm_target"]
    assert answered(shop, capsys, "show")["warm_target"]
    assert said(shop, capsys, "show").count("as the warm target") == 1
    assert said(shop, capsys, "list").count(" warm ") == 2  # its column and the one
    assert answered(shop, capsys, "verify", "--warm", "--dry-run")["dry_run"]
    assert answered(shop, capsys, "verify", "--warm")["warm_target"]
    assert answered(shop, capsys, "verify", first["id"])["warm_target"] is False
    assert said(shop, capsys, "verify", "--warm", first["id"], code=2).count("--warm") >= 1

    name = shop.kept_name(second["id"])
    shop.server.execute(f'ALTER DATABASE "{name}" WITH ALLOW_CONNECTIONS true')
    shop.server.execute("DELETE FROM users WHERE id = 8", name=name)
    assert "was opened" in said(shop, capsys, "show")
    changed = answered(shop, capsys, "verify", "--warm", code=1)
    assert not changed["warm_target"]
    assert changed["warm_target_problems"][0]["code"] == "table-differs"


def said(shop: Shop, capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> str:
    """What a command of `lastgood backup` prints."""
    capsys.readouterr()
    ended = run(["backup", *words, "--config", str(shop.config)])
    found = capsys.readouterr()
    assert ended == code, found
    return " ".join((found.out + found.err).split())


def answered(
    shop: Shop, capsys: pytest.CaptureFixture[str], *words: str, code: int = 0
) -> dict[str, Any]:
    """What a command of `lastgood backup` answers as JSON."""
    capsys.readouterr()
    ended = run(["backup", *words, "--config", str(shop.config), "--json"])
    found = capsys.readouterr()
    assert ended == code, found
    document: dict[str, Any] = json.loads(found.out)
    return document
