"""What lies between the live release and a target, for drivers that do not work on git itself."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lastgood.errors import RefusedError, RemoteError
from lastgood.model.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lastgood.model.plan import CommitLine
    from lastgood.ports.repository import Repository


PATIENCE_S = 5.0
"""How long a plan waits for a history that only makes it better known."""


@dataclass(frozen=True, kw_only=True)
class History:
    """What a route carries along.

    Attributes:
        dropped: commits of the live release that the target lacks, newest first.
        migrations: migration files that differ between the two.
        warnings: why the rest of this is empty, where it could not be read.
    """

    dropped: tuple[CommitLine, ...] = ()
    migrations: tuple[str, ...] = ()
    warnings: tuple[Problem, ...] = ()


async def read_history(
    repository: Repository | None,
    target: str,
    origin: str | None,
    *,
    paths: Sequence[str] = (),
    migrations: str | None = None,
) -> History:
    """Read it; a repository that does not answer is a warning: kept releases need no git."""
    if repository is None or origin is None or origin == target:
        return History()
    try:
        async with asyncio.timeout(PATIENCE_S):
            dropped = await repository.between(target, origin, paths)
            files = await repository.changed(target, origin, [migrations]) if migrations else ()
    except TimeoutError:
        return _unread(target, origin, "the git remote did not answer in time", "")
    except (RefusedError, RemoteError) as error:
        return _unread(target, origin, error.message, error.mend)
    return History(dropped=tuple(dropped), migrations=tuple(files))


def _unread(target: str, origin: str, why: str, mend: str) -> History:
    unread = Problem(
        code="history-unread",
        what=f"the commits between {target[:12]} and {origin[:12]} could not be read: {why}",
        mend=mend or "look whether the git remote answers; the release itself is kept",
    )
    return History(warnings=(unread,))
