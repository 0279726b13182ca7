"""What is watched: built drivers with what the configuration says of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lastgood.model.check import Thresholds

if TYPE_CHECKING:
    from lastgood.ports.check import Check
    from lastgood.ports.deploy import Deployer
    from lastgood.ports.toolbox import Toolbox

# A driver ends within its own time limit; one that does not is stopped here.
PATIENCE_S = 5.0


@dataclass(frozen=True, kw_only=True)
class WatchedCheck:
    """A check and how it is watched.

    Attributes:
        every_s: from one look to the next.
        timeout_s: the check's own time limit.
    """

    name: str
    check: Check
    thresholds: Thresholds = field(default_factory=Thresholds)
    every_s: float = 5.0
    timeout_s: float = 2.0


@dataclass(frozen=True, kw_only=True)
class Instances:
    """Where a service's instances answer: a list of base URLs, or a command that prints them.

    Attributes:
        command: run in the configuration's folder; one URL per line.
        toolbox: the service's, for the command's children and folder.
    """

    urls: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    toolbox: Toolbox | None = None


@dataclass(frozen=True, kw_only=True)
class WatchedService:
    """A service: how it is put live, which checks show it, where its instances are.

    Attributes:
        deployer: the first of its deploy drivers that tells what runs, else None.
    """

    name: str
    deployer: Deployer | None = None
    checks: tuple[str, ...] = ()
    instances: Instances | None = None
