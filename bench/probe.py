"""CPU time of one probe, for a thousand endpoints: ours against blackbox_exporter's.

    python -m bench probe

Each endpoint is an address of its own on this machine with its own check, as in a real
configuration; the server runs in another process, so that its time is not counted.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import resource
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import aiohttp
from bench.table import Row

from lastgood.drivers.check.http.driver import HttpCheck
from lastgood.drivers.check.http.options import HttpOptions
from lastgood.ports.toolbox import Toolbox
from lastgood.process.children import PlainChildren
from lastgood.process.masking import Masker

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.connection import Connection

ENDPOINTS = 1000
ROUNDS = 5
AT_A_TIME = 50
BODY = b'{"status":"healthy","commit":"0123456789abcdef"}'
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (
    len(BODY),
    BODY,
)
EXPORTER = "blackbox_exporter"


class Answering(asyncio.Protocol):
    """Answers each question the same."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep where to answer."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer each whole question."""
        if isinstance(self._transport, asyncio.Transport):
            self._transport.write(ANSWER * data.count(b"\r\n\r\n"))


def serve(pipe: Connection) -> None:
    """Listen in a process of our own, and say where."""

    async def forever() -> None:
        server = await asyncio.get_running_loop().create_server(
            Answering, "127.0.0.1", 0, backlog=4096
        )
        pipe.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(forever())


@contextmanager
def serving() -> Iterator[int]:
    """A server's port."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=serve, args=(theirs,), daemon=True)
    process.start()
    try:
        yield ours.recv()
    finally:
        process.kill()
        process.join()


def cpu_s() -> float:
    """CPU seconds of this process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def ours(port: int) -> tuple[float, float]:
    """CPU microseconds per probe with new connections, and with kept ones."""
    base = Path.cwd()
    checks = [
        HttpCheck(
            HttpOptions.model_validate(
                {
                    "url": f"http://127.0.0.1:{port}/{number}",
                    "timeout": 60,
                    "expect": {"status": 200, "json": {"status": "healthy"}},
                    "version": {"json": "commit"},
                }
            ),
            Toolbox(
                environment="bench",
                name=f"check-{number}",
                base=base,
                state=base,
                children=PlainChildren(Masker()),
            ),
        )
        for number in range(ENDPOINTS)
    ]
    slots = asyncio.Semaphore(AT_A_TIME)

    async def look(check: HttpCheck) -> None:
        async with slots:
            result = await check.probe()
        if not result.ok or result.version is None:
            raise RuntimeError(result.error)

    begun = cpu_s()
    await asyncio.gather(*map(look, checks))
    first = cpu_s() - begun
    begun = cpu_s()
    for _ in range(ROUNDS):
        await asyncio.gather(*map(look, checks))
    kept = cpu_s() - begun
    await asyncio.gather(*(check.close() for check in checks))
    return first / ENDPOINTS * 1e6, kept / ENDPOINTS / ROUNDS * 1e6


async def plain(port: int) -> float:
    """CPU microseconds per question of aiohttp alone, on kept connections."""
    slots = asyncio.Semaphore(AT_A_TIME)
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:

        async def ask(number: int) -> None:
            async with slots, session.get(f"http://127.0.0.1:{port}/{number}") as answer:
                await answer.read()

        await asyncio.gather(*map(ask, range(ENDPOINTS)))
        begun = cpu_s()
        for _ in range(ROUNDS):
            await asyncio.gather(*map(ask, range(ENDPOINTS)))
        return (cpu_s() - begun) / ENDPOINTS / ROUNDS * 1e6


def exporters(port: int) -> float | None:
    """CPU microseconds per probe of blackbox_exporter; None where it is not installed."""
    program = shutil.which(EXPORTER)
    if program is None:
        return None
    with socket.create_server(("127.0.0.1", 0)) as free:
        own_port = free.getsockname()[1]
    with TemporaryDirectory() as folder:
        config = Path(folder) / "blackbox.yml"
        config.write_text(
            "modules: {http: {prober: http, timeout: 60s, "
            "http: {fail_if_body_not_matches_regexp: [healthy]}}}\n"
        )
        process = subprocess.Popen(
            [program, f"--config.file={config}", f"--web.listen-address=127.0.0.1:{own_port}"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            wait_for(own_port)
            begun = child_cpu_s(process.pid)
            for number in range(ENDPOINTS):
                ask(
                    f"http://127.0.0.1:{own_port}/probe?module=http&target=127.0.0.1:{port}/{number}"
                )
            return (child_cpu_s(process.pid) - begun) / ENDPOINTS * 1e6
        finally:
            process.kill()
            process.wait()


def ask(url: str) -> None:
    """Ask for one probe and see that it was good."""
    with urllib.request.urlopen(url, timeout=60) as answer:  # noqa: S310 - our own address
        if b"probe_success 1" not in answer.read():
            raise RuntimeError(url)


def wait_for(port: int) -> None:
    """Wait until something listens."""
    for _ in range(200):
        with socket.socket() as knock:
            if knock.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise TimeoutError(EXPORTER)


def child_cpu_s(process: int) -> float:
    """CPU seconds of another process, of all its threads."""
    fields = Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rows() -> Iterator[Row]:
    """Ours on kept connections beside each other way, in CPU seconds per probe."""
    with serving() as port:
        new, kept = asyncio.run(ours(port))
        alone = asyncio.run(plain(port))
        other = exporters(port) if sys.platform == "linux" else None
    what = f"CPU per HTTP probe, {ENDPOINTS} endpoints"
    yield Row(what, kept / 1e6, "aiohttp alone", alone / 1e6)
    yield Row(f"{what}, new connections", new / 1e6, "aiohttp alone, kept ones", alone / 1e6)
    yield Row(what, kept / 1e6, "blackbox_exporter", None if other is None else other / 1e6)
