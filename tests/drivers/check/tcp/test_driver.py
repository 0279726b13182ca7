from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from lastgood.drivers.check.tcp.driver import TcpCheck
from lastgood.drivers.check.tcp.options import TcpOptions

if TYPE_CHECKING:
    from pathlib import Path

    from lastgood.model.check import CheckResult
    from lastgood.ports.toolbox import Toolbox
    from lastgood.testing.hostile import HostileServer


async def probed(toolbox: Toolbox, address: str, **options: Any) -> CheckResult:
    made = TcpOptions.model_validate({"tcp": address, "timeout": 60, **options})
    return await TcpCheck(made, toolbox).probe()


async def test_port_that_accepts_is_ok(server: HostileServer, toolbox: Toolbox) -> None:
    result = await probed(toolbox, f"127.0.0.1:{server.port}")
    assert (result.ok, result.status, result.error) == (True, "connected", None)
    assert result.address == f"127.0.0.1:{server.port}"
    assert result.latency_ms is not None


async def test_closed_port_is_refused(server: HostileServer, toolbox: Toolbox) -> None:
    await server.stop()
    result = await probed(toolbox, f"127.0.0.1:{server.port}")
    assert (result.ok, result.error) == (False, "connection refused")


async def test_host_without_address(toolbox: Toolbox) -> None:
    result = await probed(toolbox, "host.invalid:80")
    assert result.error is not None
    assert "the host name has no address" in result.error


async def test_host_name_that_is_none(toolbox: Toolbox) -> None:
    result = await probed(toolbox, f"{'x' * 200}:80")
    assert not result.ok


async def test_port_that_swallows_everything_ends_in_time(toolbox: Toolbox) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as silent:
        port = silent.getsockname()[1]
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.settimeout(0)
            filler.connect_ex(("127.0.0.1", port))
        result = await probed(toolbox, f"127.0.0.1:{port}", timeout=0.3)
        for filler in fillers:
            filler.close()
    assert result.error == "no connection in 0.3 s"


async def test_tls_with_its_end(tls_server: HostileServer, toolbox: Toolbox, roots: Path) -> None:
    address = f"127.0.0.1:{tls_server.port}"
    good = await probed(toolbox, address, tls=True, ca=roots)
    assert good.ok
    assert good.tls_expires_at is not None
    soon = await probed(toolbox, address, tls=True, ca=roots, tls_expires_within="3650d")
    assert soon.ok is (soon.error is None)
    bad = await probed(toolbox, address, tls=True)
    assert bad.error is not None
    assert bad.error.startswith("bad certificate: ")
    loose = await probed(toolbox, address, tls=True, verify=False)
    assert loose.ok


async def test_tls_that_never_comes(server: HostileServer, toolbox: Toolbox) -> None:
    result = await probed(toolbox, f"127.0.0.1:{server.port}", tls=True, timeout=0.3)
    assert result.error == "no connection in 0.3 s"


@pytest.mark.parametrize("address", ["", "host", ":80", "host:", "host:0", "host:70000", "::1:80"])
def test_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(ValidationError, match="no host and port"):
        TcpOptions.model_validate({"tcp": address})


def test_address_in_brackets() -> None:
    options = TcpOptions.model_validate({"tcp": "[::1]:5432"})
    assert (options.host, options.port) == ("::1", 5432)


@pytest.mark.parametrize(
    "options",
    [{"tls_expires_within": "7d"}, {"verify": False}, {"tls": True, "verify": False, "ca": "x"}],
)
def test_options_that_contradict_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="certificate"):
        TcpOptions.model_validate({"tcp": "h:1", **options})
