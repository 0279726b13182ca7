"""Makes the store that an address means."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lastgood.drivers.objects.obstore.local import LocalObjects

if TYPE_CHECKING:
    from lastgood.drivers.objects.obstore.options import ObstoreOptions
    from lastgood.ports.objects import ObjectStore
    from lastgood.ports.toolbox import Toolbox


def make(options: ObstoreOptions, toolbox: Toolbox) -> ObjectStore:  # noqa: ARG001 - every maker's
    """A folder of this machine, or a store that is reached over the network."""
    if options.scheme == "file":
        return LocalObjects(Path(options.folder))
    from lastgood.drivers.objects.obstore.remote import RemoteObjects  # noqa: PLC0415 - obstore

    return RemoteObjects(options)
