"""A log that grows, is rotated, cut short, removed and comes back."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

# What one look reads at most; of more only the newest is read.
MOST_BYTES = 4 * 1024 * 1024

# So many bytes before where the last look ended are compared at the next one.
KNOWN_BY = 256


class Followed:
    """Gives the lines that came since the last time; keeps the file open in between.

    An open file is read to its end also after it was renamed, so that no line is missed.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = -1
        self._offset = 0
        self._rest = b""
        self._behind = b""  # what stands before the offset, to know the file again by

    def close(self) -> None:
        """Close the file. May be called twice."""
        descriptor, self._descriptor = self._descriptor, -1
        self._begin_anew()
        if descriptor >= 0:
            os.close(descriptor)

    def new_lines(self) -> list[bytes]:
        """The whole lines that were written since the last time, oldest first.

        Raises:
            OSError: there is no such file now, it may not be read, or is no plain file.
        """
        lines = self._read() if self._descriptor >= 0 else []
        if self._descriptor < 0 or self._replaced():
            if self._rest:
                lines.append(self._rest)
            self.close()
            self._open()
            lines += self._read()
        return lines

    def _open(self) -> None:
        # A pipe would be waited for; this way it is opened, seen, and refused.
        descriptor = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise OSError("it is no plain file")
        self._descriptor = descriptor

    def _replaced(self) -> bool:
        """Whether the path names another file than the open one, or none.

        Raises:
            OSError: see `new_lines`.
        """
        ours = os.fstat(self._descriptor)
        try:
            there = self._path.stat()
        except FileNotFoundError:
            return True
        return (ours.st_dev, ours.st_ino) != (there.st_dev, there.st_ino)

    def _begin_anew(self) -> None:
        self._offset, self._rest, self._behind = 0, b"", b""

    def _goes_on(self) -> bool:
        """Whether what was read last still stands there: a cut file may have grown past it."""
        length = len(self._behind)
        return os.pread(self._descriptor, length, self._offset - length) == self._behind

    def _read(self) -> list[bytes]:
        size = os.fstat(self._descriptor).st_size
        if size < self._offset or not self._goes_on():  # cut short: all that is there is new
            self._begin_anew()
        skipped = size - self._offset > MOST_BYTES
        if skipped:
            self._offset, self._rest, self._behind = size - MOST_BYTES, b"", b""
        data = os.pread(self._descriptor, size - self._offset, self._offset)
        self._offset += len(data)
        self._behind = (self._behind + data)[-KNOWN_BY:]
        first, *others = (self._rest + data).split(b"\n")
        lines = [first, *others]
        self._rest = lines.pop()[-MOST_BYTES:]
        # The first piece after a gap began before it.
        return lines[1:] if skipped else lines
