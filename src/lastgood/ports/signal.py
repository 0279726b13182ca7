"""The port of the signal family: a measured share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from datetime import datetime

    from lastgood.model.signal import Signal


class SignalSource(Protocol):
    """Measures one share over a window that ends now."""

    async def read(self, now: datetime, since: datetime | None = None) -> Signal:
        """Measure once. Never raises for what the source contains: the signal says its error.

        Args:
            now: the end of the window.
            since: the window begins no earlier than this: what came before a move says nothing of
                what came of it.
        """

    async def close(self) -> None:
        """Give back what is held. May be called twice."""
