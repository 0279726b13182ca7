"""What validators know of the file that is being read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lastgood.ports.spec import DriverRegistry

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Reading:
    """The context of one load; every validator gets it as `info.context`.

    Attributes:
        file: the configuration file, absolute.
        registry: the drivers that may be named.
        secrets: gathers every text that must be masked in output.
        left_out: the environments that were checked but not read, since they were not chosen.
    """

    file: Path
    registry: DriverRegistry = field(default_factory=DriverRegistry)
    secrets: set[str] = field(default_factory=set)
    left_out: tuple[str, ...] = ()

    @property
    def folder(self) -> Path:
        """Where relative paths start."""
        return self.file.parent


class Referred(str):
    """A text that was built from a reference: to be masked in output."""

    __slots__ = ()
