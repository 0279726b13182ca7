"""An HTTP server that behaves as badly as real ones do, for tests of whatever asks one."""

from __future__ import annotations

import asyncio
import gzip
import socket
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable
    from types import TracebackType

    Behaviour = Callable[["HostileServer", asyncio.StreamWriter], Awaitable[None]]

_GIGABYTE = 1024**3
_BLOCK = b"x" * 65_536


@dataclass(frozen=True, kw_only=True)
class Reply:
    """A well-behaved answer."""

    status: int = 200
    body: bytes = b"ok"
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Question:
    """What the server was asked."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class HostileServer:
    """Listens on a free port of 127.0.0.1 while it is entered.

    Its misdeeds are its paths: `/hang` never answers, `/drip` sends a byte at a time, `/reset`
    resets the connection, `/silent` closes it without an answer, `/half` breaks off in the body,
    `/loop` redirects to itself, `/gigabytes` and `/endless` send that much (with its length, and
    in chunks), `/bomb` is gzip that unpacks to a gigabyte, `/rubbish` is no HTTP, `/headers` has
    a header of a megabyte, `/deep` is JSON nested a hundred thousand times. All other paths answer
    from `replies`, else 404.

    Attributes:
        replies: the good answers by path; may be changed while it runs.
        questions: what was asked, oldest first.
        connections: how many connections were opened.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self._server: asyncio.Server | None = None
        self._stopped = asyncio.Event()
        self._open: set[asyncio.Task[None]] = set()
        self.replies: dict[str, Reply] = {"/ok": Reply()}
        self.questions: list[Question] = []
        self.connections = 0
        self.port = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    @property
    def base(self) -> str:
        """Scheme, host and port."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    def url(self, path: str = "/ok") -> str:
        """The address of a path."""
        return self.base + path

    async def stop(self) -> None:
        """Stop listening and drop every connection. May be called twice."""
        if self._server is None:
            return
        self._stopped.set()
        self._server.close()
        for serving in self._open:
            serving.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)
        await self._server.wait_closed()
        self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving = asyncio.current_task()
        if serving is None or self._stopped.is_set():
            writer.close()
            return
        self._open.add(serving)
        self.connections += 1
        try:
            while not writer.is_closing():
                question = await _question(reader)
                self.questions.append(question)
                path = question.path.partition("?")[0]
                misdeed = _MISDEEDS.get(path)
                if misdeed is not None:
                    await misdeed(self, writer)
                    break
                await _answer(writer, self.replies.get(path, Reply(status=404)), question)
                if question.headers.get("connection", "").lower() == "close":
                    break
        except (OSError, EOFError, asyncio.CancelledError):
            writer.transport.abort()
        finally:
            self._open.discard(serving)
            writer.close()

    async def hang(self) -> None:
        """Wait until the server stops."""
        await self._stopped.wait()


async def _question(reader: asyncio.StreamReader) -> Question:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, path, _ = head[0].split(" ", 2)
    lines = (line.partition(":") for line in head[1:] if line)
    headers = {name.lower(): value.strip() for name, _, value in lines}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Question(method=method, path=path, headers=headers, body=body)


async def _answer(writer: asyncio.StreamWriter, reply: Reply, question: Question) -> None:
    headers = {"Content-Length": str(len(reply.body)), **reply.headers}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    body = b"" if question.method == "HEAD" else reply.body
    writer.write(f"HTTP/1.1 {reply.status} Said\r\n{lines}\r\n".encode("latin-1") + body)
    await writer.drain()


async def _hang(server: HostileServer, writer: asyncio.StreamWriter) -> None:
    del writer
    await server.hang()


async def _drip(server: HostileServer, writer: asyncio.StreamWriter) -> None:
    del server
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    while True:
        writer.write(b".")
        await writer.drain()
        await asyncio.sleep(0.05)


async def _reset(server: HostileServer, writer: asyncio.StreamWriter) -> None:
    del server
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def _silent(server: HostileServer, writer: asyncio.StreamWriter) -> None:
    del server
    writer.close()


async def _half(server: HostileServer, writer: asyncio.StreamWriter) -> None:
    del server
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{")
    await writer.drain()


async def _loop(server: HostileServer, writer: asyncio.StreamWriter) -> None:
    del server
    writer.write(b"HTTP/1.1 302 Found\r\nLocation: /loop\r\nContent-Length: 0\r\n\r\n")
    await writer.drain()


async def _gigabytes(server: HostileServer, writer: asyncio.StreamWriter) -> None:
    del server
    writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {10 * _GIGABYTE}\r\n\r\n".encode())
    while True:
        writer.write(_BLOCK)
        await writer.drain()


async def _endless(server: HostileServer, writer: asyncio.StreamWriter) -> None:
    del server
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"10000\r\n" + _BLOCK + b"\r\n")
        await writer.drain()


async def _bomb(server: HostileServer, writer: asyncio.StreamWriter) -> None:
    del server
    packed = gzip.compress(bytes(4 * 1024 * 1024), 9) * 240
    head = f"Content-Encoding: gzip\r\nContent-Length: {len(packed)}"
    writer.write(f"HTTP/1.1 200 OK\r\n{head}\r\n\r\n".encode() + packed)
    await writer.drain()


async def _rubbish(server: HostileServer, writer: asyncio.StreamWriter) -> None:
    del server
    writer.write(bytes(range(256)) * 40 + b"\r\n\r\n\x1b[2J")
    await writer.drain()


async def _headers(server: HostileServer, writer: asyncio.StreamWriter) -> None:
    del server
    writer.write(b"HTTP/1.1 200 OK\r\nX-Large: " + b"h" * 1024 * 1024 + b"\r\n\r\n")
    await writer.drain()


async def _deep(server: HostileServer, writer: asyncio.StreamWriter) -> None:
    del server
    body = b"[" * 100_000
    writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
    await writer.drain()


_MISDEEDS: dict[str, Behaviour] = {
    "/hang": _hang,
    "/drip": _drip,
    "/reset": _reset,
    "/silent": _silent,
    "/half": _half,
    "/loop": _loop,
    "/gigabytes": _gigabytes,
    "/endless": _endless,
    "/bomb": _bomb,
    "/rubbish": _rubbish,
    "/headers": _headers,
    "/deep": _deep,
}
