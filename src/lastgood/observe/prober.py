"""Looks again and again, each check in its own time: one that hangs delays no other."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from lastgood.model.check import CheckResult, Health
from lastgood.observe.connectivity import Connectivity
from lastgood.observe.thresholds import advance
from lastgood.observe.watched import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from lastgood.observe.watched import WatchedCheck


class Prober:
    """Many checks, a slot for each, and their standings.

    A slot starts its next look only when the last one ended: looks never pile up, and a beat that
    was missed is not made up for.
    """

    def __init__(
        self, checks: Sequence[WatchedCheck], connectivity: Connectivity | None = None
    ) -> None:
        self._checks = tuple(checks)
        self._connectivity = connectivity or Connectivity()
        self.forget()

    def restore(self, healths: Mapping[str, Health]) -> None:
        """Go on from standings that were kept, for the checks that there still are."""
        self._healths |= {name: kept for name, kept in healths.items() if name in self._healths}

    def forget(self) -> None:
        """Begin anew: what was seen so far says nothing of what is live from now on."""
        self._healths = {watched.name: Health(name=watched.name) for watched in self._checks}

    def latest(self) -> dict[str, CheckResult]:
        """The newest result of each check that has one."""
        return {name: health.last for name, health in self._healths.items() if health.last}

    def healths(self) -> dict[str, Health]:
        """The standing of each check."""
        return dict(self._healths)

    async def run(self) -> None:
        """Look until cancelled."""
        async with asyncio.TaskGroup() as slots:
            for watched in self._checks:
                slots.create_task(self._slot(watched), name=f"check {watched.name}")

    async def once(self, names: Iterable[str] | None = None) -> tuple[CheckResult, ...]:
        """Look at all checks now, or at the named ones, side by side."""
        wanted = set(self._healths if names is None else names)
        looks = (self._look(watched) for watched in self._checks if watched.name in wanted)
        return tuple(await asyncio.gather(*looks))

    async def ask(self, watched: WatchedCheck, instance: str | None = None) -> CheckResult:
        """One look that ends and never raises, whatever the driver does; no standing changes."""
        at = datetime.now(UTC)
        try:
            async with asyncio.timeout(watched.timeout_s + PATIENCE_S):
                result = await watched.check.probe(instance)
        except TimeoutError:
            error = "the check's driver did not end in time"
        except Exception as broken:  # noqa: BLE001 - a broken driver must not stop the watch
            error = f"the check's driver is broken: {type(broken).__name__}"
        else:
            if result.ok or await self._connectivity.reachable() is not False:
                return result
            return msgspec.structs.replace(result, own_fault=True)
        return CheckResult(
            name=watched.name, address=instance or watched.name, at=at, ok=False, error=error
        )

    async def _slot(self, watched: WatchedCheck) -> None:
        clock = asyncio.get_running_loop().time
        # A thousand checks that start together must not beat together.
        begun = clock() - random.uniform(0.0, watched.every_s)  # noqa: S311 - no secret
        while True:
            await asyncio.sleep(begun + watched.every_s - clock())
            begun = clock()
            await self._look(watched)

    async def _look(self, watched: WatchedCheck) -> CheckResult:
        result = await self.ask(watched)
        health = self._healths[watched.name]
        self._healths[watched.name] = advance(health, result, watched.thresholds)
        return result
