"""Backups that are promoted, each in a process that is killed at the n-th step of the promotion.

Asked line by line: the step, and the backup whose restored copy stands; without one a backup is
made first. Answers how the process ended. Each is forked from this one, which has loaded everything
and opened nothing.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

import psycopg  # noqa: F401 - loaded once for all

from lastgood.app.backups.ordering import order_backup
from lastgood.app.backups.place import place_of
from lastgood.app.backups.warming import Warming
from lastgood.app.project import Project
from lastgood.drivers.database.postgres.driver import PostgresDatabase
from lastgood.model.backup import Backup
from lastgood.model.noun import from_json
from lastgood.store.events import Events


class Executioner:
    """Ends this process before or after a step, counted from the moment at which it is kept."""

    def __init__(self, last: int) -> None:
        self._left = last
        self._begun = False

    def watch(self, kind: type, name: str) -> None:
        real = getattr(kind, name)

        def watched(*given: Any, **named: Any) -> Any:
            self._begun = self._begun or name == "keep"
            self._come_closer()
            done = real(*given, **named)
            self._come_closer()
            return done

        setattr(kind, name, watched)

    def _come_closer(self) -> None:
        self._left -= self._begun
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def promote(config: Path, step: int, backup: str) -> None:
    executioner = Executioner(step)
    for name in ("keep", "drop", "drop_kept"):
        executioner.watch(PostgresDatabase, name)
    executioner.watch(Events, "append")
    project = Project.open(config)
    if backup:
        made = from_json(backup, Backup)
        place = place_of(project, None)
        warming = Warming(project, place, lambda _: None)
        warming.promote(made)
        place.database.drop(made.id)
        warming.settle()
    else:
        order_backup(project, None, None, if_due=False, tell=lambda _: None)
    project.close()


def main() -> None:
    for line in sys.stdin:
        step, _, backup = line.strip().partition(" ")
        child = os.fork()
        if not child:
            promote(Path(sys.argv[1]), int(step), backup)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
