"""Backups that cannot be made keep back no run, and only a worker tries to make them."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest
from tests.runner.conftest import CONFIGURATION, GOOD

from lastgood.app.backups.schedule import schedule_is_kept
from lastgood.model.run import Outcome

if TYPE_CHECKING:
    from tests.runner.conftest import Workshop

pytestmark = [pytest.mark.linux, pytest.mark.timeout(240)]

WITH_DATABASE = f"""\
{CONFIGURATION}\
    databases:
      main:
        driver: postgres
        dsn: postgresql:///nowhere?host=/nonexistent
        backup: {{store: "file:///nonexistent/store"}}
"""


def test_a_run_recovers_while_backups_fail(workshop: Workshop) -> None:
    workshop.configure(WITH_DATABASE)
    worker = workshop.command("worker")
    workshop.wait_for(lambda: schedule_is_kept(workshop.project.state.folder))
    assert workshop.end(workshop.submit(workshop.prepare())).run.outcome is Outcome.RECOVERED
    log = workshop.folder / ".lastgood" / "runner.log"
    workshop.wait_for(lambda: log.exists() and "no backup of production main" in log.read_text())
    assert workshop.effects == [GOOD]
    os.kill(worker.pid, signal.SIGTERM)
    assert worker.wait(60) == 0
    assert not schedule_is_kept(workshop.project.state.folder)


def test_a_runner_that_a_command_started_keeps_no_schedule(workshop: Workshop) -> None:
    workshop.configure(WITH_DATABASE)
    assert workshop.end(workshop.submit(workshop.prepare())).run.outcome is Outcome.RECOVERED
    workshop.wait_until_idle()
    assert workshop.project.state.events.tail(100, kinds=["backup.failed"]) == []


def test_of_two_workers_one_keeps_it_and_the_other_goes_on(workshop: Workshop) -> None:
    first = workshop.command("worker")
    folder = workshop.project.state.folder
    workshop.wait_for(lambda: schedule_is_kept(folder))
    workshop.command("worker")
    first.kill()
    first.wait()
    workshop.wait_for(lambda: schedule_is_kept(folder))
