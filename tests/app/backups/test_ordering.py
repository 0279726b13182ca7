"""Backups as schedules and deployments order them, by real commands on a real server."""

from __future__ import annotations

import json
import os
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from lastgood.app.backups import tidying
from lastgood.app.backups.ordering import order_backup, order_proof
from lastgood.app.backups.tidying import proof_turn
from lastgood.app.backups.turns import turn, turn_file
from lastgood.backup.layout import new_id
from lastgood.errors import LastgoodError, RefusedError, UsageError
from lastgood.model.backup import BackupKind
from lastgood.model.release import Standing

if TYPE_CHECKING:
    from tests.app.backups.conftest import Shop

    from lastgood.app.backups.ordering import Made

pytestmark = pytest.mark.linux

COMMIT = "c0ffee0123456789c0ffee0123456789c0ffee01"


def made(shop: Shop, before: str | None = None, *, if_due: bool = False) -> tuple[Made, list[str]]:
    told: list[str] = []
    return order_backup(shop.project, None, before, if_due=if_due, tell=told.append), told


def test_of_three_at_the_same_moment_one_backs_up(shop: Shop) -> None:
    """Worker and cron come at the same second."""
    commands = [shop.begin("backup", "create", "--if-due", "--json") for _ in range(3)]
    answers = [shop.said(command) for command in commands]
    assert len(shop.backups) == 1
    assert sum("id" in answer for answer in answers) == 1
    others = [answer for answer in answers if "id" not in answer]
    assert [answer["due"] for answer in others] == [False] * 2
    # Who came after its end hears when the next is due.
    assert all(answer["under_way"] or answer["next_at"] for answer in others)


def test_while_one_is_made_a_schedule_waits_and_a_person_does_not(shop: Shop) -> None:
    with turn(turn_file(shop.project, "backup", "main")):
        assert shop.create("--if-due") == {"due": False, "under_way": True, "next_at": None}
        made(shop)
    stored, *more = shop.backups
    assert not more
    assert stored.backup.kind is BackupKind.MANUAL
    order, _ = made(shop, if_due=True)
    assert order.next_at == stored.backup.created_at + timedelta(hours=6)


def test_what_a_schedule_makes_it_also_drops(shop: Shop) -> None:
    first, _ = made(shop, if_due=True)
    assert first.stored is not None
    manifest = next((shop.folder / "store").glob("production/main/*/manifest.json"))
    document = json.loads(manifest.read_text())
    document["created_at"] = (datetime.now(UTC) - timedelta(days=9)).isoformat()
    manifest.write_text(json.dumps(document))
    second, told = made(shop, if_due=True)
    assert second.stored is not None
    assert [one.backup.id for one in shop.backups] == [second.stored.backup.id]
    assert second.stored.backup.kind is BackupKind.SCHEDULED
    assert any("was dropped" in said for said in told)
    (dropped,) = shop.events("backup.dropped")
    assert dropped.text.startswith(first.stored.backup.id)


def test_a_young_one_that_could_not_be_proven_is_not_made_again_but_proven(shop: Shop) -> None:
    """Else a role without the right to prove would fill the store, every ten minutes."""
    shop.server.execute(f"ALTER ROLE {shop.role} NOCREATEDB")
    for _ in range(2):
        order, _ = made(shop, if_due=True)
        assert order.unproven is not None
        assert order.unproven.code == "no-createdb"
    assert len(shop.backups) == 1
    shop.server.execute(f"ALTER ROLE {shop.role} CREATEDB")
    order, told = made(shop, if_due=True)
    assert order.stored is not None
    assert order.stored.restorable
    assert "not proven" in told[0]
    assert len(shop.backups) == 1
    assert made(shop, if_due=True)[0].next_at is not None


def test_a_store_that_is_gone_is_said_in_the_events(shop: Shop) -> None:
    (shop.folder / "store").write_text("not a folder")
    with pytest.raises(LastgoodError):
        made(shop, if_due=True)
    (event,) = shop.events("backup.failed")
    assert event.data["database"] == "main"
    assert shop.events("backup.overdue") == []
    shop.main["backup"]["every"] = "100ms"
    shop.write()
    time.sleep(0.2)
    for _ in range(2):
        with pytest.raises(LastgoodError):
            made(shop, if_due=True)
    assert len(shop.events("backup.overdue")) == 1


class TestBeforeADeployment:
    def test_it_belongs_to_the_release_by_its_full_commit(self, shop: Shop) -> None:
        site = shop.folder / "site"
        (site / "releases" / COMMIT).mkdir(parents=True)
        deploy = {"driver": "releases", "path": str(site)}
        shop.environment["services"] = {"site": {"deploy": deploy}}
        shop.write()
        made(shop, COMMIT[:8])
        backup = shop.backups[-1].backup
        assert (backup.kind, backup.before) == (BackupKind.BEFORE_DEPLOY, COMMIT)
        release = shop.project.state.ledger.release("production", "site", COMMIT)
        assert release is not None
        assert release.standing is Standing.UNKNOWN
        (event,) = shop.events("backup.created")
        assert event.data["before"] == COMMIT

    @pytest.mark.parametrize("name", ["", " ", "../up", "a b"])
    def test_what_can_be_no_release_is_refused_before_anything_is_read(
        self, shop: Shop, name: str
    ) -> None:
        with pytest.raises(UsageError) as refused:
            made(shop, name)
        assert refused.value.code == "no-commit"
        assert shop.backups == ()

    def test_two_services_that_mean_different_commits_are_named(self, shop: Shop) -> None:
        services = {}
        for service, commit in (("site", "abcd" * 10), ("api", "abcdef12" * 5)):
            (shop.folder / service / "releases" / commit).mkdir(parents=True)
            deploy = {"driver": "releases", "path": str(shop.folder / service)}
            services[service] = {"deploy": deploy}
        shop.environment["services"] = services
        shop.write()
        with pytest.raises(UsageError) as refused:
            made(shop, "abcd")
        assert refused.value.code == "which-commit"

    def test_without_services_too_and_the_server_s_log_gets_a_named_point_where_the_role_may(
        self, shop: Shop
    ) -> None:
        _, told = made(shop, COMMIT)
        assert shop.backups[-1].backup.restore_point is None
        assert any("restore point" in said for said in told)
        shop.server.execute(
            f"GRANT EXECUTE ON FUNCTION pg_create_restore_point(text) TO {shop.role}"
        )
        answer = shop.create("--before-deploy", COMMIT)
        assert answer["restore_point"] == f"lastgood_{answer['id']}"
        kept = shop.backups[-1].backup
        assert kept.restore_point == answer["restore_point"]
        shop.server.execute(
            f"REVOKE EXECUTE ON FUNCTION pg_create_restore_point(text) FROM {shop.role}"
        )


class TestLeftovers:
    def test_are_removed_before_a_backup_with_an_event_each(self, shop: Shop) -> None:
        old, young = new_id(datetime(2026, 1, 1, tzinfo=UTC)), new_id(datetime.now(UTC))
        sides = {name: f"{shop.name}__lg_{name}" for name in (old, young, "warm")}
        for side in sides.values():
            shop.server.execute(f'CREATE DATABASE "{side}" OWNER {shop.role}')
        part = shop.folder / "store" / "production" / "main" / old / "dump"
        part.parent.mkdir(parents=True)
        part.write_bytes(b"half")
        long_ago = time.time() - 2 * 86_400
        os.utime(part, (long_ago, long_ago))
        made(shop)
        assert shop.databases() == {shop.name, sides[young], sides["warm"]}
        assert not part.exists()
        (dropped,) = shop.events("backup.side-dropped")
        (swept,) = shop.events("backup.swept")
        assert dropped.data == swept.data == {"database": "main", "backup": old}

    def test_of_a_proof_that_goes_on_are_left_alone(self, shop: Shop) -> None:
        old = new_id(datetime(2026, 1, 1, tzinfo=UTC))
        side = f"{shop.name}__lg_{old}"
        shop.server.execute(f'CREATE DATABASE "{side}" OWNER {shop.role}')
        with proof_turn(shop.project, shop.place, old):
            made(shop)
            assert side in shop.databases()
        made(shop)
        assert side not in shop.databases()

    def test_that_cannot_be_removed_keep_no_backup_back(self, shop: Shop) -> None:
        old = new_id(datetime(2026, 1, 1, tzinfo=UTC))
        side = f"{shop.name}__lg_{old}"
        shop.server.execute(f'CREATE DATABASE "{side}"')  # another role's
        order, told = made(shop)
        assert order.stored is not None
        assert order.stored.restorable
        assert any("could not be removed" in said for said in told)

    def test_of_a_crashed_proof_do_not_keep_the_next_from_beginning(
        self, shop: Shop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made(shop)
        (stored,) = shop.backups
        place = shop.place
        monkeypatch.setattr(place.database, "verify", _crash)
        monkeypatch.setattr(place.database, "drop", _crash)
        with pytest.raises(KeyboardInterrupt):
            order_proof(shop.project, place, stored, print)
        side = f"{shop.name}__lg_{stored.backup.id}"
        assert side in shop.databases()
        assert order_proof(shop.project, shop.place, stored, print).restorable
        assert shop.databases() == {shop.name}
        assert len(shop.events("backup.side-dropped")) == 1


def test_a_backup_is_proven_once_at_a_time(shop: Shop) -> None:
    made(shop)
    (stored,) = shop.backups
    with proof_turn(shop.project, shop.place, stored.backup.id), pytest.raises(RefusedError) as no:
        order_proof(shop.project, shop.place, stored, print)
    assert no.value.code == "proof-under-way"
    assert timedelta(days=1) == tidying.STALE


def _crash(_side: str) -> None:
    raise KeyboardInterrupt
