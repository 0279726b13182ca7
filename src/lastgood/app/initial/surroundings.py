"""What `init` finds around it; every guess carries why it was made."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Guess:
    """A value that was not told but found.

    Attributes:
        why: what it was read from, for the comment beside it. Text from outside: not harmless yet.
    """

    value: str
    why: str


@dataclass(frozen=True, kw_only=True)
class Origin:
    """The git repository around a folder.

    Attributes:
        top: its root.
        remote: the address that CI would deploy from; never with a password.
        branch: the branch that is deployed.
        notes: what stood in the way of reading more.
    """

    top: Path | None = None
    remote: Guess | None = None
    branch: Guess | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Part:
    """A deployable part of the project: a service to be.

    Attributes:
        why: why it is believed to be one.
        paths: its folder within the repository; None for all of it.
        releases: the folder with `releases/` and `current`.
        migrations: the folder of its migration files within the repository.
        health: the route that says whether it is well.
    """

    name: str
    why: str
    paths: str | None = None
    releases: Guess | None = None
    migrations: Guess | None = None
    health: Guess | None = None


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """All that was found.

    Attributes:
        parts: the services to be; empty when nothing says what there is.
        hints: files that tell a person how it is deployed.
    """

    folder: Path
    project: Guess
    origin: Origin = field(default_factory=Origin)
    parts: tuple[Part, ...] = ()
    hints: tuple[str, ...] = ()
