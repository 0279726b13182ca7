"""A route: one way a deploy driver can bring a service to a release, as surveyed beforehand."""

from __future__ import annotations

from datetime import datetime

from lastgood.model.noun import Noun
from lastgood.model.plan import CommitLine
from lastgood.model.problem import Problem
from lastgood.model.verdict import Method


class Route(Noun, frozen=True, kw_only=True):
    """What a deploy driver says of one way to one target, having changed nothing.

    Attributes:
        index: the driver's place in the service's list, cheapest first.
        problems: why it cannot be done; a route with problems is not taken.
        base: the branch's tip that the route starts from, for tree and drop.
        drop: what is taken out, for drop.
        dropped: later commits that go with the route.
        migrations: migration files between the live release and the target.
        needs_version: the outcome is proven only by a check that names a version.
        typical_s: the driver's own idea of its seconds, used while there is no history.
    """

    service: str
    target: str
    method: Method
    driver: str
    index: int = 0
    origin: str | None = None
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()
    base: str | None = None
    drop: str | None = None
    dropped: tuple[CommitLine, ...] = ()
    migrations: tuple[str, ...] = ()
    needs_version: bool = False
    typical_s: float = 30.0


class FoundRelease(Noun, frozen=True, kw_only=True):
    """A release that a driver found where it keeps them; its standing is unknown."""

    commit: str
    artifact: str | None = None
    deployed_at: datetime | None = None
    live: bool = False
