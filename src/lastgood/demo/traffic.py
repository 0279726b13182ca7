"""Traffic from many distinct users: python -m lastgood.demo.traffic ROOT, and its count."""

from __future__ import annotations

import asyncio
import hashlib
import signal
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import aiohttp

from lastgood.demo.layout import Layout
from lastgood.demo.supervision import Supervisor

if TYPE_CHECKING:
    from collections.abc import Iterator

# What is written for a request that got no answer at all.
NO_ANSWER = 0
FIRST_FAILURE = 500
CREATED = 201

# More than this many requests in flight, and the users have given up coming.
IN_FLIGHT = 400

# Every order has a number of its own: so that afterwards each can be asked for.
ORDER = "order"

Errand = tuple[str, str, dict[str, str] | None]

# What the users do, in turn: the method, the path, what they send. Each visit reaches the backend,
# so that a user whom a fault of the backend meets is seen to meet it.
ERRANDS: tuple[tuple[Errand, ...], ...] = (
    (("GET", "/", None), ("GET", "/api/orders", None)),
    (("GET", "/api/users", None),),
    (("GET", "/api/orders", None),),
    (("POST", "/api/orders", {"item": ORDER}),),
    (("GET", "/api/orders", None),),
    (("GET", "/api/users", None),),
    (("POST", "/api/auth/login", {"username": "probe", "password": "wrong"}),),
)


@dataclass(frozen=True)
class Count:
    """What the users met in a window of time.

    Attributes:
        requests: how many requests ended in the window.
        failed: how many of them got a status of 500 and above, or no answer.
        users: how many distinct users sent them.
        users_failed: how many distinct users met a failed one.
    """

    requests: int
    failed: int
    users: int
    users_failed: int

    @property
    def share_failed(self) -> float:
        """Failed requests over requests, 0 when there were none."""
        return self.failed / self.requests if self.requests else 0.0

    @property
    def share_users_failed(self) -> float:
        """Users who met a failed request over users, 0 when there were none."""
        return self.users_failed / self.users if self.users else 0.0


class Traffic:
    """The traffic of a production: its switch and its count."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._supervisor = Supervisor(layout)

    def start(self) -> None:
        """Let the users come; nothing happens when they come already."""
        self._supervisor.start("traffic")

    def stop(self) -> None:
        """Let no new user come, and wait until every request under way is counted."""
        self._supervisor.stop("traffic")

    def count(self, since: datetime, until: datetime | None = None) -> Count:
        """Count the requests that ended between two times (aware; until now by default)."""
        begin = since.timestamp()
        end = (until or datetime.now(UTC)).timestamp()
        requests = failed = 0
        users: set[str] = set()
        users_failed: set[str] = set()
        for at, user, status, _ in self._requests():
            if not begin <= at < end:
                continue
            requests += 1
            users.add(user)
            if status == NO_ANSWER or status >= FIRST_FAILURE:
                failed += 1
                users_failed.add(user)
        return Count(requests, failed, len(users), len(users_failed))

    def share_failed(self, since: datetime, until: datetime | None = None) -> float:
        """Return the share of failed requests between two times, 0 to 1."""
        return self.count(since, until).share_failed

    def orders(self) -> set[str]:
        """The orders that were accepted: users were told so, whatever became of them."""
        return {order for _, _, status, order in self._requests() if status == CREATED and order}

    def _requests(self) -> Iterator[tuple[float, str, int, str]]:
        try:
            file = self._layout.requests.open(encoding="utf-8")
        except FileNotFoundError:
            return
        with file:
            for line in file:
                if not line.endswith("\n"):
                    return  # just being written
                at, user, status, *order = line.split()
                yield float(at), user, int(status), " ".join(order)


async def generate(layout: Layout, record: TextIO) -> None:
    """Send requests at the layout's rate until cancelled; then finish those under way."""
    users = [hashlib.sha256(b"%d" % n).hexdigest()[:16] for n in range(layout.traffic_users)]
    connector = aiohttp.TCPConnector(limit=0)
    limit = aiohttp.ClientTimeout(total=15)
    under_way: set[asyncio.Task[None]] = set()
    async with aiohttp.ClientSession(layout.edge_url, connector=connector, timeout=limit) as client:
        begin, number = time.monotonic(), 0
        try:
            while True:
                await asyncio.sleep(begin + number / layout.traffic_rate - time.monotonic())
                if len(under_way) < IN_FLIGHT:
                    user = users[number % len(users)]
                    errands = ERRANDS[number % len(ERRANDS)]
                    task = asyncio.create_task(_visit(client, user, errands, record, number))
                    under_way.add(task)
                    task.add_done_callback(under_way.discard)
                number += 1
        finally:
            if under_way:
                await asyncio.wait(under_way)


async def _visit(
    client: aiohttp.ClientSession,
    user: str,
    errands: tuple[Errand, ...],
    record: TextIO,
    number: int,
) -> None:
    headers = {"X-User-Hash": user}
    for method, path, sent in errands:
        order = f"{ORDER}-{number}" if sent is not None and ORDER in sent.values() else ""
        body = {"item": order} if order else sent
        try:
            async with client.request(method, path, headers=headers, json=body) as answer:
                await answer.read()
                status = answer.status
        except (aiohttp.ClientError, TimeoutError):
            status = NO_ANSWER
        record.write(f"{time.time():.6f} {user} {status} {order}".rstrip() + "\n")


async def _until_terminated(layout: Layout) -> None:
    with layout.requests.open("a", buffering=1, encoding="utf-8") as record:
        work = asyncio.create_task(generate(layout, record))
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, work.cancel)
        await asyncio.wait([work])


def main() -> None:
    """Run the traffic of the production at the given root."""
    asyncio.run(_until_terminated(Layout.load(Path(sys.argv[1]))))


if __name__ == "__main__":
    main()
