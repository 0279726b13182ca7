"""Host names to addresses, so that one name server that hangs delays one check only."""

from __future__ import annotations

import asyncio
import socket
import threading
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Address:
    """One address of a host."""

    family: socket.AddressFamily
    text: str


@dataclass
class Lookup:
    """Asks the system's resolver in a thread of its own.

    The event loop's shared threads are few: as many hanging names would stop every other look-up.
    """

    _pending: dict[tuple[str, int, int], asyncio.Future[list[Address] | OSError]] = field(
        default_factory=dict
    )

    async def addresses(
        self, host: str, port: int, family: int = socket.AF_UNSPEC
    ) -> list[Address]:
        """The addresses of a host; who asks while a look-up runs waits for that one.

        Raises:
            OSError: there are none.
        """
        key = (host, port, family)
        answer = self._pending.get(key)
        if answer is None:
            answer = asyncio.get_running_loop().create_future()
            self._pending[key] = answer
            answer.add_done_callback(lambda _: self._pending.pop(key, None))
            threading.Thread(
                target=_look_up, args=(key, answer, answer.get_loop()), daemon=True
            ).start()
        found = await asyncio.shield(answer)
        if isinstance(found, OSError):
            raise found
        return found


def _look_up(
    key: tuple[str, int, int],
    answer: asyncio.Future[list[Address] | OSError],
    loop: asyncio.AbstractEventLoop,
) -> None:
    host, port, family = key
    found: list[Address] | OSError
    try:
        infos = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM)
        found = [Address(info[0], str(info[4][0])) for info in infos]
    except OSError as error:
        found = error
    except UnicodeError:  # a label that is empty or too long
        found = OSError(f"{host[:80]!r} is no host name")
    if not loop.is_closed():
        try:
            loop.call_soon_threadsafe(_deliver, answer, found)
        except RuntimeError:  # the loop closed meanwhile: nobody waits
            return


def _deliver(
    answer: asyncio.Future[list[Address] | OSError], found: list[Address] | OSError
) -> None:
    if not answer.done():
        answer.set_result(found)
