"""Files beside the state: private, and whole or not there."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from lastgood.errors import StateError


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner reads; a crash leaves the old one or the new one.

    Raises:
        StateError: it cannot be written.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise StateError(
            f"{path} cannot be written",
            cause=error.strerror or str(error),
            mend=f"make room and rights for {path.parent}, then run the command again",
        ) from error
