"""What every driver is given when it is made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from lastgood.ports.children import Children
    from lastgood.ports.repository import Repository


@dataclass(frozen=True, kw_only=True)
class Toolbox:
    """A driver's surroundings.

    Attributes:
        environment: the environment's name.
        name: the name of the service, check or signal in the configuration.
        base: the folder of the configuration file: relative paths start here.
        state: lastgood's own folder, for caches that may be deleted at any time.
        children: children for reading; what changes something goes through an `Action`.
        repository: the service's git repository, where one is configured.
    """

    environment: str
    name: str
    base: Path
    state: Path
    children: Children
    repository: Repository | None = None
