from __future__ import annotations

import asyncio
import socket

import pytest

from lastgood.observe.connectivity import Connectivity
from lastgood.testing.hostile import HostileServer


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


async def test_without_addresses_nothing_is_asked() -> None:
    assert await Connectivity().reachable() is None


async def test_one_answer_among_silence_is_enough() -> None:
    async with HostileServer() as server:
        found = Connectivity(
            [f"127.0.0.1:{closed_port()}", f"127.0.0.1:{server.port}"], timeout_s=60
        )
        assert await found.reachable() is True
        await found.close()


async def test_when_none_answers_it_is_our_own_fault() -> None:
    lost = Connectivity([f"127.0.0.1:{closed_port()}", "host.invalid:53"], timeout_s=30)
    assert await lost.reachable() is False
    await lost.close()
    await lost.close()


async def test_many_who_ask_share_one_answer() -> None:
    async with HostileServer() as server:
        found = Connectivity([f"127.0.0.1:{server.port}"], timeout_s=60)
        assert await asyncio.gather(*(found.reachable() for _ in range(100))) == [True] * 100
        await asyncio.sleep(0.05)
        assert server.connections == 1
        await found.close()


async def test_one_who_gives_up_spoils_nothing_for_the_others() -> None:
    async with HostileServer() as server:
        found = Connectivity([f"127.0.0.1:{server.port}"], timeout_s=60)
        first = asyncio.create_task(found.reachable())
        second = asyncio.create_task(found.reachable())
        await asyncio.sleep(0)
        first.cancel()
        assert await second is True
        await found.close()


@pytest.mark.parametrize("address", ["", "host", "host:", ":53", "host:x", "host:0", "host:70000"])
def test_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="is not host:port"):
        Connectivity([address])
