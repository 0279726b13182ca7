"""Whether this machine reaches anything at all: its own fault is not the service's."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

TIMEOUT_S = 2.0
REMEMBERED_S = 2.0


class Connectivity:
    """Knocks at addresses that always answer; only when none does it is our own fault.

    Args:
        addresses: `host:port` each, best of several kinds: a name server, a provider, the gateway.
            Without any nothing is asked, and nothing is called our own fault.
    """

    def __init__(self, addresses: Sequence[str] = (), *, timeout_s: float = TIMEOUT_S) -> None:
        self._targets = [_parted(address) for address in addresses]
        self._timeout_s = timeout_s
        self._asking: asyncio.Task[bool] | None = None
        self._answer: bool | None = None
        self._asked_at = 0.0

    async def reachable(self) -> bool | None:
        """Whether any address answers; None when there is none to ask.

        Many failing checks ask at once: they share one answer, which is kept for two seconds.
        """
        if not self._targets:
            return None
        if self._answer is not None and time.monotonic() - self._asked_at < REMEMBERED_S:
            return self._answer
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask())
        # One of those who wait may be cancelled; the others still want the answer.
        return await asyncio.shield(self._asking)

    async def close(self) -> None:
        """Stop asking. May be called twice."""
        asking, self._asking = self._asking, None
        if asking is not None:
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)

    async def _ask(self) -> bool:
        knocks = [asyncio.create_task(self._knock(*target)) for target in self._targets]
        try:
            self._answer = False
            for knock in asyncio.as_completed(knocks):
                if await knock:
                    self._answer = True
                    break
        finally:
            for knock in knocks:
                knock.cancel()
            await asyncio.gather(*knocks, return_exceptions=True)
        self._asked_at = time.monotonic()
        return self._answer

    async def _knock(self, host: str, port: int) -> bool:
        try:
            async with asyncio.timeout(self._timeout_s):
                _, writer = await asyncio.open_connection(host, port)
        except (OSError, TimeoutError):
            return False
        writer.close()
        return True


def _parted(address: str) -> tuple[str, int]:
    """Host and port.

    Raises:
        ValueError: it is not `host:port`.
    """
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65_536:  # noqa: PLR2004 - ports
        raise ValueError(f"{address!r} is not host:port")
    return host.strip("[]"), int(port)
