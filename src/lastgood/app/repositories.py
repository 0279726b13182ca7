"""Git remotes as a help that may be slow: a kept release goes back without them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

from lastgood.errors import LastgoodError, RemoteError

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from lastgood.app.wiring import Drivers

PATIENCE_S = 5.0
"""How long a rollback waits for what only makes its plan, its holds and its lock better known."""

T = TypeVar("T")


async def patiently(work: Awaitable[T]) -> T:
    """What comes of it, if it comes soon.

    Raises:
        RemoteError: it did not (`remote-slow`).
    """
    try:
        async with asyncio.timeout(PATIENCE_S):
            return await work
    except TimeoutError:
        raise RemoteError(
            f"the git remote did not answer within {PATIENCE_S:g} s",
            mend="look whether it is up; what was kept can be brought back without it",
            code="remote-slow",
            retryable=True,
        ) from None


async def refresh(drivers: Drivers) -> list[LastgoodError]:
    """Bring every repository's copy up to date, side by side; gives what could not be reached."""
    repositories = [repository for _, repository in drivers.distinct_repositories()]
    done = await asyncio.gather(
        *(patiently(repository.refresh()) for repository in repositories), return_exceptions=True
    )
    troubles = []
    for outcome in done:
        if isinstance(outcome, LastgoodError):
            troubles.append(outcome)
        elif outcome is not None:
            raise outcome
    return troubles
