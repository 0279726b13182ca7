"""What lies between the live release and a target, for drivers that do not work on git itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lastgood.errors import RefusedError, RemoteError
from lastgood.model.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lastgood.model.plan import CommitLine
    from lastgood.ports.repository import Repository


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
        dropped = await repository.between(target, origin, paths)
        files = await repository.changed(target, origin, [migrations]) if migrations else ()
    except (RefusedError, RemoteError) as error:
        unread = Problem(
            code="history-unread",
            what=f"the commits between {target} and {origin} could not be read: {error.message}",
            mend=error.mend or "look whether the git remote answers; the release itself is kept",
        )
        return History(warnings=(unread,))
    return History(dropped=tuple(dropped), migrations=tuple(files))
