"""Serve the backend's live release on one port: python -m lastgood.demo.server ROOT PORT.

The libraries are imported once, here; the release's own code runs in a fork. SIGHUP replaces the
fork by one of the release that is live then, once the edge sends the old one nothing more. SIGTERM
ends both at once. A fork that ends by itself ends the server, and the supervisor starts it anew.
"""

from __future__ import annotations

import importlib
import os
import signal
import socket
import sys
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

# Imported for the release, which finds them ready.
import fastapi  # noqa: F401 - see above
import psycopg  # noqa: F401 - see above
import uvicorn
import uvicorn.loops.asyncio
import uvicorn.protocols.http.h11_impl
from fastapi.responses import JSONResponse

from lastgood.demo.kinship import die_with_parent
from lastgood.demo.layout import Layout

if TYPE_CHECKING:
    from types import FrameType

    from starlette.types import ASGIApp, Receive, Scope, Send

# An edge that has not asked for so long is not there.
DRAIN_LIMIT = 2.0

# What the edge sent before it was told to turn away has arrived by then.
LAST_REQUESTS = 0.1

# How the edge's own health checks are known from those of others.
EDGE_QUERY = b"from=edge"

NEVER = float("inf")

WATCHED = {signal.SIGHUP, signal.SIGTERM, signal.SIGINT, signal.SIGCHLD}


class Instance(uvicorn.Server):
    """One generation of an instance.

    At SIGTERM it tells the edge, which asks for its health all the time, to turn away, and stops
    when the edge was told; at SIGINT it stops at once.
    """

    leaving = False
    stop_at = NEVER

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to leave."""
        del frame
        wait = 0.0 if sig == signal.SIGINT else DRAIN_LIMIT
        self.leaving = True
        self._stop_in(wait)

    async def on_tick(self, counter: int) -> bool:
        """Stop when it is time (uvicorn asks ten times a second)."""
        return await super().on_tick(counter) or time.monotonic() >= self.stop_at

    def around(self, app: ASGIApp) -> ASGIApp:
        """The application, save that /health says so when this instance is leaving."""

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            if not (self.leaving and scope.get("path") == "/health"):
                await app(scope, receive, send)
                return
            await JSONResponse({"status": "stopping"}, 503)(scope, receive, send)
            if scope["query_string"] == EDGE_QUERY:
                self._stop_in(LAST_REQUESTS)

        return answer

    def _stop_in(self, seconds: float) -> None:
        self.stop_at = min(self.stop_at, time.monotonic() + seconds)


def serve(release: Path, port: int) -> None:
    """Serve a release until told to stop."""
    os.chdir(release)
    sys.path.insert(0, str(release))
    app: ASGIApp = importlib.import_module("app.main").app

    config = uvicorn.Config(
        app,
        loop="asyncio",
        http="h11",
        ws="none",
        interface="asgi3",
        lifespan="off",
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=5,
        headers=[("X-Instance", str(os.getpid()))],
    )
    instance = Instance(config)
    config.app = instance.around(app)
    instance.run(sockets=[_listener(port)])


def _listener(port: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # The port stays reserved for this instance while it is down: the host holds a socket that is
    # bound to it and never listens, which only a second socket with this option can join.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listener.bind(("127.0.0.1", port))
    return listener


def _fork(layout: Layout, port: int) -> int:
    parent = os.getpid()
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        die_with_parent(parent)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, WATCHED)
        serve((layout.service("backend") / "current").resolve(strict=True), port)
        code = 0
    except BaseException:  # noqa: BLE001 - a fork must never return into its parent's code
        traceback.print_exc()
    finally:
        os._exit(code)


def main() -> int:
    """Keep one fork serving."""
    layout, port = Layout.load(Path(sys.argv[1])), int(sys.argv[2])
    signal.pthread_sigmask(signal.SIG_BLOCK, WATCHED)
    child = _fork(layout, port)
    while True:
        heard = signal.sigwait(WATCHED)
        if heard == signal.SIGCHLD:
            if os.waitpid(child, os.WNOHANG)[0]:
                return 1
            continue
        os.kill(child, signal.SIGTERM if heard == signal.SIGHUP else signal.SIGINT)
        os.waitpid(child, 0)
        if heard != signal.SIGHUP:
            return 0
        child = _fork(layout, port)


if __name__ == "__main__":
    sys.exit(main())
