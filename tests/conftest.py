"""What tests of several packages share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings
from tests.servers import Server, running
from tests.shop import Shop, shop_on

from lastgood.cli.main import run
from lastgood.demo.database import _programs
from lastgood.demo.production import Production
from lastgood.testing.stack import Stack

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.aws import Bucket, Service

# A slow machine is no failure: times are never asserted.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


@pytest.fixture(scope="session")
def production(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Production]:
    """One miniature production with a good release live and no traffic.

    Shared by every test of the xdist group "production": a test that ships a bad release ships
    a good one afterwards, and one that starts the traffic stops it.
    """
    with Production.start(tmp_path_factory.mktemp("production") / "root") as production:
        assert production.ship().outcome == "deployed"
        yield production


@pytest.fixture(scope="session")
def embedded() -> Iterator[Server]:
    """The PostgreSQL server from PyPI, one for all tests of a worker."""
    with running(_programs()) as server:
        yield server


@pytest.fixture
def stall(embedded: Server, tmp_path: Path) -> Iterator[Shop]:
    """A small shop: a database with backups to a folder."""
    stall = shop_on(embedded, tmp_path / "shop")
    yield stall
    stall.drop()


@pytest.fixture(scope="session")
def amazon() -> Iterator[str]:
    """The address of an AWS in this process: S3 and KMS."""
    from tests.aws import running  # noqa: PLC0415 - it takes a second, and few need it

    with running() as endpoint:
        yield endpoint


@pytest.fixture
def bucket(amazon: str) -> Bucket:
    """A fresh bucket."""
    from tests.aws import fresh_bucket  # noqa: PLC0415 - likewise

    return fresh_bucket(amazon)


@pytest.fixture
def service(amazon: str, monkeypatch: pytest.MonkeyPatch) -> Service:
    """A KMS with keys, and the credentials for it."""
    from tests.aws import kms_here  # noqa: PLC0415 - likewise

    return kms_here(amazon, monkeypatch)


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    """Two services in release directories, and a person who looks after them."""
    for name in ("ENVIRONMENT", "NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "200")
    with Stack(tmp_path / "shop", run) as stack:
        yield stack
