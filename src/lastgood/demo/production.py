"""The miniature production: a real web stack on this machine that a test or a demo may break."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Self

from lastgood.demo import deployer, remote
from lastgood.demo.host import KEEP, remove
from lastgood.demo.layout import SERVICES, Layout, clean_environment
from lastgood.demo.traffic import Traffic
from lastgood.errors import ChildError, ExitCode, RefusedError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from types import TracebackType

    from lastgood.demo.deployer import Deployment

DEPLOY_LIMIT = 90.0
STOP_LIMIT = 20.0


@dataclass(frozen=True)
class Fault:
    """What is wrong with a release of the backend.

    Attributes:
        kind: errors (500 on /api while /health is good), latency (slow on /api), crash (the
            process ends at its start) or unhealthy (/health answers 503).
        share: the part of the users who meet errors or latency, 0 to 1, by their hash.
        seconds: how slow the slow answers are.
    """

    kind: str
    share: float = 1.0
    seconds: float = 3.0


class Production:
    """A running miniature production; a plain (not async) context manager that takes it down.

    Made by `Production.start(root)`. Every method blocks.

    Attributes:
        layout: where its parts lie and listen.
        traffic: the users, who come once `traffic.start()` was called.
        kept: whether it lives on without us.
    """

    def __init__(self, layout: Layout, host: subprocess.Popen[bytes]) -> None:
        self.layout = layout
        self.traffic = Traffic(layout)
        self._host = host
        self.kept = False

    @classmethod
    def start(cls, root: Path, *, traffic_rate: float = 90.0, traffic_users: int = 400) -> Self:
        """Bring a production up at `root`, with nothing deployed and no traffic yet.

        It ends, and removes `root`, with `stop`, or when this process ends in whatever way.

        Args:
            root: a directory that does not exist yet or is empty.
            traffic_rate: requests per second, once the traffic is started.
            traffic_users: how many distinct users send them.

        Raises:
            LastgoodError: `root` is taken, a part is not installed, or did not start.
        """
        host = subprocess.Popen(
            [
                *(sys.executable, "-P", "-m", "lastgood.demo.host", str(root)),
                *("--traffic-rate", str(traffic_rate), "--traffic-users", str(traffic_users)),
            ],
            env=clean_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # A Ctrl-C at the terminal is for us; the host hears of it when we close its input.
            start_new_session=True,
        )
        try:
            _wait_ready(host)
        except BaseException:
            _end(host)
            raise
        return cls(Layout.load(root.resolve()), host)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End every process and remove every file; nothing happens the second time, or if kept."""
        if self.kept:
            return
        _end(self._host)
        # When the host itself was killed, its processes ended with it, but its files are left.
        remove(self.layout)

    def keep(self) -> None:
        """Let it live on without us, until `python -m lastgood.demo.host --stop ROOT`."""
        if self._host.stdin:
            self._host.stdin.write(KEEP)
        _close_pipes(self._host)
        self._host.returncode = 0  # no longer ours to wait for
        self.kept = True

    def must_live(self) -> None:
        """Do nothing while the production lives.

        Raises:
            ChildError: it has ended, with its supervisor or by somebody's hand.
        """
        if not self.kept and self._host.poll() is not None:
            raise ChildError(
                "the miniature production is gone",
                cause=f"its host ended with {self._host.returncode}",
                mend="start another one: lastgood demo",
                code="demo-gone",
            )

    @property
    def edge_url(self) -> str:
        """The address that users reach."""
        return self.layout.edge_url

    @property
    def instances(self) -> list[str]:
        """The base addresses of the backend's instances."""
        return self.layout.instances

    @property
    def remote(self) -> Path:
        """The bare repository whose branch main is deployed."""
        return self.layout.remote

    @property
    def access_log(self) -> Path:
        """The edge's access log: JSON lines with request.headers.X-User-Hash and status."""
        return self.layout.access_log

    @property
    def database_dsn(self) -> str:
        """The application's database."""
        return self.layout.database_dsn

    def service_path(self, service: str) -> Path:
        """The directory that holds a service's `releases/` and `current`."""
        return self.layout.service(service)

    def restart_command(self, service: str) -> list[str]:
        """The command that makes a service serve its `current`; empty for static files.

        The backend's restarts one instance at a time and fails no request; it may be run by any
        process, and exits non-zero when an instance does not become healthy.
        """
        return [str(self.layout.restart_backend)] if service == "backend" else []

    def live_commit(self, service: str) -> str | None:
        """The commit that `current` names, or None before the first deployment."""
        return self.layout.live_commit(service)

    def ship(
        self,
        fault: Fault | None = None,
        *,
        fail_job: str | None = None,
        services: Sequence[str] = SERVICES,
        limit: float = DEPLOY_LIMIT,
    ) -> Deployment:
        """Commit and push a new version, and wait until it is deployed, or its deployment failed.

        Args:
            fault: what is wrong with the backend from this commit on; None heals it.
            fail_job: the job of the workflow that fails (backend or frontend).
            services: whose files change in this commit.
            limit: seconds to wait.

        Raises:
            ChildError: git failed, or the deployment did not end in time.
        """
        commit = self.commit(fault, fail_job=fail_job, services=services)
        self.push(commit)
        return self.wait_deployed(commit, limit)

    def commit(
        self,
        fault: Fault | None = None,
        *,
        fail_job: str | None = None,
        services: Sequence[str] = SERVICES,
        destroys: bool = False,
    ) -> str:
        """Commit a new version, as `ship` does, and push it nowhere yet.

        With `destroys` it carries a migration that damages the database.
        """
        planted = asdict(fault) if fault else None
        return remote.prepare(self.layout, services, planted, fail_job, destroys=destroys)

    def push(self, commit: str) -> None:
        """Push a commit: its deployment begins."""
        remote.push(self.layout, commit)

    def wait_deployed(self, commit: str, limit: float = DEPLOY_LIMIT) -> Deployment:
        """Wait for the end of the deployment of a commit that was pushed by anybody.

        Raises:
            ChildError: it did not end within `limit` seconds.
        """
        deadline = time.monotonic() + limit
        while True:
            deployment = deployer.read_status(self.layout, commit)
            if deployment and deployment.finished_at:
                return deployment
            self.must_live()
            if time.monotonic() > deadline:
                raise ChildError(
                    f"the deployment of {commit} did not end within {limit:g} s",
                    cause=f"it is {deployment.outcome if deployment else 'not begun'}",
                    mend=f"read {self.layout.logs}",
                    code="demo-deployment",
                )
            time.sleep(0.02)


def _wait_ready(host: subprocess.Popen[bytes]) -> None:
    if host.stdout is None:
        raise TypeError("the host's output is a pipe")
    said = host.stdout.readline()
    answer = json.loads(said) if said else {"error": "the demo's host ended without a word"}
    if "error" in answer:
        host.wait(STOP_LIMIT)
        kind = RefusedError if host.returncode == ExitCode.REFUSED else ChildError
        raise kind(
            answer["error"],
            cause=answer.get("cause", ""),
            mend=answer.get("mend", ""),
            code=answer.get("code"),
        )


def _end(host: subprocess.Popen[bytes]) -> None:
    _close_pipes(host)
    try:
        host.wait(STOP_LIMIT)
    except subprocess.TimeoutExpired:
        host.kill()
        host.wait()


def _close_pipes(host: subprocess.Popen[bytes]) -> None:
    for pipe in (host.stdin, host.stdout):
        if pipe:
            with suppress(BrokenPipeError):
                pipe.close()
