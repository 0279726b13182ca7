"""A small project whose deploy tool is a script, and the real runner that works for it."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lastgood.app import flow
from lastgood.app.project import Project, now
from lastgood.app.request import rollback_request
from lastgood.app.runs.following import follow
from lastgood.app.runs.submitting import submit
from lastgood.model.verdict import Method

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lastgood.app.request import Request
    from lastgood.app.runs.following import Snapshot
    from lastgood.model.run import Run

BAD, GOOD, OTHER = "b" * 40, "a" * 40, "c" * 40

CONFIGURATION = """\
version: 1
project: small
state: sqlite:///.lastgood/state.db
environments:
  production:
    stability: 1s
    services:
      backend:
        deploy:
          driver: command
          current: [cat, live]
          deploy: [sh, deploy.sh, "{commit}"]
        checks: [alive]
    checks:
      alive: {command: ["true"], every: 1s, recover_after: 1}
"""

DEPLOY = """\
: > begun
[ ! -e mode ] || . ./mode
echo "$1" >> effects
echo "$1" > live
"""

WAIT = "while [ ! -e go ]; do sleep 0.02; done"

HOSTILE = """
trap '' TERM
setsid sh -c 'trap "" TERM; : > escaped; while :; do sleep 1; done' "$PWD/escapes" &
while :; do sleep 1; done
"""


class Workshop:
    """The project's folder, and what runs for it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = folder / "lastgood.yaml"
        self.config.write_text(CONFIGURATION)
        (folder / "deploy.sh").write_text(DEPLOY)
        (folder / "live").write_text(BAD + "\n")
        self.project = Project.open(self.config)
        self._commands: list[subprocess.Popen[bytes]] = []

    def configure(self, text: str) -> None:
        """Another configuration, before anything was begun under this one."""
        self.config.write_text(text)
        self.project.close()
        self.project = Project.open(self.config, "production")

    def mode(self, script: str) -> None:
        """What the deploy tool does before its effect."""
        (self.folder / "mode").write_text(script)

    def tell(self, name: str) -> None:
        """Make a file that a script waits for."""
        (self.folder / name).touch()

    @property
    def effects(self) -> list[str]:
        path = self.folder / "effects"
        return path.read_text().split() if path.exists() else []

    @property
    def log(self) -> str:
        return (self.folder / ".lastgood" / "runner.log").read_text()

    def prepare(self, to: str = GOOD) -> flow.Prepared:
        return asyncio.run(flow.prepare(self.project, self.request(to)))

    def request(self, to: str) -> Request:
        return rollback_request(
            self.project, to=[to], drop=None, services=[], method=Method.AUTO, reason=""
        )

    def submit(self, prepared: flow.Prepared, take_over: str | None = None) -> Run:
        return submit(
            self.project,
            prepared.plan,
            observation=prepared.observation,
            verdict=prepared.verdict,
            commanded_at=now(),
            take_over=take_over,
        )

    def begin(self, to: str = GOOD) -> Run:
        """Give the command, and wait until its deploy tool is at work."""
        run = self.submit(self.prepare(to))
        self.wait_for((self.folder / "begun").exists)
        return run

    def end(self, run: Run) -> Snapshot:
        *_, last = follow(self.project, run.id)
        return last

    def command(self, *words: str) -> subprocess.Popen[bytes]:
        """`lastgood WORDS` in a session of its own; what it says is in files."""
        name = f"command-{len(self._commands)}"
        with (
            (self.folder / f"{name}.out").open("wb") as out,
            (self.folder / f"{name}.err").open("wb") as err,
        ):
            command = subprocess.Popen(
                [sys.executable, "-m", "lastgood", *words, "--config", str(self.config)],
                stdin=subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True,
            )  # fmt: skip
        self._commands.append(command)
        return command

    def said(self, command: subprocess.Popen[bytes], where: str = "out") -> str:
        """What a command said to `out` or `err`."""
        command.wait(60)
        number = self._commands.index(command)
        return (self.folder / f"command-{number}.{where}").read_text()

    def lock_holder(self) -> str | None:
        return self.project.state.locks.get("production").run

    def runners(self) -> list[int]:
        """The living runners of this project."""
        return [pid for pid, words in self._processes() if b"lastgood.runner" in words]

    def kill_runner(self) -> None:
        (runner,) = self.runners()
        os.kill(runner, signal.SIGKILL)
        self.wait_for(lambda: runner not in self.runners())

    def children(self) -> list[int]:
        """What is alive of the deploy tool and its guards."""
        return [
            pid
            for pid, words in self._processes()
            if b"guard.py" in words or b"deploy.sh" in words or b"/escapes" in words
        ]

    def wait_for(self, condition: Callable[[], object], limit_s: float = 60) -> None:
        end = time.monotonic() + limit_s
        while not condition():
            if time.monotonic() > end:
                raise TimeoutError(self.log if self.runners() else "no runner")
            time.sleep(0.02)

    def wait_until_idle(self) -> None:
        self.wait_for(lambda: not self.runners())

    def change(self, statement: str, *values: str) -> None:
        """Change the state behind lastgood's back."""
        connection = sqlite3.connect(self.folder / ".lastgood" / "state.db", timeout=30)
        try:
            with connection:
                connection.execute(statement, values)
        finally:
            connection.close()

    def _processes(self) -> Iterator[tuple[int, bytes]]:
        """The living processes whose folder is below this one."""
        for process in Path("/proc").iterdir():
            if not process.name.isdigit():
                continue
            try:
                below = (process / "cwd").readlink().is_relative_to(self.folder)
                if below and (process / "stat").read_text().rpartition(")")[2].split()[0] != "Z":
                    yield int(process.name), (process / "cmdline").read_bytes()
            except (FileNotFoundError, ProcessLookupError, PermissionError):
                continue

    def close(self) -> None:
        for command in self._commands:
            command.kill()
            command.wait()
        for pid in [*self.runners(), *self.children()]:
            os.kill(pid, signal.SIGKILL)
        self.project.state.close()


@pytest.fixture
def workshop(tmp_path: Path) -> Iterator[Workshop]:
    made = Workshop(tmp_path)
    yield made
    made.close()
