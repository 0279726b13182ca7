"""A small production in one folder: release directories, instances that answer, `lastgood.yaml`.

For tests of the command line, where nothing but lastgood itself is slow.
"""

from __future__ import annotations

import contextlib
import fcntl
import io
import json
import sqlite3
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self

from lastgood.testing.remote import GitRemote

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import TracebackType

SERVICES = ("backend", "frontend")
PATIENCE_S = 60.0
"""How long anything may take on a busy machine."""


@dataclass(frozen=True)
class Ran:
    """A command that ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:  # noqa: ANN401 - JSON is untyped
        """The one document on stdout."""
        return json.loads(self.out)

    @property
    def said(self) -> str:
        """All that was shown, with the terminal's line breaks taken out."""
        return " ".join((self.out + self.err).split())


@dataclass
class Instance:
    """One process of a service, as far as anybody can tell: it answers with what runs.

    Attributes:
        sick: releases that answer with 500.
        keeps: the release that it goes on running whatever `current` says.
        anonymous: it names no version.
        base: its address.
    """

    folder: Path
    sick: set[str] = field(default_factory=set)
    keeps: str | None = None
    anonymous: bool = False
    base: str = ""
    _file: Path | None = None

    def tells(self, file: Path) -> None:
        """From now on it runs the commit that stands in this file."""
        self._file = file

    def answer(self) -> tuple[int, bytes]:
        """Status and body of `/health`."""
        running = self.keeps or self._running()
        ill = running in self.sick
        said = {"status": "sick" if ill else "healthy"}
        if not self.anonymous:
            said["commit"] = running
        return 500 if ill else 200, json.dumps(said).encode()

    def _running(self) -> str:
        if self._file is not None:
            return self._file.read_text(encoding="utf-8").strip()
        return (self.folder / "current").resolve().name


class Stack:
    """Two services with an instance each, and the commands of a person who looks after them.

    Args:
        place: an empty folder.
        main: the command line: arguments in, exit code out.
    """

    def __init__(self, place: Path, main: Callable[[list[str]], int]) -> None:
        place.mkdir(parents=True)
        self.place = place
        self.config = place / "lastgood.yaml"
        self.state = place / ".lastgood"
        self._main = main
        self._servers: list[ThreadingHTTPServer] = []
        self.instances = {name: self.instance(name) for name in SERVICES}
        self.environment: dict[str, Any] = {
            "services": {name: self._service(name) for name in SERVICES},
            "checks": {name: self._check(name) for name in SERVICES},
        }
        self.settings: dict[str, Any] = {
            "version": 1,
            "project": "shop",
            "environments": {"production": self.environment},
        }
        self.configure()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.end_runner()
        for server in self._servers:
            server.shutdown()
            server.server_close()

    # What the team has.

    def instance(self, service: str) -> Instance:
        """Start one more instance of a service."""
        instance = Instance(self.folder(service))
        server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(instance))
        server.daemon_threads = True
        self._servers.append(server)
        serving = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        serving.start()
        instance.base = f"http://127.0.0.1:{server.server_address[1]}"
        return instance

    def folder(self, service: str) -> Path:
        """A service's folder with `releases/` and `current`."""
        return self.place / "srv" / service

    def configure(self) -> None:
        """Write `lastgood.yaml` as `settings` says now."""
        # JSON is YAML.
        self.config.write_text(json.dumps(self.settings, indent=2), encoding="utf-8")

    def service(self, name: str = "backend") -> dict[str, Any]:
        """A service's part of the configuration; `configure` writes what is changed."""
        described: dict[str, Any] = self.environment["services"][name]
        return described

    def remote(self) -> GitRemote:
        """Give the project a git remote; both services are built from it."""
        remote = GitRemote(self.place / "remote.git")
        for name in SERVICES:
            self.service(name)["deploy"] |= {"repository": str(remote.place), "paths": [f"{name}/"]}
        self.configure()
        return remote

    def by_git(self) -> GitRemote:
        """Let the backend, the only service, be deployed by whoever watches the branch."""
        remote = GitRemote(self.place / "remote.git")
        self.service()["deploy"] = {"driver": "git", "repository": str(remote.place)}
        del self.environment["services"]["frontend"], self.environment["checks"]["frontend"]
        self.configure()
        return remote

    def build(self, *commits: str, services: tuple[str, ...] = SERVICES) -> None:
        """Make release directories."""
        for service in services:
            for commit in commits:
                directory = self.folder(service) / "releases" / commit
                directory.mkdir(parents=True, exist_ok=True)
                (directory / "app").write_text(commit, encoding="utf-8")

    def deploy(self, commit: str, *, services: tuple[str, ...] = SERVICES) -> None:
        """Put a release live, as the team's own tool does; the ledger is not told."""
        self.build(commit, services=services)
        for service in services:
            new = self.folder(service) / "new"
            new.symlink_to(f"releases/{commit}")
            new.replace(self.folder(service) / "current")

    def live(self, service: str = "backend") -> str:
        """What `current` names."""
        return (self.folder(service) / "current").readlink().name

    def good(self, *commits: str, services: tuple[str, ...] = SERVICES) -> None:
        """Let a person mark releases as known good."""
        for service in services:
            for commit in commits:
                words = ("releases", "mark", commit, "good", "--service", service)
                assert self.run(*words, "--reason", "it ran for weeks").code == 0

    def fail(self, commit: str) -> None:
        """Let a release answer with 500 wherever it runs."""
        for instance in self.instances.values():
            instance.sick.add(commit)

    # What a person does.

    def run(self, *words: str) -> Ran:
        """Give a command, in this process."""
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = self._main([*words, "--config", str(self.config)])
        return Ran(int(code), out.getvalue(), err.getvalue())

    def rollback(self, *words: str) -> Ran:
        """Roll back, confirmed."""
        return self.run("rollback", "--confirm", "production", "--json", *words)

    def start(self, *words: str, stdout: int = subprocess.PIPE) -> subprocess.Popen[str]:
        """Give a command in a process of its own; the caller waits for its end."""
        return subprocess.Popen(
            [sys.executable, "-m", "lastgood", *words, "--config", str(self.config)],
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.PIPE,
            text=True,
        )

    def finish(self, process: subprocess.Popen[str]) -> Ran:
        """Wait for a started command."""
        out, err = process.communicate(timeout=PATIENCE_S)
        return Ran(process.returncode, out, err)

    # What is left of it.

    def remembered(self) -> str:
        """Everything in the state, as text to compare; how SQLite lays it out is no change."""
        path = self.state / "state.db"
        if not path.exists():
            return ""
        with contextlib.closing(sqlite3.connect(path, timeout=PATIENCE_S)) as connection:
            return "\n".join(connection.iterdump())

    def on_disk(self) -> str:
        """Every release and what is live, as text to compare."""
        return "\n".join(
            f"{path} {path.readlink() if path.is_symlink() else ''}"
            for path in sorted((self.place / "srv").rglob("*"))
        )

    def wait(self, true: Callable[[], object], what: str) -> None:
        """Wait until something is so.

        Raises:
            AssertionError: it did not become so.
        """
        limit = time.monotonic() + PATIENCE_S
        while not true():
            assert time.monotonic() < limit, f"{what} did not happen in {PATIENCE_S:g} s"
            time.sleep(0.05)

    def end_runner(self) -> None:
        """Let the detached runner end, as when its lock was taken away, and wait for it."""
        lock = self.state / "runner.lock"
        with contextlib.suppress(FileNotFoundError, NotADirectoryError), lock.open("rb") as held:
            lock.unlink()
            self.wait(lambda: _lockable(held.fileno()), "the runner's end")

    def _service(self, name: str) -> dict[str, Any]:
        return {
            "deploy": {"driver": "releases", "path": str(self.folder(name))},
            "checks": [name],
        }

    def _check(self, name: str) -> dict[str, Any]:
        return {
            "url": f"{self.instances[name].base}/health",
            "expect": {"json": {"status": "healthy"}},
            "version": {"json": "commit"},
            "every": "0.2s",
            "during_rollback": "0.1s",
            "timeout": "5s",
            "fail_after": 1,
            "recover_after": 1,
        }


def _lockable(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _handler(instance: Instance) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = instance.answer()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *values: object) -> None:  # noqa: A002 - its name there
            """Say nothing."""

    return Handler
