"""What a child prints and reads: bounded in memory, never blocking it."""

from __future__ import annotations

import asyncio
import contextlib
import os
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType

    from lastgood.process.masking import Masker

PART = 65536
# A pipe holds 64 KiB, at most 1 MiB; more than that after the child's end is a daemon's talk.
LAST_PARTS = 16


class Capture:
    """One output of a child: its head and its tail are kept, the middle is counted and dropped."""

    def __init__(self, keep: int) -> None:
        self._half = keep // 2
        self._head = bytearray()
        self._tail = bytearray()
        self._total = 0
        self.reading, self.writing = os.pipe()
        os.set_blocking(self.reading, False)
        self.ended = False
        asyncio.get_running_loop().add_reader(self.reading, self._read)

    @property
    def dropped(self) -> int:
        """How many bytes were not kept."""
        return max(0, self._total - 2 * self._half)

    def text(self, masker: Masker) -> str:
        """What was kept, masked; a line says how much is missing."""
        if not self.dropped:
            return masker.mask(_decode(self._head + self._tail))
        head, tail = masker.mask_halves(_decode(self._head), _decode(self._tail[-self._half :]))
        return f"{head}\n[{self.dropped} bytes dropped]\n{tail}"

    def finish(self) -> None:
        """Take what the child left in the pipe; what it wrote before its end is there by now."""
        self._stop_reading()
        for _ in range(LAST_PARTS):
            if self.ended or not self._read():
                return

    def close(self) -> None:
        """Give up the pipe."""
        self._stop_reading()
        self.let_go()
        if self.reading >= 0:
            os.close(self.reading)
            self.reading = -1

    def let_go(self) -> None:
        """Close our copy of the child's end, so that its end of file can be seen."""
        if self.writing >= 0:
            os.close(self.writing)
            self.writing = -1

    def _stop_reading(self) -> None:
        if self.reading >= 0:
            asyncio.get_running_loop().remove_reader(self.reading)

    def _read(self) -> bool:
        """Read one part; whether there was one."""
        try:
            part = os.read(self.reading, PART)
        except BlockingIOError:
            return False
        if not part:
            self.ended = True
            self._stop_reading()
            return False
        self._total += len(part)
        room = self._half - len(self._head)
        if room > 0:
            self._head += part[:room]
            part = part[room:]
        self._tail += part
        if len(self._tail) > 2 * self._half + PART:
            del self._tail[: -self._half]
        return True


class Feed:
    """What a child reads: given as fast as it takes it; one that stops reading is no error."""

    def __init__(self, data: bytes | None) -> None:
        self._left = memoryview(data or b"")
        self.writing = -1
        if not data:
            self.reading = os.open(os.devnull, os.O_RDONLY)
            return
        self.reading, self.writing = os.pipe()
        os.set_blocking(self.writing, False)
        asyncio.get_running_loop().add_writer(self.writing, self._write)

    def let_go(self) -> None:
        """Close our copy of the child's end."""
        if self.reading >= 0:
            os.close(self.reading)
            self.reading = -1

    def close(self) -> None:
        """Give up the pipe."""
        self.let_go()
        if self.writing >= 0:
            asyncio.get_running_loop().remove_writer(self.writing)
            os.close(self.writing)
            self.writing = -1

    def _write(self) -> None:
        with contextlib.suppress(BlockingIOError):
            try:
                self._left = self._left[os.write(self.writing, self._left) :]
            except BrokenPipeError:
                self._left = self._left[:0]
        if not self._left:
            self.close()


class Pipes:
    """The three standard streams of one child."""

    def __init__(self, stdin: bytes | None, keep: int) -> None:
        with contextlib.ExitStack() as undo:
            self.stdin = Feed(stdin)
            undo.callback(self.stdin.close)
            self.stdout = Capture(keep)
            undo.callback(self.stdout.close)
            self.stderr = Capture(keep)
            undo.callback(self.stderr.close)
            self._close = undo.pop_all().close

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close()

    def handed_over(self) -> None:
        """The child has its ends now; ours would keep the pipes open."""
        self.stdin.let_go()
        self.stdout.let_go()
        self.stderr.let_go()

    def finish(self) -> None:
        """Take the last output."""
        self.stdout.finish()
        self.stderr.finish()

    def held(self) -> list[int]:
        """The pipes that something still writes to after the child's end: it left a daemon."""
        return [output.reading for output in (self.stdout, self.stderr) if not output.ended]


def _decode(data: bytes | bytearray) -> str:
    return data.decode(errors="surrogateescape")
