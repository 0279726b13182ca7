"""The runner's work: open runs are carried out, watches are kept, until nothing is left."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import traceback
from datetime import timedelta
from typing import TYPE_CHECKING

from lastgood.app import flow
from lastgood.app.project import Project, now
from lastgood.app.watching import keep_watches
from lastgood.engine.direct.spawn import gate, take_runner_lock
from lastgood.errors import LastgoodError, StaleLeaseError

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from lastgood.model.run import Run

CADENCE_S = 0.05
"""How often the runner looks for new rows; one indexed query each time."""

CONTINUE_WITHIN = timedelta(minutes=15)
"""A run that nobody worked on for longer is not continued by itself: the world moved on, and a
person says `lastgood resume`."""


class Work:
    """The runner's tasks: one for each open run, one for each environment with watches."""

    def __init__(self, config: Path, environment: str, lock: int) -> None:
        self._config = config
        self._project = Project.open(config, environment)
        self._lock = lock
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._given_up: dict[str, datetime] = {}

    async def until_idle(self, linger_s: float) -> None:
        """Work until there was nothing to do for a while, then let the runner's lock go.

        Args:
            linger_s: how long to wait for rows when there are none: a command that is about to
                commit one starts its runner early, so that it is ready.
        """
        loop = asyncio.get_running_loop()
        idle_since = loop.time()
        while True:
            if self._folder_is_gone():
                await self.put_down()
                return
            self._begin()
            if self._tasks:
                idle_since = loop.time()
            elif loop.time() - idle_since > linger_s and self._end():
                return
            await asyncio.sleep(CADENCE_S)

    async def forever(self) -> None:
        """Work until cancelled."""
        while True:
            self._begin()
            await asyncio.sleep(CADENCE_S)

    async def put_down(self) -> None:
        """Stop all tasks where they stand: their runs stay open, their children are ended."""
        for task in self._tasks.values():
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks.values())
        os.close(self._lock)

    def _begin(self) -> None:
        """Forget finished tasks; begin what is open and not begun."""
        for key in [key for key, task in self._tasks.items() if task.done()]:
            self._reap(key, self._tasks.pop(key))
        state = self._project.state
        for run in state.journal.open_runs():
            if run.id not in self._tasks and self._may_go_on(run):
                self._tasks[run.id] = asyncio.create_task(self._carry_out(run))
        for environment in {watch.environment for watch in state.watches.pending()}:
            key = f"watches of {environment}"
            if key not in self._tasks and not self._rests(key):
                self._tasks[key] = asyncio.create_task(self._watch(environment))

    def _folder_is_gone(self) -> bool:
        """Whether the state folder was taken away: then nobody can want anything of us."""
        try:
            there = (self._project.state_folder / "runner.lock").stat().st_ino
        except FileNotFoundError:
            return True
        return there != os.fstat(self._lock).st_ino

    def _end(self) -> bool:
        """Let the lock go unless a row came in: a command waits for this decision at the gate."""
        with gate(self._project.state_folder):
            self._begin()
            if self._tasks:
                return False
            os.close(self._lock)
        return True

    def _may_go_on(self, run: Run) -> bool:
        given_up = self._given_up.get(run.id)
        if given_up is not None:
            return run.resumed_at is not None and run.resumed_at > given_up
        newest = max(
            self._project.state.journal.last_activity(run.id),
            run.resumed_at or run.commanded_at,
        )
        return now() - newest < CONTINUE_WITHIN

    def _rests(self, key: str) -> bool:
        """Whether watching failed lately: it is tried again, not in a tight circle."""
        given_up = self._given_up.get(key)
        return given_up is not None and now() - given_up < timedelta(seconds=5)

    async def _carry_out(self, run: Run) -> None:
        project = Project.open(self._config, run.environment)
        try:
            await flow.carry_out(project, run)
        finally:
            project.state.close()

    async def _watch(self, environment: str) -> None:
        project = Project.open(self._config, environment)
        try:
            await keep_watches(project)
        finally:
            project.state.close()

    def _reap(self, key: str, task: asyncio.Task[None]) -> None:
        """Say in the runner's log why a task failed; its run stays open for `lastgood resume`."""
        error = task.exception()
        if error is None:
            self._given_up.pop(key, None)
            return
        self._given_up[key] = now()
        if isinstance(error, StaleLeaseError):
            text = f"{key}: {error}"
        elif isinstance(error, LastgoodError):
            text = f"{key} stopped where it stands: {error}"
        else:
            text = f"{key} stopped by a fault of lastgood:\n" + "".join(
                traceback.format_exception(error)
            )
        sys.stderr.write(f"{now().isoformat()} {self._project.masker.mask(text)}\n")
        sys.stderr.flush()


async def wait_for_lock(folder: Path) -> int:
    """The runner's lock, as soon as whoever holds it is gone."""
    while (descriptor := take_runner_lock(folder)) is None:  # noqa: ASYNC110 - no event tells it
        await asyncio.sleep(0.5)
    return descriptor


async def serve(project: Project) -> None:
    """Work until SIGTERM or SIGINT, in the place of the runner that a command would start."""
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    folder = project.state.folder  # made when it was not there
    taking = asyncio.create_task(wait_for_lock(folder))
    stopping = asyncio.create_task(stopped.wait())
    await asyncio.wait({taking, stopping}, return_when=asyncio.FIRST_COMPLETED)
    if stopping.done():
        taking.cancel()
        return
    work = Work(project.settings.file, project.name, taking.result())
    working = asyncio.create_task(work.forever())
    await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
    working.cancel()
    await asyncio.wait({working})
    await work.put_down()
    if not working.cancelled():
        working.result()
