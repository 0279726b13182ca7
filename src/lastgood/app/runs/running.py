"""The runner's work: open runs are carried out, watches are kept, until nothing is left."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import signal
import traceback
from datetime import timedelta
from typing import TYPE_CHECKING

from lastgood.app import flow
from lastgood.app.backups.schedule import keep_schedules
from lastgood.app.project import Project, now
from lastgood.app.runs.runnerlog import write_log, write_stopped
from lastgood.app.watches.watching import keep_watches
from lastgood.engine.direct.spawn import gate, reigns, take_runner_lock
from lastgood.errors import LastgoodError, StaleLeaseError

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from lastgood.model.run import Run

CADENCE_S = 0.05
"""How often the runner looks whether anything was written."""

LOOK_ANYWAY_S = 1.0
"""How often it looks into the state whether or not anything was seen to be written."""

CONTINUE_WITHIN = timedelta(minutes=15)
"""A run that nobody worked on for longer is not continued by itself: the world moved on, and a
person says `lastgood resume`."""

WAIT_FOR_MORE_S = 1.0
"""How long a runner that had something to do waits for more before it ends."""

REST_S = 5.0
"""How long the watching of an environment rests after a failure; twice as long after the next."""

LONGEST_REST_S = 60.0

FAILURES = 5
"""After so many failures in a row a runner that a command started watches an environment no more:
it would never end. A worker, which is there for months, goes on trying."""


class Work:
    """The runner's tasks: one for each open run, one for each environment with watches.

    Args:
        config: the configuration; it is read anew for each task.
        environment: any environment of it: the state is one for all.
        lock: the descriptor of the runner's lock, held.
        gives_up: whether an environment whose watching fails is given up at some time.
    """

    def __init__(self, config: Path, environment: str, lock: int, *, gives_up: bool = True) -> None:
        self._config = config
        self._project = self._open(environment)
        self._folder = self._project.state_folder
        self._lock = lock
        self._gives_up = gives_up
        self._runs: dict[str, asyncio.Task[None]] = {}
        self._watches: dict[str, asyncio.Task[None]] = {}
        # When its resumption was last asked for, as it was when a run stopped here.
        self._stopped: dict[str, datetime | None] = {}
        self._failures: dict[str, int] = {}
        self._seen: tuple[int, int] | None = None
        self._looked_at = 0.0

    async def until_idle(self, linger_s: float) -> None:
        """Work until there was nothing to do for a while, or until deposed.

        Args:
            linger_s: how long to wait for the first rows: a command that is about to commit one
                starts its runner early, so that it is ready.
        """
        loop = asyncio.get_running_loop()
        idle_since = loop.time()
        while reigns(self._folder, self._lock):
            self._begin()
            if self._busy:
                idle_since = loop.time()
                linger_s = min(linger_s, WAIT_FOR_MORE_S)  # what it was started early for came
            elif loop.time() - idle_since > linger_s and self._end():
                return
            await asyncio.sleep(CADENCE_S)

    async def until_deposed(self) -> None:
        """Work until another runner is let begin in our place."""
        while reigns(self._folder, self._lock):
            self._begin()
            await asyncio.sleep(CADENCE_S)

    async def put_down(self) -> None:
        """Stop all tasks where they stand: their runs stay open, their children are ended."""
        tasks = [*self._runs.values(), *self._watches.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._project.state.close()
        os.close(self._lock)

    @property
    def _busy(self) -> bool:
        return bool(self._runs or self._watches)

    def _begin(self) -> None:
        """Forget finished tasks; look for new ones where something was written."""
        for run_id in [run_id for run_id, task in self._runs.items() if task.done()]:
            del self._runs[run_id]
        for name in [name for name, task in self._watches.items() if task.done()]:
            del self._watches[name]
        if self._written():
            self._take_up()

    def _written(self) -> bool:
        """Whether the state may hold something new: its log of writes is another than before.

        A runner lives for the half hour of a stability watch, a worker for months: looking at a
        file twenty times a second costs nothing, twenty queries do.
        """
        path = self._project.state.path
        try:
            log = path.with_name(f"{path.name}-wal").stat()
            seen = (log.st_mtime_ns, log.st_size)
        except FileNotFoundError:
            seen = None
        at = asyncio.get_running_loop().time()
        if seen is not None and seen == self._seen and at - self._looked_at < LOOK_ANYWAY_S:
            return False
        self._seen, self._looked_at = seen, at
        return True

    def _take_up(self) -> None:
        """Begin what is open and not begun."""
        state = self._project.state
        for run in state.journal.open_runs():
            if run.id not in self._runs and self._may_go_on(run):
                self._runs[run.id] = asyncio.create_task(self._carry_out(run))
        for name in {watch.environment for watch in state.watches.pending()}:
            given_up = self._gives_up and self._failures.get(name, 0) >= FAILURES
            if name not in self._watches and not given_up:
                self._watches[name] = asyncio.create_task(self._watch(name))

    def _end(self) -> bool:
        """Be done unless a row came in: a command waits for this decision at the gate."""
        with gate(self._folder):
            self._take_up()
            if self._busy or not reigns(self._folder, self._lock):
                return False
            # Within the gate: whoever passes it next finds us gone.
            fcntl.flock(self._lock, fcntl.LOCK_UN)
        return True

    def _may_go_on(self, run: Run) -> bool:
        """Whether a run that nobody here carries out is taken up."""
        if run.id in self._stopped:
            return run.resumed_at != self._stopped[run.id]
        newest = self._project.state.journal.last_activity(run.id)
        return now() - newest < CONTINUE_WITHIN

    async def _carry_out(self, run: Run) -> None:
        """Carry a run out; what stops it is said in the log, and it stays open."""
        self._stopped.pop(run.id, None)
        try:
            project = self._open(run.environment)
            try:
                await flow.carry_out(project, run)
            finally:
                project.state.close()
        except StaleLeaseError as stale:
            write_log(self._folder, f"{run.id} was taken away: {self._words(stale)}")
        except Exception as error:  # noqa: BLE001 - other runs go on whatever stopped this one
            self._stopped[run.id] = run.resumed_at
            write_stopped(self._folder, run.id, self._words(error))

    async def _watch(self, environment: str) -> None:
        """Keep an environment's watches; after a failure rest, so that trying again is no spin."""
        try:
            project = self._open(environment)
            try:
                await keep_watches(project)
            finally:
                project.state.close()
            self._failures.pop(environment, None)
        except Exception as error:  # noqa: BLE001 - runs go on though nobody watches
            failures = self._failures.get(environment, 0)
            self._failures[environment] = failures + 1
            write_log(self._folder, f"watching {environment} failed: {self._words(error)}")
            await asyncio.sleep(min(LONGEST_REST_S, REST_S * 2**failures))

    def _open(self, environment: str) -> Project:
        """The project as its file describes it now; a state that was taken away stays away."""
        project = Project.open(self._config, environment)
        project.makes_state = False
        return project

    def _words(self, error: Exception) -> str:
        """An error in its words; a fault of ours leaves its trace in the log as well."""
        mask = self._project.masker.mask
        if isinstance(error, LastgoodError):
            return mask(str(error))
        write_log(self._folder, mask("".join(traceback.format_exception(error))))
        return mask(f"a fault of lastgood: {error!r}")


async def work_until_idle(config: Path, environment: str, lock: int, linger_s: float) -> None:
    """What a runner that a command started does, from its first look to its end."""
    work = Work(config, environment, lock)
    try:
        await work.until_idle(linger_s)
    finally:
        await work.put_down()


async def serve(project: Project) -> None:
    """Work until SIGTERM or SIGINT, in the place of the runner that a command would start."""
    loop = asyncio.get_running_loop()
    serving = asyncio.create_task(_serve(project))
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, serving.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await serving


async def _serve(project: Project) -> None:
    """Reign again and again: a deposed worker waits for its turn like any other.

    Backups are made on schedule all the while, also while a command's runner reigns.
    """
    folder = project.state.folder  # made when it was not there
    keeping = asyncio.create_task(keep_schedules(project.settings.file, project.name, folder))
    try:
        await _reign(project, folder)
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)


async def _reign(project: Project, folder: Path) -> None:
    while True:
        lock = await _runner_lock(folder)
        work = Work(project.settings.file, project.name, lock, gives_up=False)
        try:
            await work.until_deposed()
        finally:
            await work.put_down()


async def _runner_lock(folder: Path) -> int:
    """The runner's lock, as soon as whoever holds it is gone."""
    while (descriptor := take_runner_lock(folder)) is None:  # noqa: ASYNC110 - no event tells it
        await asyncio.sleep(0.5)
    return descriptor
