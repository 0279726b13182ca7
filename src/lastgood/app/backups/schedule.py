"""The schedule of backups, kept by the worker: each is made by a process of its own.

A dump of an hour holds no run back, and ends with the worker, however that ends. What is due only
that process finds out, so that worker, cron and people never disagree.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from lastgood.app.backups.overdue import sound_if_overdue
from lastgood.app.backups.turns import turn
from lastgood.app.project import Project, now
from lastgood.app.runs.runnerlog import write_log
from lastgood.errors import ExitCode, LastgoodError
from lastgood.process.guarded import GuardedChildren

if TYPE_CHECKING:
    from pathlib import Path

    from lastgood.ports.children import Finished

LOCK = "schedule.lock"

CADENCE_S = 1.0
"""How often it is looked whether something is due."""

ASK_S = 3_600.0
"""How often a backup that is not due is asked for anyway: clocks jump, and others make some too."""

UNDER_WAY_S = 30.0
"""When to ask again while somebody else makes one."""

RETRY_S = 600.0
"""How long to wait after a failure; twice as long after the next."""

LONGEST_RETRY_S = 3_600.0

ALARM_S = 60.0
"""How often it is looked whether one is overdue."""

READ_S = 600.0
"""How often the configuration is read though its file did not change: what it names may have."""

LONGEST_S = 86_400.0
"""A backup with its proof that takes longer hangs, and is ended."""


@dataclass
class Kept:
    """One database's schedule.

    Attributes:
        ask_at: on the monotonic clock, when to ask at the latest.
        next_at: when the next one is due, as far as is known.
        proven: when the newest proven one was taken, as far as is known.
        failures: in a row.
        task: what asks now.
    """

    project: Project
    database: str
    every: float
    ask_at: float = 0.0
    next_at: datetime | None = None
    proven: datetime | None = None
    failures: int = 0
    task: asyncio.Task[None] | None = field(default=None, repr=False)

    @property
    def is_time(self) -> bool:
        """Whether to ask now; ticks that were missed are one."""
        if self.task is not None and not self.task.done():
            return False
        due = self.next_at is not None and now() >= self.next_at
        return due or time.monotonic() >= self.ask_at


async def keep_schedules(config: Path, environment: str, folder: Path) -> None:
    """Keep the schedule of every database that has a store for its backups, until cancelled.

    Of several workers one does; the others wait for its end.
    """
    while True:
        with suppress(LastgoodError), turn(folder / LOCK) as held:
            if held.ours:
                await Schedules(config, environment, folder).keep()
        await asyncio.sleep(CADENCE_S)


def schedule_is_kept(folder: Path) -> bool:
    """Whether a worker lives that keeps it."""
    with turn(folder / LOCK) as held:
        return not held.ours


class Schedules:
    """All schedules of a configuration.

    Args:
        config: the configuration; it is read anew when it changes.
        environment: one of it that can be read here.
        folder: of the state.
    """

    def __init__(self, config: Path, environment: str, folder: Path) -> None:
        self._config = config
        self._environment = environment
        self._folder = folder
        self._kept: dict[tuple[str, str], Kept] = {}
        self._seen: tuple[int, int, int] | None = None
        self._read_at = self._alarm_at = -ASK_S

    async def keep(self) -> None:
        """Ask when it is time, whatever fails; ends what it started when it is cancelled."""
        try:
            while True:
                try:
                    self._tick()
                except Exception as error:  # noqa: BLE001 - a schedule goes on whatever it met
                    self._log(f"the schedule of backups met {error!r}")
                await asyncio.sleep(CADENCE_S)
        finally:
            tasks = [kept.task for kept in self._kept.values() if kept.task is not None]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for project in {kept.project for kept in self._kept.values()}:
                project.close()

    def _tick(self) -> None:
        at = time.monotonic()
        changed = self._changed()
        if changed or at - self._read_at >= READ_S:
            self._read_at = at
            self._read(changed=changed)
        for kept in self._kept.values():
            if kept.is_time:
                kept.next_at, kept.ask_at = None, at + ASK_S
                kept.task = asyncio.create_task(self._ask(kept))
        if at - self._alarm_at >= ALARM_S:
            self._alarm_at = at
            self._sound()

    def _changed(self) -> bool:
        try:
            found = self._config.stat()
        except OSError:
            return False
        seen = (found.st_ino, found.st_mtime_ns, found.st_size)
        changed = seen != self._seen
        self._seen = seen
        return changed

    def _read(self, *, changed: bool) -> None:
        """Which databases have a schedule now; whoever has one already keeps his place in it.

        What cannot be read is left as it was: a file that is half written ends no backup.
        """
        first = self._open(self._environment, said=changed)
        if first is None:
            return
        before, self._kept = self._kept, {}
        opened = {kept.project for kept in before.values()}
        for name in first.settings.names:
            project = self._open(name, said=changed)
            if project is None:
                self._kept |= {key: kept for key, kept in before.items() if key[0] == name}
            else:
                self._add(project, before, changed=changed)
        for key, kept in before.items():
            if key not in self._kept and kept.task is not None:
                kept.task.cancel()
        for project in opened - {kept.project for kept in self._kept.values()}:
            project.close()

    def _add(self, project: Project, before: dict[tuple[str, str], Kept], *, changed: bool) -> None:
        """The schedules of an environment."""
        for name in project.environment.databases:
            settings = project.backups(name)
            if settings is None or settings.store is None:
                continue
            kept = before.get((project.name, name)) or Kept(project, name, settings.every)
            if changed:
                kept.ask_at, kept.next_at, kept.failures = 0.0, None, 0
            kept.project, kept.every = project, settings.every
            self._kept[project.name, name] = kept

    def _open(self, name: str, *, said: bool) -> Project | None:
        """An environment's project; None when it cannot be read here."""
        try:
            project = Project.open(self._config, name)
        except LastgoodError as error:
            if said:
                self._log(f"no schedule of backups is read for {name}: {error}")
            return None
        project.makes_state = False
        return project

    async def _ask(self, kept: Kept) -> None:
        """Let a backup be made if one is due, and note when to ask again."""
        project = kept.project
        words = (
            "backup", "create", "--if-due", "--database", kept.database,
            "--env", project.name, "--config", str(self._config), "--json", "--quiet", "--no-input",
        )  # fmt: skip
        tag = f"backup.{project.name}.{kept.database}"
        children = GuardedChildren(self._folder / "guards", tag, project.masker)
        try:
            finished = await children.run(
                (sys.executable, "-P", "-m", "lastgood", *words),
                timeout=LONGEST_S,
                cwd=project.settings.folder,
                env=dict(os.environ),  # it reads the same configuration, references and all
                check=False,
            )
        except LastgoodError as error:
            self._failed(kept, str(error))
        else:
            self._note(kept, finished)

    def _note(self, kept: Kept, finished: Finished) -> None:
        answer = _document(finished.stdout)
        if finished.returncode != ExitCode.GOOD or answer is None:
            self._failed(kept, " ".join(finished.stderr.split())[-1_000:])
            return
        kept.failures = 0
        if answer.get("under_way"):
            kept.ask_at = time.monotonic() + UNDER_WAY_S
            return
        every = timedelta(seconds=kept.every)
        if "due" in answer:
            kept.next_at = datetime.fromisoformat(answer["next_at"])
            kept.proven = kept.next_at - every
        else:
            kept.proven = datetime.fromisoformat(answer["created_at"])
            kept.next_at = kept.proven + every

    def _failed(self, kept: Kept, why: str) -> None:
        wait = min(LONGEST_RETRY_S, RETRY_S * 2**kept.failures)
        kept.failures += 1
        kept.ask_at = time.monotonic() + wait
        again = f"next try in {wait / 60:.0f} min"
        self._log(f"no backup of {kept.project.name} {kept.database}: {why}; {again}", kept)

    def _sound(self) -> None:
        for kept in self._kept.values():
            try:
                sound_if_overdue(kept.project, kept.database, kept.every, kept.proven)
            except LastgoodError as error:
                self._log(f"whether a backup is overdue cannot be told: {error}", kept)

    def _log(self, text: str, kept: Kept | None = None) -> None:
        write_log(self._folder, kept.project.masker.mask(text) if kept else text)


def _document(text: str) -> dict[str, Any] | None:
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
