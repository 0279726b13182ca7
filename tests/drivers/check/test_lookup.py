from __future__ import annotations

import asyncio
import socket
import threading

import pytest

from lastgood.drivers.check.lookup import Lookup


async def test_addresses_are_themselves() -> None:
    found = await Lookup().addresses("127.0.0.1", 80)
    assert [(address.family, address.text) for address in found] == [(socket.AF_INET, "127.0.0.1")]


@pytest.mark.parametrize("host", ["host.invalid", "x" * 200, "a..b"])
async def test_names_without_addresses_raise(host: str) -> None:
    with pytest.raises(OSError, match=r".+"):
        await Lookup().addresses(host, 80)


async def test_many_name_servers_that_hang_delay_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()
    real = socket.getaddrinfo

    def hanging(host: str, *rest: int) -> object:
        if host.startswith("slow"):
            release.wait(60)
        return real("127.0.0.1" if host.startswith("slow") else host, *rest)

    monkeypatch.setattr(socket, "getaddrinfo", hanging)
    waiting = [asyncio.create_task(Lookup().addresses(f"slow{n}", 80)) for n in range(60)]
    await asyncio.sleep(0)
    async with asyncio.timeout(60):
        assert await Lookup().addresses("127.0.0.1", 80)
    assert not any(task.done() for task in waiting)
    release.set()
    assert all(await asyncio.gather(*waiting))


async def test_who_asks_while_a_look_up_runs_waits_for_that_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []
    real = socket.getaddrinfo

    def counting(host: str, *rest: int) -> object:
        asked.append(host)
        return real(host, *rest)

    monkeypatch.setattr(socket, "getaddrinfo", counting)
    lookup = Lookup()
    first = asyncio.create_task(lookup.addresses("127.0.0.1", 80))
    second = asyncio.create_task(lookup.addresses("127.0.0.1", 80))
    await asyncio.sleep(0)
    first.cancel()
    assert await second
    assert asked == ["127.0.0.1"]
    assert await lookup.addresses("127.0.0.1", 80)
    assert len(asked) == 2
