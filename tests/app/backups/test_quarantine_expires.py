"""What was replaced goes after its time, announced a day before; what a person named so stays."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from lastgood.app.databases import quarantine
from lastgood.app.project import now

if TYPE_CHECKING:
    import pytest
    from tests.app.backups.conftest import Shop

OLD = "20260801T120000.000Z-0a1b2c3d"


def test_only_what_a_run_has_replaced_goes_by_itself(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    for one in (OLD, "keep-me"):
        shop.server.execute(
            f'CREATE DATABASE "{shop.name}__lgq_{one}" OWNER "{shop.role}" ALLOW_CONNECTIONS false'
        )
    project, told = shop.project, list[str]()
    quarantine.expire(project, "main", told.append)
    assert f"{shop.name}__lgq_{OLD}" in shop.databases()  # people have a day
    monkeypatch.setattr(quarantine, "now", lambda: now() + timedelta(days=2))
    quarantine.expire(project, "main", told.append)
    assert shop.databases() == {shop.name, f"{shop.name}__lgq_keep-me"}
    assert told == []
    assert [event.data["quarantine"] for event in shop.events("quarantine.dropped")] == [OLD]
