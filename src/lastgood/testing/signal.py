"""A signal that measures what it is told, and what every signal must do."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from lastgood.model.interval import anytime_interval
from lastgood.model.noun import from_json, to_json
from lastgood.model.signal import Signal

if TYPE_CHECKING:
    from collections.abc import Callable

    from lastgood.ports.signal import SignalSource

# What a loaded machine may need for one reading.
GRACE_S = 60.0


@dataclass
class ScriptedSignal:
    """Measures what it is told.

    Attributes:
        breaks: raise, as a broken driver does.
    """

    name: str = "users_affected"
    failed: int = 0
    n: int = 0
    breaks: bool = False
    closed: int = 0

    async def read(self, now: datetime, since: datetime | None = None) -> Signal:
        """Measure once."""
        if self.breaks:
            raise RuntimeError("this driver is broken")
        if not self.n:
            return Signal(
                name=self.name, source="script", at=now, since=since, error="nobody was seen"
            )
        low, high = anytime_interval(self.failed, self.n)
        return Signal(
            name=self.name,
            source="script",
            at=now,
            since=since,
            value=self.failed / self.n,
            low=low,
            high=high,
            n=self.n,
            failed=self.failed,
            age_s=0.0,
        )

    async def close(self) -> None:
        """Count how often it was closed."""
        self.closed += 1


async def signal_conforms(make: Callable[[], SignalSource]) -> Signal:
    """Hold a signal to its port; gives the first measurement.

    Raises:
        AssertionError: it does not do what every signal must.
    """
    source = make()
    first = await _read(source)
    for signal in (first, *await asyncio.gather(*(_read(source) for _ in range(3)))):
        _demand(
            (signal.value is None) is (signal.error is not None), "a value, or why there is none"
        )
        _demand(0 <= signal.failed <= signal.n, "no more failed than there are")
        if signal.value is not None and signal.low is not None and signal.high is not None:
            in_order = 0 <= signal.low <= signal.value <= signal.high <= 1
            _demand(in_order, "the interval holds the value")
        _demand(signal.age_s is None or signal.age_s >= 0, "an age is not below nothing")
        within = signal.failed_since is None or (signal.since or signal.at) <= signal.failed_since
        _demand(within, "the first failure lies in the window")
        _demand((signal.error or "").isprintable(), "an error is one harmless line")
    await source.close()
    await source.close()
    return first


async def _read(source: SignalSource) -> Signal:
    async with asyncio.timeout(GRACE_S):
        signal = await source.read(datetime.now(UTC))
    _demand(from_json(to_json(signal), Signal) == signal, "it can be kept and read again")
    return signal


def _demand(holds: bool, what: str) -> None:  # noqa: FBT001 - what must hold
    if not holds:
        raise AssertionError(what)
