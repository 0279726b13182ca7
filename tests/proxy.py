"""A way to a server that misbehaves as it is told, request by request."""

from __future__ import annotations

import re
import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable

HEAD_END = b"\r\n\r\n"
ANSWERS = {
    "503": b"HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    "409": b"HTTP/1.1 409 Conflict\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    "403": b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
}
for _code in ("DisabledException", "IncorrectKeyException", "AccessDeniedException"):
    _body = b'{"__type": "%b", "message": "said by it\\u001b[2J"}' % _code.encode()
    ANSWERS[_code] = (
        b"HTTP/1.1 400 Bad Request\r\nContent-Type: application/x-amz-json-1.1\r\n"
        b"Content-Length: %d\r\nConnection: close\r\n\r\n%b" % (len(_body), _body)
    )
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class Proxy:
    """Passes one request per connection on; before that, `fault` may say otherwise.

    `fault` is given the request's first line and gives one of these, or nothing:

    - `503`, `403`, `409`: answered so, not passed on; or an error's name, as KMS answers it;
    - `drop`: the connection ends in the middle of what is sent, nothing arrives;
    - `hang`: everything is taken, nothing is answered;
    - `lose`: it is passed on, and the connection ends before the answer;
    - `cut`: the answer ends after its first half;
    - `slow`: the answer comes in small pieces.

    Attributes:
        requests: the first lines of all requests.
        heads: all that stands before their bodies.
    """

    def __init__(self, endpoint: str, fault: Callable[[str], str | None]) -> None:
        parts = urlsplit(endpoint)
        self._behind = (parts.hostname or "", parts.port or 80)
        self._fault = fault
        self._stopped = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._threads: list[threading.Thread] = []
        self.requests: list[str] = []
        self.heads: list[str] = []

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        self._run(self._accept)
        return self

    def __exit__(self, *error: object) -> None:
        self._stopped.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(20)

    def _run(self, work: Callable[..., None], *given: object) -> None:
        thread = threading.Thread(target=work, args=given, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self._run(self._serve, client)

    def _serve(self, client: socket.socket) -> None:
        with client, suppress(OSError):
            client.settimeout(30)
            head, body = _until_head(client)
            if not head:
                return
            line = head.partition(b"\r\n")[0].decode(errors="replace")
            self.requests.append(line)
            self.heads.append(head.decode(errors="replace"))
            fault = self._fault(line)
            if fault == "drop":
                return
            body = _rest(client, head, body)
            if fault in ANSWERS:
                client.sendall(ANSWERS[fault])
            elif fault == "hang":
                self._stopped.wait()
            else:
                self._pass_on(client, head + HEAD_END + body, fault)

    def _pass_on(self, client: socket.socket, request: bytes, fault: str | None) -> None:
        answer = self._answer(request)
        if fault == "lose":
            return
        if fault == "cut":
            client.sendall(answer[: len(answer) // 2])
        elif fault == "slow":
            for begin in range(0, len(answer), 64 * 1024):
                if self._stopped.wait(0.01):
                    return
                client.sendall(answer[begin : begin + 64 * 1024])
        else:
            client.sendall(answer)

    def _answer(self, request: bytes) -> bytes:
        """The server's whole answer, with the connection closed behind it."""
        line, _, rest = request.partition(b"\r\n")
        closing = line + b"\r\nConnection: close\r\n" + rest
        with socket.create_connection(self._behind, timeout=30) as server:
            server.sendall(closing)
            found = bytearray()
            while part := server.recv(1 << 20):
                found += part
        return bytes(found)


def _until_head(client: socket.socket) -> tuple[bytes, bytes]:
    found = b""
    while HEAD_END not in found:
        part = client.recv(64 * 1024)
        if not part:
            return b"", b""
        found += part
    head, _, body = found.partition(HEAD_END)
    return head, body


def _rest(client: socket.socket, head: bytes, body: bytes) -> bytes:
    length = _LENGTH.search(head)
    wanted = int(length[1]) if length else 0
    found = bytearray(body)
    while len(found) < wanted:
        part = client.recv(1 << 20)
        if not part:
            raise ConnectionError
        found += part
    return bytes(found)
