"""Looks for bad lines at the end of a log."""

from __future__ import annotations

import asyncio
import re
import time
from collections import deque
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from lastgood.drivers.check.log.follow import Followed
from lastgood.drivers.check.log.stamp import age_s
from lastgood.drivers.check.pattern import LINE_LIMIT
from lastgood.model.check import CheckResult
from lastgood.process.masking import harmless

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lastgood.drivers.check.log.options import LogOptions
    from lastgood.ports.toolbox import Toolbox

SHOWN = 80
# Of more matching lines than this only the newest are remembered.
MOST_MATCHES = 10_000


class LogCheck:
    """One log whose newest lines must not hold a pattern."""

    names_version = False

    def __init__(self, options: LogOptions, toolbox: Toolbox) -> None:
        self._options = options
        self._name = toolbox.name
        self._path = toolbox.base / options.log
        self._pattern = re.compile(options.fail_on)
        self._followed = Followed(self._path)
        self._looking = asyncio.Lock()
        self._known = False
        # Lines that were read and not looked at, and those that matched, each with its time.
        self._waiting: deque[tuple[float, str]] = deque()
        self._matches: deque[tuple[float, str]] = deque(maxlen=MOST_MATCHES)

    async def probe(self, instance: str | None = None) -> CheckResult:
        """Look once; a log has no instances, so the configured one is always read."""
        del instance
        at = datetime.now(UTC)
        started = time.perf_counter()
        try:
            async with asyncio.timeout(self._options.timeout):
                await self._take_in(at)
        except TimeoutError:
            return self._result(at, f"not read in {self._options.timeout:g} s")
        except OSError as fault:
            why = fault.strerror.lower() if fault.strerror else str(fault)
            return self._result(at, f"the log cannot be read: {why}")
        latency_ms = (time.perf_counter() - started) * 1000
        begin = time.monotonic() - self._options.within
        recent = [what for written, what in self._matches if written >= begin]
        if not recent:
            return self._result(at, None, "no matching line", latency_ms)
        lines = "line matches" if len(recent) == 1 else "lines match"
        error = f"{len(recent)} {lines} in the last {self._options.within:g} s: {recent[-1]}"
        return self._result(at, error, f"{len(recent)} matching", latency_ms)

    async def close(self) -> None:
        """Close the file."""
        async with self._looking:
            self._followed.close()

    async def _take_in(self, now: datetime) -> None:
        """Read what is new and remember what matches."""
        async with self._looking:
            lines = self._followed.new_lines()
            self._waiting += self._dated(lines, now)
            self._known = True
            # A look that is stopped midway leaves the rest to the next one.
            while self._waiting:
                if len(self._waiting) % 1000 == 0:
                    await asyncio.sleep(0)  # other probes want their turn
                written, text = self._waiting.popleft()
                match = self._pattern.search(text)
                if match is not None:
                    what = " ".join(harmless(match[0]).split())[:SHOWN]
                    self._matches.append((written, what))

    def _dated(self, lines: list[bytes], now: datetime) -> Iterator[tuple[float, str]]:
        """When each line was written, on the monotonic clock, and its text.

        What comes while we look is new. Of what is there at the first look the lines' own times
        are taken; a line without one, as in a traceback, has that of the line before.
        """
        seen = written = time.monotonic()
        for line in lines:
            text = line[:LINE_LIMIT].decode(errors="replace")
            age = None if self._known else age_s(text, now)
            if age is not None:
                written = seen - max(age, 0.0)
            yield written, text

    def _result(
        self,
        at: datetime,
        error: str | None,
        status: str | None = None,
        latency_ms: float | None = None,
    ) -> CheckResult:
        return CheckResult(
            name=self._name,
            address=harmless(str(self._path)).replace("\n", " "),
            at=at,
            ok=error is None,
            status=status,
            latency_ms=latency_ms,
            error=error,
        )
