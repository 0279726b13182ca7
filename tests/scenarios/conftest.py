"""A team that works on the miniature production, and types lastgood's commands."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from lastgood.app.project import Project
from lastgood.demo import remote
from lastgood.demo.configuration import write_configuration
from lastgood.demo.ending import end_runner
from lastgood.demo.layout import SERVICES
from lastgood.model.release import GoodEvidence, Standing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lastgood.demo.production import Fault, Production

LIMIT_S = 300
"""No command takes so long; it only keeps a hang from being endless."""


class Said(NamedTuple):
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


# A hook of the remote that acts when main is pushed; lastgood pushes its locks and holds as well.
HOOK = """#!/bin/sh
input=$(cat)
case "$input" in *refs/heads/main*)
{acts}
;; esac
[ ! -e "$0.usual" ] || printf '%s\\n' "$input" | "$0.usual"
"""


def eventually(true: Callable[[], object], seconds: float = 120) -> None:
    """Wait until something is true; fail when it never becomes so."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it never became true"
        time.sleep(0.05)


class Team:
    """Ships releases, and types commands in the folder of its `lastgood.yaml`.

    Attributes:
        good: the known good release of each service.
    """

    def __init__(self, production: Production, folder: Path) -> None:
        self.production = production
        self.folder = folder
        self.config = write_configuration(production, folder)
        # Nothing is promoted while a story is told.
        self.configure(stability="10m")
        self.good = {service: self.live(service) for service in SERVICES}
        for service, commit in self.good.items():
            self.record(service, commit, Standing.KNOWN_GOOD)
        self.bad: set[str] = set()

    def configure(self, **settings: object) -> None:
        """Change settings of the environment."""
        self._rewrite(lambda environment: environment.update(settings))

    def stops_looking_at(self, check: str) -> None:
        """Take a check out, as a team does that knows better."""
        self._rewrite(lambda environment: environment["checks"].pop(check))

    def configure_backend(self, **options: object) -> None:
        """Change how the backend's kept releases are brought back."""
        self._rewrite(lambda environment: environment["services"]["backend"]["deploy"][0].update(
            options
        ))  # fmt: skip

    def _rewrite(self, change: Callable[[dict[str, Any]], None]) -> None:
        comment, text = self.config.read_text(encoding="utf-8").split("\n", 1)
        document = json.loads(text)
        change(document["environments"]["production"])
        self.config.write_text(f"{comment}\n{json.dumps(document)}", encoding="utf-8")

    def ships(self, fault: Fault | None = None, *, by_ci: str = "deployed", **how: Any) -> str:
        """Push a release, let CI deploy and record it; gives the commit."""
        shipped = self.production.ship(fault, **how)
        assert shipped.outcome == by_ci, Path(shipped.log).read_text(encoding="utf-8")
        for service in SERVICES:
            if self.live(service) == shipped.commit:
                self.record(service, shipped.commit, Standing.CANDIDATE)
        if fault:
            self.bad.add(shipped.commit)
        return shipped.commit

    def record(self, service: str, commit: str, standing: Standing) -> None:
        """Write into the ledger what CI and earlier soaks would have written."""
        project = Project.open(self.config)
        at = datetime.now(UTC)
        evidence = GoodEvidence(kind="soak", at=at, by="lastgood", reason="it soaked before")
        ledger = project.state.ledger
        ledger.record_deployment("production", service, commit, at=at, by="ci", source="ci")
        ledger.set_standing("production", service, commit, standing, evidence)
        project.state.close()

    def types(self, *words: str, folder: Path | None = None) -> Said:
        """Type a command and wait for its end."""
        typed = self.begins(*words, folder=folder)
        out, err = typed.communicate(timeout=LIMIT_S)
        return Said(typed.returncode, out, err)

    def begins(self, *words: str, folder: Path | None = None) -> subprocess.Popen[str]:
        """Type a command and do not wait."""
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "lastgood", *words],
            cwd=folder or self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def rolls_back(self, *words: str) -> Said:
        """Type `lastgood rollback`, confirmed."""
        return self.types("rollback", "--confirm", "production", "--json", *words)

    def live(self, service: str) -> str:
        """What `current` names."""
        return str(self.production.live_commit(service))

    def tip(self) -> str:
        """The branch's newest commit."""
        return self.git("rev-parse", "main").strip()

    def git(self, *words: str) -> str:
        """Ask the remote."""
        return remote.git(self.production.remote, *words)

    def runner(self) -> int | None:
        """The process id of lastgood's runner, if one lives."""
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                words = (process / "cmdline").read_bytes().split(b"\0")
                if b"lastgood.runner" in words and os.fsencode(self.config) in words:
                    return int(process.name)
        return None

    def kills_lastgood(self, command: subprocess.Popen[str]) -> None:
        """kill -9 of the command and of the runner, as a power cut would."""
        command.kill()
        command.communicate()
        runner = self.runner()
        assert runner is not None
        os.kill(runner, signal.SIGKILL)
        eventually(lambda: self.runner() is None)

    @contextmanager
    def hooked(self, hook: str, acts: str) -> Iterator[None]:
        """Let the remote's hook do this first whenever main is pushed."""
        path = self.production.remote / "hooks" / hook
        usual = path.with_name(f"{hook}.usual")
        if path.exists():
            path.rename(usual)
        path.write_text(HOOK.format(acts=acts), encoding="utf-8")
        path.chmod(0o755)
        try:
            yield
        finally:
            path.unlink()
            if usual.exists():
                usual.rename(path)

    def leaves(self) -> None:
        """End the runner; leave a good release for the next story."""
        end_runner(self.folder / ".lastgood")
        for ref in self.git("for-each-ref", "--format=%(refname)", "refs/lastgood").split():
            self.git("update-ref", "-d", ref)
        spoilt = "build-error.txt" in self.git("ls-tree", "-r", "--name-only", "main")
        if spoilt or self.bad & {self.live(service) for service in SERVICES}:
            assert self.production.ship().outcome == "deployed"


@pytest.fixture(name="eventually")
def eventually_fixture() -> Callable[..., None]:
    """Wait until something is true."""
    return eventually


@pytest.fixture
def team(production: Production, tmp_path: Path) -> Iterator[Team]:
    """Its known good release is live; it starts with a state of its own."""
    team = Team(production, tmp_path / "project")
    yield team
    team.leaves()
