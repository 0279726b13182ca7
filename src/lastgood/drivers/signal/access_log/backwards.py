"""The lines of a file from its end, in bounded memory, however long the file or a line is."""

from __future__ import annotations

import os
import stat
from contextlib import closing
from glob import escape as glob_escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BLOCK = 256 * 1024
LONGEST_LINE = 1024 * 1024


class Tail:
    """One log file, read from its end to its beginning.

    Attributes:
        identity: device and inode: the same file under another name is the same.
        read: how many bytes were read so far.
    """

    def __init__(self, path: Path) -> None:
        """Open the file.

        Raises:
            OSError: it is not there, may not be read, or is no plain file.
        """
        # A pipe would be waited for; this way it is opened, seen, and refused.
        self._descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        seen = os.fstat(self._descriptor)
        if not stat.S_ISREG(seen.st_mode):
            self.close()
            raise OSError(f"{path.name} is no plain file")
        self.identity = (seen.st_dev, seen.st_ino)
        self.size = seen.st_size
        self.read = 0

    def close(self) -> None:
        """Close the file. May be called twice."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def lines(self) -> Iterator[bytes]:
        """Each line, the newest first; the first one may be half written."""
        end = self.size
        rest = b""
        dropping = False
        while end > 0:
            begin = max(0, end - BLOCK)
            block = os.pread(self._descriptor, end - begin, begin)
            self.read += len(block)
            end = begin
            first, *others = block.split(b"\n")
            if others:
                if not dropping:
                    others[-1] += rest
                else:
                    others.pop()
                yield from reversed(others)
                rest, dropping = first, False
            elif dropping or len(block) + len(rest) > LONGEST_LINE:
                rest, dropping = b"", True
            else:
                rest = block + rest
        if not dropping:
            yield rest


def open_tail(path: Path) -> closing[Tail]:
    """The file, closed when the block ends.

    Raises:
        OSError: see `Tail`.
    """
    return closing(Tail(path))


def predecessor(path: Path) -> Path | None:
    """Where the lines before the log's first one are, after a rotation; None when there is none.

    `NAME.1` as logrotate names it, else the newest `STEM-*SUFFIX` as Caddy does.
    """
    rotated = path.with_name(path.name + ".1")
    if rotated.exists():
        return rotated
    pattern = f"{glob_escape(path.stem)}-*{glob_escape(path.suffix)}"
    return max(path.parent.glob(pattern), key=lambda found: found.name, default=None)
