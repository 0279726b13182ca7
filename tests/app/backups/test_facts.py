"""What `doctor` says of a database and its backups, on a real server."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from lastgood.app.backups.ordering import order_backup, order_proof, would_order
from lastgood.app.backups.schedule import LOCK
from lastgood.app.backups.turns import turn
from lastgood.app.facts import database as facts
from lastgood.app.facts.database import database_facts
from lastgood.app.project import now

if TYPE_CHECKING:
    from tests.app.backups.conftest import Shop

    from lastgood.app.facts.fact import Fact

pytestmark = pytest.mark.linux


def look(shop: Shop) -> dict[str, Fact]:
    async def collected() -> list[Fact]:
        return [fact async for fact in database_facts(shop.project, "main")]

    found = asyncio.run(collected())
    assert all(fact.mend for fact in found if not fact.ok)
    named = {fact.name.removeprefix("main: "): fact for fact in found}
    assert len(named) == len(found)
    return named


def failing(found: dict[str, Fact]) -> set[str]:
    # Of a key only its kind: the rest is made anew for each test.
    return {
        name[:8] if name.startswith("key ") else name for name, one in found.items() if not one.ok
    }


def back_up(shop: Shop, *, if_due: bool) -> None:
    order_backup(shop.project, None, None, if_due=if_due, tell=lambda _: None)


def test_from_nothing_to_all_is_well(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    first = look(shop)
    assert failing(first) == {"newest backup", "schedule", "key sha2", "key age1"}
    assert "PostgreSQL 16" in first["database"].what
    assert first["can be proven"].ok
    assert first["store"].ok
    assert not (shop.folder / "store" / "doctor.probe").exists()

    back_up(shop, if_due=True)
    assert failing(look(shop)) == {"key age1"}  # which lies where no server is
    (stored,) = shop.backups
    order_proof(shop.project, shop.place, stored, print, shop.recovery)
    assert failing(look(shop)) == set()
    # It outlives the backup that it opened, and what this machine remembers.
    shop.place.kept.remove(stored.backup.id)
    assert failing(look(shop)) == {"newest backup", "schedule"}

    later = now() + timedelta(days=100)
    back_up(shop, if_due=False)
    monkeypatch.setattr(facts, "now", lambda: later)
    found = look(shop)
    assert failing(found) == {"newest backup", "schedule", "key sha2", "key age1"}
    assert found["newest backup"].what.startswith("overdue: ")
    with turn(shop.folder / ".lastgood" / LOCK):  # as a worker holds it
        assert "schedule" not in failing(look(shop))


def test_one_that_only_people_made_is_no_schedule(shop: Shop) -> None:
    back_up(shop, if_due=False)
    assert failing(look(shop)) == {"schedule", "key age1"}


def test_what_stands_in_the_way_is_named(shop: Shop) -> None:
    shop.server.execute(f"ALTER ROLE {shop.role} NOCREATEDB")
    (shop.folder / "operational.key").chmod(0o644)
    (shop.folder / "store").write_text("no folder")
    found = look(shop)
    assert failing(found) == {"can be proven", "can be swapped", "recipients", "store"}
    assert "proof_dsn" in found["can be proven"].mend
    assert str(shop.folder / "operational.key") in found["recipients"].what

    shop.main["programs"] = str(shop.folder)
    (shop.folder / "operational.key").chmod(0o600)
    shop.main["backup"]["recipients"] = ["file:operational.key"] * 2
    shop.write()
    found = look(shop)
    assert failing(found) >= {"client program", "recipients"}
    assert "1 of 2" in found["recipients"].what

    shop.main["dsn"] = "postgresql:///nowhere?host=/nonexistent"
    shop.write()
    assert "database" in failing(look(shop))


def test_the_room_for_a_copy_is_told(shop: Shop) -> None:
    room = look(shop)["room"]
    assert room.ok
    assert room.what.startswith("nobody knows")
    assert "disk: 200GB" in room.mend

    shop.main["disk"] = "1MB"
    shop.write()
    found = look(shop)
    assert "can be proven" in failing(found)
    assert "no room for a copy" in found["can be proven"].what
    _, rehearsed = would_order(shop.project, None, if_due=False)
    assert "no room for a copy" in rehearsed["problems"][0]["what"]
    back_up(shop, if_due=False)
    (stored,) = shop.backups
    assert stored.proof is None, "it stays, and nothing is said against it"
    (event,) = shop.events("backup.unproven")
    assert "no room for a copy" in event.text

    shop.main["disk"] = "100 TB"
    shop.write()
    room = look(shop)["room"]
    assert room.ok
    assert "`disk: 100TB`" in room.what
    order_proof(shop.project, shop.place, stored, lambda _: None)

    # Proven elsewhere, it would still not fit beside the live one when it is wanted there.
    shop.main.update(disk="1MB", proof_dsn=shop.server.dsn("postgres"))
    shop.write()
    assert failing(look(shop)) >= {"room"}


def test_the_last_failure_is_said_beside_a_backup_that_is_young_enough(shop: Shop) -> None:
    back_up(shop, if_due=False)
    at = now()
    shop.project.state.events.append(
        "backup.failed", "cron", "no backup of main: the disk is full",
        at=at, environment="production", data={"database": "main"},
    )  # fmt: skip
    newest = look(shop)["newest backup"]
    assert newest.ok
    assert "the disk is full" in newest.what
    assert newest.mend


def test_without_a_store_nothing_is_promised(shop: Shop) -> None:
    del shop.main["backup"]
    shop.write()
    (fact,) = look(shop).values()
    assert fact.ok
    assert "store" in fact.mend
