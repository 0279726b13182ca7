"""Every driver that can be named: the built-in ones by their folders, others by entry point."""

from __future__ import annotations

import pkgutil
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

from lastgood import drivers
from lastgood.ports.spec import DriverRegistry, DriverSpec

if TYPE_CHECKING:
    from collections.abc import Iterator

ENTRY_POINTS = "lastgood.drivers"
"""The entry point group in which another package names its `SPEC`."""


@cache
def registry() -> DriverRegistry:
    """The register of this installation; nothing of a driver but its `spec` is imported."""
    return DriverRegistry([*_built_in(), *_installed()])


def _built_in() -> Iterator[DriverSpec]:
    for family in pkgutil.iter_modules(drivers.__path__):
        folders = import_module(f"{drivers.__name__}.{family.name}").__path__
        for driver in pkgutil.iter_modules(folders):
            if driver.ispkg:
                module = import_module(f"{drivers.__name__}.{family.name}.{driver.name}.spec")
                yield module.SPEC


def _installed() -> Iterator[DriverSpec]:
    for point in entry_points(group=ENTRY_POINTS):
        spec = point.load()
        if isinstance(spec, DriverSpec):
            yield spec
