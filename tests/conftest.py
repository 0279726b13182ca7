"""What tests of several packages share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from lastgood.demo.production import Production

if TYPE_CHECKING:
    from collections.abc import Iterator

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
