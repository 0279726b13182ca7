from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any

import pytest
import trustme

from lastgood.ports.toolbox import Toolbox
from lastgood.testing.hostile import HostileServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from lastgood.ports.children import Finished


class NoChildren:
    async def run(self, argv: Sequence[str], **_: Any) -> Finished:
        raise AssertionError(f"this check starts no children: {argv}")


@pytest.fixture
def toolbox(tmp_path: Path) -> Toolbox:
    return Toolbox(
        environment="production",
        name="api-health",
        base=tmp_path,
        state=tmp_path,
        children=NoChildren(),
    )


@pytest.fixture
async def server() -> AsyncIterator[HostileServer]:
    async with HostileServer() as running:
        yield running


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def roots(authority: trustme.CA, tmp_path: Path) -> Path:
    path = tmp_path / "roots.pem"
    authority.cert_pem.write_to_path(str(path))
    return path


@pytest.fixture
async def tls_server(authority: trustme.CA) -> AsyncIterator[HostileServer]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    async with HostileServer(context) as running:
        yield running
