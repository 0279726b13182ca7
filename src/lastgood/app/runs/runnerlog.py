"""The runner's log: why a run stopped where it stands, for those who follow it and those who look.

The state cannot hold this: that it could not be written may be the very reason.
"""

from __future__ import annotations

import contextlib
import os
from datetime import datetime
from typing import TYPE_CHECKING

from lastgood.app.project import now
from lastgood.engine.direct.spawn import LOG, open_log

if TYPE_CHECKING:
    from pathlib import Path

_STOPPED = "stopped where it stands: "
_TAIL_BYTES = 65_536
_STDERR = 2


def write_log(folder: Path, text: str) -> None:
    """Append a line, also to stderr where that is not the log already."""
    # A full disk may be what there is to say: then the words are lost here, not the runner.
    why_no_words(folder, text)
    line = f"{now().isoformat()} {text}\n".encode(errors="replace")
    with contextlib.suppress(OSError):
        if not _stderr_is(folder / LOG):
            os.write(_STDERR, line)


def why_no_words(folder: Path, text: str) -> str | None:
    """Why a line cannot be appended; None when it was.

    Where the log is on the full disk, it is silent just when there is most to say.
    """
    try:
        log = open_log(folder)
        try:
            os.write(log, f"{now().isoformat()} {text}\n".encode(errors="replace"))
        finally:
            os.close(log)
    except OSError as error:
        return error.strerror or str(error)
    return None


def _stderr_is(log: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(_STDERR), log.stat())
    except FileNotFoundError:
        return False


def write_stopped(folder: Path, run: str, why: str) -> None:
    """Say in one line why nobody carries a run out any more."""
    write_log(folder, f"{run} {_STOPPED}{' '.join(why.split())}")


def why_stopped(folder: Path, run: str, since: datetime) -> str | None:
    """What was said when a run stopped last; None when it did not stop since that time."""
    try:
        with (folder / LOG).open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - _TAIL_BYTES))
            lines = log.read().decode(errors="replace").splitlines()
    except FileNotFoundError:
        return None
    for line in reversed(lines):
        at, _, text = line.partition(" ")
        if text.startswith(f"{run} {_STOPPED}") and _after(at, since):
            return text.removeprefix(f"{run} {_STOPPED}")
    return None


def _after(at: str, since: datetime) -> bool:
    try:
        return datetime.fromisoformat(at) >= since
    except (ValueError, TypeError):  # a line of somebody else
        return False
