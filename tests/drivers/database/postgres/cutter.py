"""A way to a server that is cut, or stands still, at a word."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from typing import TYPE_CHECKING, Self

from psycopg.conninfo import make_conninfo
from tests.servers import PASSWORD

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.drivers.database.postgres.conftest import Case

_SOCKET = ".s.PGSQL.5432"


class Cutter:
    """Passes on what is said to a server and answered.

    Args:
        home: where the server's socket is.
        word: once `cut` is set, the connection on which it is said is cut. Without one, every
            connection stands still for as long as `cut` is set.
        passed_on: whether the word itself arrives.
    """

    def __init__(self, home: Path, word: bytes | None = None, *, passed_on: bool = False) -> None:
        self.cut = threading.Event()
        self._server = home / _SOCKET
        self._place = home / "cut"
        self._word = word
        self._passed_on = passed_on
        self._ends: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._listening = socket.socket(socket.AF_UNIX)

    def __enter__(self) -> Self:
        self._place.mkdir(exist_ok=True)
        path = self._place / _SOCKET
        path.unlink(missing_ok=True)
        self._listening.bind(str(path))
        self._listening.listen(50)
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self.cut.clear()
        self._listening.shutdown(socket.SHUT_RDWR)
        self._threads[0].join()
        self._listening.close()
        for end in self._ends:
            _shut(end)
        for thread in self._threads[1:]:
            thread.join()
        for end in self._ends:
            end.close()

    def dsn(self, case: Case) -> str:
        """The address of a database by this way."""
        return make_conninfo(
            host=str(self._place), dbname=case.name, user=case.role, password=PASSWORD
        )

    def _start(self, act: Callable[..., None], *of: object) -> None:
        thread = threading.Thread(target=act, args=of)
        thread.start()
        self._threads.append(thread)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(str(self._server))
                self._ends += [client, server]
                self._start(self._ask, client, server)
                self._start(self._answer, server, client)

    def _ask(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(65536):
                while self._word is None and self.cut.is_set():
                    time.sleep(0.01)
                if self._word is not None and self._word in data and self.cut.is_set():
                    self.cut.clear()
                    # Nobody hears the answer.
                    _shut(client)
                    if self._passed_on:
                        server.sendall(data)
                    break
                server.sendall(data)
        _shut(client, server)

    def _answer(self, server: socket.socket, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := server.recv(65536):
                client.sendall(data)
        _shut(client, server)


def _shut(*ends: socket.socket) -> None:
    for end in ends:
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
