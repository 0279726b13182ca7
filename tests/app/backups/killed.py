"""`lastgood` that is killed at its worst moment: `python -m tests.app.backups.killed ARGUMENTS`."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING

from lastgood.backup.manifest import Backups
from lastgood.cli.main import run

if TYPE_CHECKING:
    from lastgood.model.backup import Backup


def die(backups: Backups, backup: Backup) -> None:
    """Every part is stored, and the manifest is not."""
    del backups, backup
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    Backups.commit = die  # type: ignore[method-assign,assignment]
    sys.exit(run())
