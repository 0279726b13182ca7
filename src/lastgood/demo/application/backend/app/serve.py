"""Run one instance: the port comes from PORT; SIGTERM drains before it stops."""

from __future__ import annotations

import os
import socket
import time
from typing import TYPE_CHECKING

import uvicorn

from app.main import app, duty

if TYPE_CHECKING:
    from types import FrameType

# Longer than the edge needs to see that /health no longer says healthy.
DRAIN_SECONDS = 0.25


class Instance(uvicorn.Server):
    """A server that asks the edge to send nothing more before it closes its port."""

    stop_at = float("inf")

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Answer /health with 503 from now on, and stop a moment later."""
        del sig, frame
        if not duty.leaving:
            duty.leaving = True
            self.stop_at = time.monotonic() + DRAIN_SECONDS

    async def on_tick(self, counter: int) -> bool:
        """Stop when the drain is over (uvicorn asks ten times a second)."""
        return await super().on_tick(counter) or time.monotonic() >= self.stop_at


def main() -> None:
    """Listen on the instance's port until told to stop."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # The port stays reserved for this instance while it is down: the host holds a socket that is
    # bound to it and never listens, which only a second socket with this option can join.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listener.bind(("127.0.0.1", int(os.environ["PORT"])))
    config = uvicorn.Config(
        app,
        loop="asyncio",
        http="h11",
        ws="none",
        lifespan="off",
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=5,
    )
    Instance(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
