"""How far a backup or its proof is, in words, now and then."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from lastgood.ports.database import Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    Tell = Callable[[str], None]

PAUSE_S = 5.0
"""Between two words: a terminal can be watched, and a log of hours stays short."""


class Meter:
    """Counts what passes, and tells it no more often than people read.

    Args:
        tell: is given the words, by whichever thread counts.
        what: what it is that goes on.
        done: what is done to the bytes.
        clock: seconds that only grow.
    """

    def __init__(
        self, tell: Tell, what: str, done: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._tell = tell
        self._what = what
        self._done = done
        self._clock = clock
        self._told_at = clock()
        self._told = False
        self._bytes = 0
        self._progress = Progress()
        self._lock = threading.Lock()

    def passing(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """The same chunks, counted as they are taken."""
        for chunk in chunks:
            yield chunk
            self._bytes += len(chunk)
            self._say()

    def heard(self, progress: Progress) -> None:
        """It is so far."""
        self._progress = progress
        # Nothing is heard until what follows the rows is made: so it is told that this begins.
        self._say(at_once=progress.later > 0)

    def _say(self, *, at_once: bool = False) -> None:
        with self._lock:
            at = self._clock()
            # What took no time until now is worth no words.
            if at - self._told_at < PAUSE_S and not (at_once and self._told):
                return
            self._told_at, self._told = at, True
        self._tell(f"{self._what}: {', '.join(self._words())}")

    def _words(self) -> Iterator[str]:
        seen = self._progress
        if seen.later:
            yield f"all rows are there, {seen.later} indexes and the like follow"
        elif seen.tables:
            of = f" of {seen.of_tables}" if seen.of_tables else ""
            yield f"{seen.tables}{of} tables"
        yield f"{self._bytes >> 20} MiB {self._done}"
