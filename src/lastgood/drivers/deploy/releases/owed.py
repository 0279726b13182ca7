"""The restart that a flip owes, remembered beside the releases so that no crash forgets it.

Written before the flip and removed after the restart. Killed at any point in between, the note is
still there, and the release is not live before it has been restarted.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from lastgood.drivers.deploy.releases.directories import sync
from lastgood.errors import RefusedError

if TYPE_CHECKING:
    from pathlib import Path


class OwedRestart:
    """The note in `.lastgood/restart-owed`: the release that was or will be flipped to."""

    def __init__(self, path: Path) -> None:
        self._folder = path / ".lastgood"
        self._note = self._folder / "restart-owed"

    def is_for(self, name: str) -> bool:
        """Whether that release waits for its restart.

        Raises:
            RefusedError: the note cannot be read (code `unreadable`).
        """
        try:
            return self._note.read_bytes().strip() == name.encode()
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError as error:
            raise RefusedError(
                f"{self._note} cannot be read, so nobody can tell whether a restart is owed",
                cause=str(error.strerror),
                mend="run lastgood as the user who deploys",
                code="unreadable",
            ) from error

    def write(self, name: str) -> None:
        """Remember it, on the disk.

        Raises:
            OSError: it could not be written; a former note is as it was.
        """
        if self._folder.is_symlink():
            raise NotADirectoryError(None, "is a symlink, and must be a directory", self._folder)
        self._folder.mkdir(mode=0o755, exist_ok=True)
        new = self._folder / "restart-owed.new"
        new.unlink(missing_ok=True)
        handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644)
        try:
            os.write(handle, f"{name}\n".encode())
            os.fsync(handle)
        finally:
            os.close(handle)
        new.replace(self._note)
        sync(self._folder)

    def clear(self) -> None:
        """Forget it: the restart was done."""
        self._note.unlink(missing_ok=True)
        sync(self._folder)
