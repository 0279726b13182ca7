"""Checks and signals whose words hide every secret, whichever driver they are from.

A check of a log says the line that it found, a signal the place that it read: the driver knows its
own secrets at most, and what it says goes into output, events and reports.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from datetime import datetime

    from lastgood.model.check import CheckResult
    from lastgood.model.signal import Signal
    from lastgood.ports.check import Check
    from lastgood.ports.signal import SignalSource
    from lastgood.process.masking import Masker


class VeiledCheck:
    """A check; implements `ports.check.Check`."""

    def __init__(self, check: Check, masker: Masker) -> None:
        self._check = check
        self._masker = masker

    @property
    def names_version(self) -> bool:
        """See `Check.names_version`."""
        return self._check.names_version

    async def probe(self, instance: str | None = None) -> CheckResult:
        """See `Check.probe`. The address and the version stay: they are compared with others."""
        result = await self._check.probe(instance)
        if not result.error:
            return result
        return msgspec.structs.replace(result, error=self._masker.mask(result.error))

    async def close(self) -> None:
        """See `Check.close`."""
        await self._check.close()


class VeiledSignal:
    """A signal; implements `ports.signal.SignalSource`."""

    def __init__(self, source: SignalSource, masker: Masker) -> None:
        self._source = source
        self._masker = masker

    async def read(self, now: datetime, since: datetime | None = None) -> Signal:
        """See `SignalSource.read`."""
        signal = await self._source.read(now, since)
        error = self._masker.mask(signal.error) if signal.error else signal.error
        return msgspec.structs.replace(signal, source=self._masker.mask(signal.source), error=error)

    async def close(self) -> None:
        """See `SignalSource.close`."""
        await self._source.close()
