"""The worker keeps the schedule: real workers, real backups, killed and hindered."""

from __future__ import annotations

import asyncio
import signal
import time
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from lastgood.app.backups import schedule
from lastgood.app.backups.schedule import schedule_is_kept
from lastgood.app.project import now
from lastgood.app.runs.running import serve
from lastgood.model.backup import BackupKind

if TYPE_CHECKING:
    from tests.app.backups.conftest import Shop

pytestmark = [pytest.mark.linux, pytest.mark.timeout(240)]

SLOW = {"name": "slow", "sql": "SELECT count(pg_sleep(100))", "expect": "= 1"}


def test_a_worker_that_is_killed_takes_its_backup_along_and_the_next_goes_on(shop: Shop) -> None:
    state = shop.folder / ".lastgood"
    shop.main["verify"], shop.main["verify_timeout"] = [SLOW], "1h"
    shop.write()
    worker = shop.begin("worker")
    shop.wait_for(lambda: len(shop.databases()) > 1 and shop.backups)  # it is being proven
    assert schedule_is_kept(state)
    assert shop.create("--if-due")["under_way"] is True  # cron, at the same moment
    shop.config.write_text("half written")
    shop.wait_for(lambda: "no schedule of backups is read" in shop.log)
    assert len(shop.processes("--if-due")) > 0  # it goes on

    worker.send_signal(signal.SIGKILL)
    worker.communicate()
    shop.wait_for(lambda: not shop.processes("--if-due"))
    assert not schedule_is_kept(state)
    assert len(shop.databases()) == 2  # what the killed proof left

    del shop.main["verify"]
    shop.write()
    worker = shop.begin("worker")
    shop.wait_for(lambda: any(one.restorable for one in shop.backups))
    (stored,) = shop.backups  # the same: it was young, and only not proven
    assert stored.backup.kind is BackupKind.SCHEDULED
    shop.wait_for(lambda: shop.databases() == {shop.name})
    assert len(shop.events("backup.side-dropped")) == 1
    worker.send_signal(signal.SIGTERM)
    worker.communicate()
    assert worker.returncode == 0
    assert not shop.processes("backup")


def test_a_worker_that_is_stopped_ends_its_backup_and_leaves_nothing(shop: Shop) -> None:
    with shop.server.superuser(shop.name) as connection, connection.transaction():
        connection.execute("LOCK TABLE users IN ACCESS EXCLUSIVE MODE")
        worker = shop.begin("worker")
        waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'users'::regclass"
        shop.wait_for(lambda: connection.execute(waiting).fetchone() == (1,))
        worker.send_signal(signal.SIGTERM)
        worker.communicate()
        assert worker.returncode == 0
        assert not shop.processes("--if-due")
    assert not shop.backups
    assert shop.databases() == {shop.name}


def test_failures_wait_stop_nothing_and_end_when_the_cause_is_mended(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedule, "RETRY_S", 0.1)
    dsn = shop.main["dsn"]
    shop.main["dsn"] = "postgresql:///nowhere?host=/nonexistent"
    shop.write()

    async def until(true: object) -> None:
        assert callable(true)
        await asyncio.to_thread(shop.wait_for, true)

    async def work() -> None:
        serving = asyncio.create_task(serve(shop.project))
        await until(lambda: shop.log.count("no backup of production main") > 1)
        shop.main["dsn"] = dsn
        shop.write()
        await until(lambda: any(one.restorable for one in shop.backups))
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)

    asyncio.run(work())
    assert len(shop.backups) == 1
    assert "/nonexistent" in shop.log
    assert "next try in" in shop.log
    assert len(shop.events("backup.failed")) > 1
    assert shop.main["dsn"] not in shop.log


async def test_ticks_that_were_slept_through_are_one(shop: Shop) -> None:
    state = shop.project.state.folder
    schedules = schedule.Schedules(shop.config, "production", state)
    schedules._read(changed=True)
    (kept,) = schedules._kept.values()
    kept.ask_at, kept.next_at = time.monotonic() + 3600, now() - timedelta(hours=40)
    keeping = asyncio.create_task(schedules.keep())
    await asyncio.to_thread(shop.wait_for, lambda: any(one.restorable for one in shop.backups))
    while kept.proven is None:  # noqa: ASYNC110 - it is only noted there
        await asyncio.sleep(0.1)
    keeping.cancel()
    await asyncio.gather(keeping, return_exceptions=True)
    assert not kept.is_time
    (stored,) = shop.backups
    assert kept.next_at == stored.backup.created_at + timedelta(hours=6)
