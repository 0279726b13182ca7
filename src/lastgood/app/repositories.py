"""Git remotes as a help that may be slow: a kept release goes back without them."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, TypeVar

from lastgood.errors import LastgoodError, RemoteError

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from lastgood.app.wiring import Drivers
    from lastgood.ports.repository import Repository

PATIENCE_S = 5.0
"""How long a rollback waits for what only makes its plan, its holds and its lock better known."""

SILENCE_S = 30.0
"""How long a remote that did not answer is not asked again: it is waited for only once."""

T = TypeVar("T")

_silent_until: dict[str, float] = {}
"""By remote and branch: until when it is taken to be silent, on the monotonic clock."""


async def patiently(
    repository: Repository, work: Coroutine[Any, Any, T], *, anyway: bool = False
) -> T:
    """What comes of work on a repository, if it comes soon.

    Args:
        repository: whose remote is asked.
        work: what is asked of it.
        anyway: ask also when it was silent a moment ago.

    Raises:
        RemoteError: it did not, now or a moment ago (`remote-slow`).
    """
    key = repository.shared_key
    if not anyway and time.monotonic() < _silent_until.get(key, 0.0):
        work.close()
        raise _slow()
    try:
        async with asyncio.timeout(PATIENCE_S):
            return await work
    except TimeoutError:
        _silent_until[key] = time.monotonic() + SILENCE_S
        raise _slow() from None


def _slow() -> RemoteError:
    return RemoteError(
        f"the git remote did not answer within {PATIENCE_S:g} s",
        mend="look whether it is up; what was kept can be brought back without it",
        code="remote-slow",
        retryable=True,
    )


async def refresh(drivers: Drivers) -> list[LastgoodError]:
    """Bring every repository's copy up to date, side by side; gives what could not be reached."""
    repositories = [repository for _, repository in drivers.distinct_repositories()]
    done = await asyncio.gather(
        *(patiently(repository, repository.refresh()) for repository in repositories),
        return_exceptions=True,
    )
    troubles = []
    for outcome in done:
        if isinstance(outcome, LastgoodError):
            troubles.append(outcome)
        elif outcome is not None:
            raise outcome
    return troubles
