"""`lastgood` that is killed beside writing a manifest: `python -m ... before|after ARGUMENTS`."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING

from lastgood.cli.main import run
from lastgood.drivers.objects.obstore.local import LocalObjects
from lastgood.drivers.objects.obstore.remote import RemoteObjects

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


def dying(exchange: Callable[..., bool], moment: str) -> Callable[..., bool]:
    def died(*given: Any) -> bool:
        if moment == "after":
            exchange(*given)
        os.kill(os.getpid(), signal.SIGKILL)
        return False

    return died


if __name__ == "__main__":
    moment = sys.argv.pop(1)
    for kind in (LocalObjects, RemoteObjects):
        kind.exchange = dying(kind.exchange, moment)  # type: ignore[method-assign]
    sys.exit(run())
