"""Restart the backend's instances one at a time: python -m lastgood.demo.instances ROOT."""

from __future__ import annotations

import fcntl
import http.client
import json
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lastgood.demo.layout import INSTANCES, Layout
from lastgood.demo.supervision import Program, Supervisor
from lastgood.errors import ChildError, LastgoodError

if TYPE_CHECKING:
    from collections.abc import Iterator

# How long an instance may take from its start to its first good /health.
START_LIMIT = 15.0


@dataclass(frozen=True)
class Answer:
    """What an instance says of itself; the status is 0 when nothing answers."""

    status: int
    process: str
    body: str


def programs(layout: Layout) -> list[Program]:
    """The backend's instances, as the supervisor runs them."""
    return [
        Program(
            name,
            [sys.executable, "-P", "-m", "lastgood.demo.server", str(layout.root), str(port)],
            directory=layout.root,
            environment={"DATABASE_URL": layout.database_dsn},
            at_once=False,
        )
        for name, port in zip(INSTANCES, layout.instance_ports, strict=True)
    ]


def restart(layout: Layout) -> None:
    """Restart each instance on the live release; the next only when the one before is healthy.

    An instance that does not become healthy ends the restart: the other keeps serving the
    release that it runs.

    Raises:
        ChildError: an instance did not become healthy on the live release.
    """
    supervisor = Supervisor(layout)
    with _one_at_a_time(layout):
        for name in INSTANCES:
            before = _ask(_port(layout, name))
            # A first start and one after a crash begin from nothing.
            if not (before.status and supervisor.signal(name, "HUP")):
                supervisor.stop(name)
                supervisor.start(name)
            _wait_healthy(layout, supervisor, name, before)


@contextmanager
def _one_at_a_time(layout: Layout) -> Iterator[None]:
    # The deployer and a rollback may both restart; together they would stop both instances.
    with (layout.root / "deployer" / "restart.lock").open("w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _wait_healthy(layout: Layout, supervisor: Supervisor, name: str, before: Answer) -> None:
    deadline = time.monotonic() + START_LIMIT
    while True:
        answer = _ask(_port(layout, name))
        if (
            answer.status == http.HTTPStatus.OK
            and answer.process != before.process
            # Whatever is live now: a newer deployment may have begun in the meantime.
            and json.loads(answer.body).get("commit") == layout.live_commit("backend")
        ):
            return
        crashed = not answer.status and supervisor.gives_up(name)
        if crashed or time.monotonic() > deadline:
            raise ChildError(
                f"{name} is not healthy on {layout.live_commit('backend')}",
                cause="its process ends at its start"
                if crashed
                else f"/health answered {answer.status or 'nothing'}: {answer.body[:500]}",
                mend=f"read {layout.log(name)}",
                code="instance-unhealthy",
            )
        time.sleep(0.02)


def _port(layout: Layout, name: str) -> int:
    return layout.instance_ports[INSTANCES.index(name)]


def _ask(port: int) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/health")
        answer = connection.getresponse()
        body = answer.read(10_000).decode(errors="replace")
        return Answer(answer.status, answer.headers.get("X-Instance", ""), body)
    except (OSError, http.client.HTTPException) as error:
        return Answer(0, "", str(error))
    finally:
        connection.close()


def main() -> int:
    """Restart the backend of the production at the given root."""
    try:
        restart(Layout.load(Path(sys.argv[1])))
    except LastgoodError as error:
        sys.stderr.write(f"{error}\n")
        return int(error.exit_code)
    return 0


if __name__ == "__main__":
    sys.exit(main())
