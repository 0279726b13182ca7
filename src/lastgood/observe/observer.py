"""One observation of an environment: checks, signals, and what runs."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from lastgood.model.check import HealthState
from lastgood.model.observation import Observation
from lastgood.model.signal import Signal
from lastgood.observe.connectivity import Connectivity
from lastgood.observe.prober import Prober
from lastgood.observe.services import Services

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lastgood.model.observation import ServiceView
    from lastgood.model.release import Deployment
    from lastgood.observe.watched import WatchedCheck, WatchedService
    from lastgood.ports.signal import SignalSource

SETTLE_PAUSE_S = 0.15
SIGNAL_PATIENCE_S = 10.0


class Observer:
    """Sees an environment through drivers that were built for it."""

    def __init__(
        self,
        *,
        environment: str,
        checks: Sequence[WatchedCheck] = (),
        signals: Mapping[str, SignalSource] | None = None,
        services: Sequence[WatchedService] = (),
        connectivity: Connectivity | None = None,
    ) -> None:
        self._environment = environment
        self._checks = tuple(checks)
        self._signals = dict(signals or {})
        self._connectivity = connectivity or Connectivity()
        self._prober = Prober(self._checks, self._connectivity)
        self._services = Services(services, self._checks, self._prober)

    @property
    def prober(self) -> Prober:
        """The checks' slots and standings; `observe` shares them."""
        return self._prober

    async def settle(
        self, recorded: Mapping[str, Deployment] | None = None, *, limit_s: float = 10.0
    ) -> Observation:
        """See all from cold: look quickly until each check has a standing, or the time is up.

        A check that has none by then stays unknown, which is not healthy.

        Args:
            recorded: the newest deployment of each service in the ledger.
            limit_s: seconds for all looks together.
        """
        await self._settle_checks(limit_s)
        return await self.observe(recorded)

    async def look(self, recorded: Mapping[str, Deployment] | None = None) -> Observation:
        """Look at every check once, now, and see all; standings move by one result.

        Args:
            recorded: the newest deployment of each service in the ledger.
        """
        await self._prober.once()
        return await self.observe(recorded)

    async def observe(self, recorded: Mapping[str, Deployment] | None = None) -> Observation:
        """See all now, with the results and standings that the running prober has come to.

        Args:
            recorded: the newest deployment of each service in the ledger.
        """
        signals, views, connected = await asyncio.gather(
            asyncio.gather(*(self._read(name) for name in self._signals)),
            self._services.views(recorded or {}),
            self._connectivity.reachable(),
        )
        return Observation(
            environment=self._environment,
            at=datetime.now(UTC),
            healths=self._prober.healths(),
            results=tuple(self._prober.latest().values()),
            signals=tuple(signals),
            services=views,
            check_services=self._services.by_check(),
            connectivity=connected,
        )

    async def views(
        self, recorded: Mapping[str, Deployment] | None = None, names: Sequence[str] | None = None
    ) -> dict[str, ServiceView]:
        """See what runs and what answers for every service, or for the named ones.

        Args:
            recorded: the newest deployment of each service in the ledger.
            names: the services that are meant.
        """
        return await self._services.views(recorded or {}, names)

    async def close(self) -> None:
        """Close all checks and signals. May be called twice."""
        await asyncio.gather(
            *(watched.check.close() for watched in self._checks),
            *(signal.close() for signal in self._signals.values()),
            self._connectivity.close(),
        )

    async def _settle_checks(self, limit_s: float) -> None:
        try:
            async with asyncio.timeout(limit_s), asyncio.TaskGroup() as settling:
                for watched in self._checks:
                    settling.create_task(self._settle_check(watched.name))
        except TimeoutError:
            return  # what has no standing by now stays unknown

    async def _settle_check(self, name: str) -> None:
        while True:
            await self._prober.once([name])
            health = self._prober.healths()[name]
            if health.state is not HealthState.UNKNOWN:
                return
            await asyncio.sleep(SETTLE_PAUSE_S)

    async def _read(self, name: str) -> Signal:
        now = datetime.now(UTC)
        try:
            async with asyncio.timeout(SIGNAL_PATIENCE_S):
                return await self._signals[name].read(now)
        except TimeoutError:
            error = f"the signal's driver did not end in {SIGNAL_PATIENCE_S:g} s"
        except Exception as broken:  # noqa: BLE001 - a broken driver must not spoil the rest
            error = f"the signal's driver is broken: {type(broken).__name__}"
        return Signal(name=name, source=name, at=now, error=error)
