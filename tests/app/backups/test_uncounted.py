"""A backup that is not restored yet, and a database that nobody can count in time."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

from lastgood.app import flow
from lastgood.app.databases import losing, surveying
from lastgood.app.request import Data, rollback_request
from lastgood.model.exchange import Way
from lastgood.model.verdict import Method

if TYPE_CHECKING:
    import pytest
    from tests.app.backups.conftest import Shop

    from lastgood.model.plan import Plan


def planned(shop: Shop, accept: str) -> Plan:
    """What `lastgood db restore --accept-loss` plans."""
    project = shop.project
    data = Data(wanted=True, accept_loss=accept, code=False)
    request = rollback_request(
        project, to=[], drop=None, services=[], method=Method.DATABASE, reason="", data=data
    )
    return asyncio.run(flow.prepare(project, request)).plan


def test_what_takes_too_long_to_count_is_unknown_and_stands_in_nobodys_way(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.create()
    monkeypatch.setattr(surveying, "LONGEST_LOSS_S", 0.0)

    made = planned(shop, "5")
    assert [refusal.code for refusal in made.refusals] == ["loss-unknown"]
    made = planned(shop, "unknown")
    assert made.refusals == ()
    (exchange,) = made.exchanges
    assert exchange.way is Way.RESTORE
    assert exchange.loss is not None
    (users,) = exchange.loss.tables
    assert (users.restored_rows, users.live_rows, users.vanishing) == (3, None, None)
    assert users.why == losing.NO_TIME


def test_a_store_that_does_not_answer_is_not_waited_for_and_not_taken_for_an_empty_one(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # it takes connections, and is still
        port = silent.getsockname()[1]
        shop.main["backup"]["store"] = {
            "url": "s3://backups", "endpoint": f"http://127.0.0.1:{port}", "region": "here",
            "access_key_id": "key", "secret_access_key": "secret", "retries": 0, "timeout": "5s",
        }  # fmt: skip
        shop.write()
        monkeypatch.setattr(surveying, "STORE_S", 0.5)
        made = planned(shop, "unknown")
    refusal = made.refusals[0]
    assert refusal.code == "store-unread"
    assert "did not answer in 0.5 s" in refusal.what
