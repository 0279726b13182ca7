"""One client program under the guard: it dies with us, its streams are ours, its words masked."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import re
import socket
import subprocess
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Self

from lastgood.errors import ChildError
from lastgood.process import guard
from lastgood.process.environment import inherited
from lastgood.process.masking import harmless
from lastgood.process.running import GRACE_SECONDS, SCRIPT
from lastgood.process.survivors import VARIABLE, end_marked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from lastgood.process.masking import Masker

CHUNK = 256 * 1024
_KEEP = 64 * 1024
_CAUSE_LINES = 5
_CAUSE_CHARACTERS = 1_000
_MARGIN_SECONDS = 3.0
# What a program says with no word of how bad it is.
_NEWS = re.compile(rb"pg_[a-z]+: (?!(?:error|warning|fatal|detail|hint): )")


class ClientProgram:
    """A program that runs; leaving the context ends it.

    Args:
        folder: a private folder, for the guard's record.
        masker: hides secrets in what it complains about.
        reads: whether it is fed by `feed`.
        keep: descriptors that it inherits.
        heard: is given each line of news that it prints when it is told to be verbose, from another
            thread; what it raises, `finish` raises.
    """

    def __init__(
        self,
        argv: Sequence[str],
        variables: Mapping[str, str],
        folder: Path,
        masker: Masker,
        *,
        reads: bool = False,
        keep: Sequence[int] = (),
        heard: Callable[[str], None] | None = None,
    ) -> None:
        self._name = Path(argv[0]).name
        self._heard = heard
        self._verbose = heard is not None
        self._unheard: Exception | None = None
        self._masker = masker
        self._mark = f"database/{folder.name}/{self._name}"
        self._control, theirs = socket.socketpair()
        record = folder / f"{self._name}.guard"
        lock = os.open(record, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
        own = [str(theirs.fileno()), str(lock), str(record), str(GRACE_SECONDS)]
        # libpq reads no other variable of ours; English, since what it says is put into reports.
        surroundings = {**inherited({"LC_ALL": "C"}), **variables, VARIABLE: self._mark}
        try:
            self._process = subprocess.Popen(
                [*SCRIPT, guard.__file__, *own, *argv],
                stdin=subprocess.PIPE if reads else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=surroundings,
                pass_fds=(theirs.fileno(), lock, *keep),
                start_new_session=True,
                bufsize=0,
            )
        except OSError as error:
            self._control.close()
            raise ChildError(
                f"{self._name} could not be started",
                cause=f"{error.strerror}: {harmless(argv[0])}",
                mend="install the client programs again",
                code="child-not-started",
            ) from error
        finally:
            theirs.close()
            os.close(lock)
        self._said = bytearray()
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        self._listener.join()
        self._control.close()

    def output(self) -> Iterator[bytes]:
        """What it prints, in chunks, up to its end."""
        stream = self._process.stdout
        while stream is not None and (chunk := stream.read(CHUNK)):
            yield chunk

    def feed(self, chunk: bytes) -> bool:
        """Give it something to read, and wait until it took it; False when it reads no more."""
        stream, left = self._process.stdin, memoryview(chunk)
        try:
            while left and stream is not None:
                left = left[stream.write(left) or 0 :]
        except BrokenPipeError:
            return False
        return True

    def finish(self) -> str:
        """Say that nothing more comes, and wait for its end; what it complained about.

        Raises:
            ChildError: it failed.
        """
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
        for _ in self.output():
            pass
        code = self._process.wait()
        self._listener.join()
        if self._unheard is not None:
            raise self._unheard
        if code:
            raise self._failed(code)
        return self._complaint()

    def end(self) -> None:
        """End it and what it started, from any thread; one that has ended is ended already."""
        if self._process.poll() is not None:
            return
        with contextlib.suppress(OSError):
            self._control.send(b"cancel")
        try:
            self._process.wait(GRACE_SECONDS + _MARGIN_SECONDS)
        except subprocess.TimeoutExpired:
            # A guard that was stopped does not answer; what it leaves is found by its mark.
            self._process.kill()
            self._process.wait()
            asyncio.run(end_marked(self._mark))

    def _listen(self) -> None:
        stream, line = self._process.stderr, b""
        while stream is not None and (part := stream.read(CHUNK)):
            *lines, line = (line + part).split(b"\n")
            if len(line) > _KEEP:
                lines, line = [*lines, line], b""
            for one in lines:
                self._take(one)
            # The first words name the cause, the last ones what came of it.
            if len(self._said) > 2 * _KEEP:
                del self._said[_KEEP:-_KEEP]
        self._take(line)
        if stream is not None:
            stream.close()

    def _take(self, line: bytes) -> None:
        """Tell news and forget them; keep what is a complaint, or may be part of one."""
        if not (self._verbose and _NEWS.match(line)):
            self._said += line + b"\n"
        elif self._heard is not None:
            try:
                self._heard(line.decode(errors="replace"))
            except Exception as error:  # noqa: BLE001 - it is raised by `finish`
                # Whoever stops listening lets the program wait for ever.
                self._heard, self._unheard = None, error

    def _complaint(self) -> str:
        text = self._masker.mask(self._said.decode(errors="replace"))
        lines = [line.rstrip() for line in harmless(text).splitlines() if line.strip()]
        if len(lines) > _CAUSE_LINES:
            # Behind the first error stands what was being done, with as many lines as that has.
            first = next((n for n, line in enumerate(lines) if "error: " in line), len(lines))
            first = min(first, len(lines) - _CAUSE_LINES)
            lines = [*lines[first : first + _CAUSE_LINES - 1], lines[-1]]
        return self._masker.mask("\n".join(lines))[:_CAUSE_CHARACTERS]

    def _failed(self, code: int) -> ChildError:
        shell = 128
        how = f"failed with exit code {code}"
        if code < 0 or code > shell:
            how = f"was ended by signal {-code if code < 0 else code - shell}"
        return ChildError(
            f"{self._name} {how}",
            cause=self._complaint() or "it printed no error",
            mend="mend what it says, then try again",
            code=f"{self._name.replace('_', '-')}-failed",
        )
