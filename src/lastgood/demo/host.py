"""The one process that a miniature production hangs on.

    python -m lastgood.demo.host ROOT          brings it up, and down when standard input ends
    python -m lastgood.demo.host --stop ROOT   takes one down that was kept

It stands in a session of its own and adopts every process that a part of the production leaves
behind. Its standard input is a pipe from the owner: its end means that the owner is gone, however
it went, and then everything is stopped and removed. The word "keep" before the end of the input
makes it live on until it is told to stop.
"""

from __future__ import annotations

import argparse
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from lastgood.demo import database, edge, instances, remote, supervision
from lastgood.demo.kinship import adopt_orphans, die_with_parent
from lastgood.demo.layout import Layout, clean_environment, layout_file
from lastgood.demo.supervision import Program, Supervisor
from lastgood.errors import ChildError, LastgoodError, RefusedError
from lastgood.process.guard import descendants, signal_exactly

if TYPE_CHECKING:
    from collections.abc import Callable

KEEP = b"keep\n"
START_LIMIT = 30.0
STOP_LIMIT = 6.0
REMOVE_LIMIT = 3.0


class Host:
    """Brings the parts up, watches over them, and takes everything down."""

    def __init__(self, root: Path, traffic_rate: float, traffic_users: int) -> None:
        self._ports = [_reserved_port() for _ in range(3)]
        edge_port, first, second = (port.getsockname()[1] for port in self._ports)
        # Not the user's own temporary directory: its path may be too long for a Unix socket, and
        # closed to the unprivileged user of the database.
        home = Path(tempfile.mkdtemp(prefix="lastgood-", dir="/tmp"))
        home.chmod(0o711)
        self.layout = Layout(root, home, edge_port, (first, second), traffic_rate, traffic_users)
        self._supervisor_pid = 0
        self._told_to_stop = False

    def start(self) -> None:
        """Bring every part up.

        Raises:
            LastgoodError: a part is missing or did not start.
        """
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._stop_soon)
        adopt_orphans()
        layout = self.layout
        layout.make_directories()
        # Whoever reads the owner's output must not wait for us when we live on without it.
        with layout.log("host").open("w", encoding="utf-8") as log:
            os.dup2(log.fileno(), sys.stderr.fileno())
        layout.write_restart_command()
        layout.save()
        command = supervision.write_configuration(layout, _programs(layout))
        self._supervisor_pid = _spawn(command, layout)
        # Asking also wakes it: left alone, it starts its programs a second later.
        self._until(Supervisor(layout).answer)
        remote.create(layout)
        self._until(lambda: database.create_database(layout))
        self._until(lambda: _reach_edge(layout))

    def serve(self) -> None:
        """Return when the owner is gone, or somebody ended or removed the production."""
        words = b""
        owner: list[int] = [sys.stdin.fileno()]
        # One that was kept ends with its folder, too.
        while not self._told_to_stop and self._supervisor_pid and self.layout.root.exists():
            ready, _, _ = select.select(owner, [], [], 0.2)
            self._reap()
            if not ready:
                continue
            heard = os.read(owner[0], 100)
            words += heard
            if heard:
                continue
            if words != KEEP:
                return
            owner.clear()

    def stop(self) -> None:
        """End every process and remove every file."""
        if self._supervisor_pid:
            try:
                Supervisor(self.layout).shut_down()
            except ChildError:
                os.kill(self._supervisor_pid, signal.SIGTERM)
        deadline = time.monotonic() + STOP_LIMIT
        while self._supervisor_pid and time.monotonic() < deadline:
            time.sleep(0.02)
            self._reap()
        self._end_descendants()
        remove(self.layout)
        for port in self._ports:
            port.close()

    def _until(self, attempt: Callable[[], None]) -> None:
        deadline = time.monotonic() + START_LIMIT
        while True:
            try:
                attempt()
            except ChildError as error:
                self._reap()
                over = time.monotonic() > deadline or self._told_to_stop
                if over or not (error.retryable and self._supervisor_pid):
                    raise
                time.sleep(0.02)
            else:
                return

    def _end_descendants(self) -> None:
        """End what the supervisor left behind, or had to leave because it was killed itself."""
        if sys.platform != "linux":
            return
        # First in a way that lets the database take its shared memory with it.
        number, kill_at = signal.SIGINT, time.monotonic() + 1
        while left := descendants(os.getpid()):
            for process in left:
                signal_exactly(process, number)
            time.sleep(0.02)
            self._reap()
            if time.monotonic() > kill_at:
                number = signal.SIGKILL

    def _stop_soon(self, *_: object) -> None:
        self._told_to_stop = True

    def _reap(self) -> None:
        with suppress(ChildProcessError):
            while pid := os.waitpid(-1, os.WNOHANG)[0]:
                if pid == self._supervisor_pid:
                    self._supervisor_pid = 0


def _programs(layout: Layout) -> list[Program]:
    private = {"HOME": str(layout.home), "XDG_DATA_HOME": str(layout.home)}
    ours = [sys.executable, "-P", "-m"]
    return [
        Program(
            "database",
            database.prepare(layout),
            directory=layout.database_home,
            stop_signal="QUIT",
            unprivileged=True,
        ),
        Program("edge", edge.write_configuration(layout), layout.root, environment=private),
        Program("deployer", [*ours, "lastgood.demo.deployer", str(layout.root)], layout.root),
        *instances.programs(layout),
        Program(
            "traffic",
            [*ours, "lastgood.demo.traffic", str(layout.root)],
            layout.root,
            at_once=False,
        ),
    ]


def _reserved_port() -> socket.socket:
    # Bound and never listening: no other process is given this port, and those that set the
    # option too (the edge, the instances) can still listen on it.
    reserved = socket.socket()
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    reserved.bind(("127.0.0.1", 0))
    return reserved


def _spawn(command: list[str], layout: Layout) -> int:
    host = os.getpid()
    with layout.log("supervisor").open("w", encoding="utf-8") as log:
        process = subprocess.Popen(
            command,
            env=clean_environment(),
            cwd=layout.root,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            # This process has one thread, so nothing can be held by another one in the fork.
            preexec_fn=lambda: die_with_parent(host, signal.SIGTERM),  # noqa: PLW1509 - see above
        )
    process.returncode = 0  # from here on `_reap` waits for it
    return process.pid


def _reach_edge(layout: Layout) -> None:
    try:
        urllib.request.urlopen(layout.edge_url, timeout=5).close()  # noqa: S310 - our own http
    except urllib.error.HTTPError as answer:
        answer.close()  # 404: nothing is deployed yet
    except OSError as error:
        raise ChildError(
            "the demo's edge did not start",
            cause=str(error),
            mend=f"read {layout.log('edge')}",
            code="demo-edge",
            retryable=True,
        ) from error


def remove(layout: Layout) -> None:
    """Remove every file of a production."""
    for place in (layout.root, layout.home):
        shutil.rmtree(place, ignore_errors=True)
        # Whoever works below it, lastgood's own runner too, may just have written a file.
        deadline = time.monotonic() + REMOVE_LIMIT
        while place.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
            shutil.rmtree(place, ignore_errors=True)


def stop(root: Path) -> None:
    """Take down the production at `root`, also one whose host was killed.

    Raises:
        LastgoodError: there is none, or it does not go down.
    """
    layout = Layout.load(root)
    with suppress(ChildError):
        Supervisor(layout).shut_down()
        deadline = time.monotonic() + STOP_LIMIT * 2
        while layout.home.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
    remove(layout)


def _check_place(root: Path) -> None:
    if root.exists() and any(root.iterdir()):
        raise RefusedError(
            f"{root} is not empty",
            cause="a miniature production removes its whole directory when it ends",
            mend="name a directory that does not exist yet",
            code="place-taken",
        )


def _say(**record: object) -> None:
    with suppress(BrokenPipeError):
        sys.stdout.write(json.dumps(record) + "\n")
        sys.stdout.flush()


def main() -> int:
    """Run or stop the production that the arguments name."""
    parser = argparse.ArgumentParser(prog="python -m lastgood.demo.host")
    parser.add_argument("root", type=Path)
    parser.add_argument("--stop", action="store_true")
    parser.add_argument("--traffic-rate", type=float, default=90.0)
    parser.add_argument("--traffic-users", type=int, default=400)
    asked = parser.parse_args()
    if asked.stop:
        stop(asked.root.resolve())
        return 0
    return _run(asked.root.resolve(), asked.traffic_rate, asked.traffic_users)


def _run(root: Path, traffic_rate: float, traffic_users: int) -> int:
    try:
        _check_place(root)
        host = Host(root, traffic_rate, traffic_users)
        try:
            host.start()
            _say(ready=str(layout_file(root)))
            host.serve()
        finally:
            host.stop()
    except LastgoodError as error:
        _say(error=error.message, cause=error.cause, mend=error.mend, code=error.code)
        return int(error.exit_code)
    return 0


if __name__ == "__main__":
    sys.exit(main())
