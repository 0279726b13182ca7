"""Real processes, told apart by a token in their environment."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lastgood.process.children import PlainChildren
from lastgood.process.guarded import GuardedChildren
from lastgood.process.masking import Masker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HERE = Path(__file__).parent
SECRET = "correct horse/battery+staple"


class Nest:
    """Children that carry one token; whatever the test did, none is left when it ends."""

    def __init__(self, folder: Path) -> None:
        self.token = uuid.uuid4().hex
        self.folder = folder
        self.directory = folder / "attempts"
        self.notes = folder / "notes"
        self.tag = f"run/{self.token}"
        self.runners: list[subprocess.Popen[bytes]] = []

    @property
    def env(self) -> dict[str, str]:
        return {"NEST": self.token, "NOTES": str(self.notes)}

    @staticmethod
    def argv(*modes: str) -> list[str]:
        return [sys.executable, "-I", "-S", str(HERE / "nest.py"), *modes]

    def guarded(self, grace: float = 0.3) -> GuardedChildren:
        return GuardedChildren(self.directory, self.tag, Masker([SECRET]), grace=grace)

    def runner(self, *modes: str, grace: float = 0.3) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [
                *(sys.executable, str(HERE / "runner.py")),
                *(str(self.directory), self.tag, str(grace), *self.argv(*modes)),
            ],
            env={**os.environ, "NEST_LATER": self.token, "NOTES": str(self.notes)},
            stdout=subprocess.PIPE,
        )
        self.runners.append(process)
        return process

    def living(self, *, guards: bool = False) -> list[int]:
        """The children alive (or their guards), found without any of our own code."""
        found = []
        for folder in Path("/proc").iterdir():
            if not folder.name.isdigit():
                continue
            try:
                environment = (folder / "environ").read_bytes().split(b"\0")
                command = (folder / "cmdline").read_bytes()
            except OSError:
                continue
            ours = f"NEST={self.token}".encode() in environment
            if ours and (b"guard.py" in command) == guards:
                found.append(int(folder.name))
        return found

    async def until(self, holds: Callable[[], bool], seconds: float = 20) -> None:
        give_up_at = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < give_up_at, f"alive: {self.living()}"
            await asyncio.sleep(0.02)

    async def until_alive(self, count: int) -> None:
        await self.until(lambda: len(self.living()) >= count)

    async def until_dead(self) -> None:
        await self.until(lambda: not self.living() and not self.living(guards=True))

    def end(self) -> None:
        for runner in self.runners:
            runner.kill()
            if runner.stdout and not runner.stdout.closed:
                runner.communicate()
        give_up_at = time.monotonic() + 30
        while left := [*self.living(), *self.living(guards=True)]:
            assert time.monotonic() < give_up_at, f"cannot be killed: {left}"
            for pid in left:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue
            time.sleep(0.01)


@pytest.fixture
def nest(tmp_path: Path) -> Iterator[Nest]:
    nest = Nest(tmp_path)
    yield nest
    nest.end()


@pytest.fixture(params=["plain", "guarded"])
def children(request: pytest.FixtureRequest, nest: Nest) -> PlainChildren | GuardedChildren:
    if request.param == "plain":
        return PlainChildren(Masker([SECRET]))
    return nest.guarded()


@pytest.fixture
def secret() -> str:
    return SECRET
