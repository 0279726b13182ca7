"""The life of a backup in a folder, killed at the n-th change of the file system.

Prints what was finished, line by line, so that who killed it knows what may be expected.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

from tests.backup.made import backup, name_at, proof

from lastgood.backup.manifest import Backups
from lastgood.drivers.objects.obstore.local import LocalObjects
from lastgood.model.backup import Part

CHANGES = ("mkdir", "fsync", "link", "rename", "unlink", "rmdir", "fchmod")


class Executioner:
    """Ends this process right before its n-th change."""

    def __init__(self, last: int) -> None:
        self._left = last

    def watch(self, name: str) -> None:
        real = getattr(os, name)

        def watched(*given: Any, **named: Any) -> Any:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*given, **named)

        setattr(os, name, watched)


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> None:
    store, name = LocalObjects(Path(sys.argv[1])), name_at(0)
    backups = Backups(store, "production", "main")
    executioner = Executioner(int(sys.argv[2]))
    for change in CHANGES:
        executioner.watch(change)
    parts = tuple(
        Part(
            name=part,
            key=backups.key(name, part),
            bytes=store.put(backups.key(name, part), [part.encode()] * 1000),
            sha256="",
        )
        for part in ("roles", "dump")
    )
    made = backup(0, name=name, parts=parts)
    backups.commit(made)
    say("committed")
    backups.prove(proof(made, restorable=False))
    backups.prove(proof(made))
    say("proven")
    backups.remove(name)
    say("removed")


if __name__ == "__main__":
    main()
