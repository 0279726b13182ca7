"""Measures the share of users affected from the end of an access log."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from lastgood.drivers.signal.access_log.backwards import Tail, open_tail, predecessor
from lastgood.drivers.signal.access_log.entry import Entry, Reader
from lastgood.model.interval import anytime_interval
from lastgood.model.signal import Signal
from lastgood.process.masking import harmless

if TYPE_CHECKING:
    from lastgood.drivers.signal.access_log.options import AccessLogOptions
    from lastgood.ports.toolbox import Toolbox

MOST_BYTES = 64 * 1024 * 1024
MOST_SECONDS = 5.0
# Lines are written when a request ends, nearly in order: one old line among new ones ends nothing.
OLD_IN_A_ROW = 50
# Lines later than this are of a clock that is wrong.
AHEAD_S = 5.0


@dataclass
class Count:
    """What one reading found.

    Attributes:
        users: everyone seen in the window.
        failed: those of them with at least one failed request.
        nameless: requests in the window that name no user.
        given_up: requests in the window that their users did not wait for.
        oldest: time of the oldest line that was looked at.
        newest: time of a user's newest request, also before the window.
        failed_since: time of the first request in the window that failed a user.
        unreadable: lines that are no entries.
        whole: whether the window was read to its beginning.
    """

    users: set[str | bytes] = field(default_factory=set)
    failed: set[str | bytes] = field(default_factory=set)
    nameless: int = 0
    given_up: int = 0
    unreadable: int = 0
    oldest: float | None = None
    newest: float | None = None
    failed_since: float | None = None
    whole: bool = True


class AccessLog:
    """The share of distinct users with a failed request over distinct users in a window."""

    def __init__(self, options: AccessLogOptions, toolbox: Toolbox) -> None:
        self._options = options
        self._name = toolbox.name
        self._path = toolbox.base / options.path
        self._reader = Reader(options)

    async def read(self, now: datetime, since: datetime | None = None) -> Signal:
        """Measure the window that ends now; nothing is kept from one time to the next."""
        begin = now.timestamp() - self._options.window
        if since is not None:
            begin = max(begin, since.timestamp())
        try:
            # Some seconds of parsing on a busy log: the event loop has probes to run meanwhile.
            count = await asyncio.to_thread(self._count, begin, now.timestamp())
        except OSError as error:
            why = error.strerror.lower() if error.strerror else str(error)
            return self._without_value(now, begin, f"the log cannot be read: {why}")
        return self._signal(now, begin, count)

    async def close(self) -> None:
        """Nothing is held between readings."""

    def _count(self, begin: float, end: float) -> Count:
        count = Count()
        deadline = time.monotonic() + MOST_SECONDS
        with open_tail(self._path) as tail:
            reached = self._walk(tail, begin, end, deadline, count)
            identity, read = tail.identity, tail.read
        if reached or not count.whole:
            return count
        # The file began within the window: the lines before it are where it was rotated to.
        rotated = predecessor(self._path)
        if rotated is None:
            return count
        try:
            with open_tail(rotated) as tail:
                if tail.identity != identity:
                    tail.read = read
                    self._walk(tail, begin, end, deadline, count)
        except OSError:  # it was moved on or packed meanwhile: what was read is the window then
            count.whole = False
        return count

    def _walk(self, tail: Tail, begin: float, end: float, deadline: float, count: Count) -> bool:
        """Count backwards; whether lines older than the window were reached."""
        old = 0
        for line in tail.lines():
            if tail.read > MOST_BYTES or time.monotonic() > deadline:
                count.whole = False
                return False
            if not line:
                continue
            found = self._reader.at(line)
            if found is None:
                count.unreadable += 1
                continue
            at, fields = found
            if at > end + AHEAD_S:
                continue
            old = old + 1 if at < begin else 0
            if not old:
                count.oldest = at if count.oldest is None else min(count.oldest, at)
            self._add(self._reader.entry(at, fields), count, in_window=not old)
            if old >= OLD_IN_A_ROW:
                return True
        return old > 0

    def _add(self, entry: Entry, count: Count, *, in_window: bool) -> None:
        count.given_up += entry.given_up and in_window
        if not entry.counted:
            return
        if entry.user is None:
            count.nameless += in_window
            return
        count.newest = entry.at if count.newest is None else max(count.newest, entry.at)
        if not in_window:
            return
        count.users.add(entry.user)
        if entry.failed:
            count.failed.add(entry.user)
            before = count.failed_since
            count.failed_since = entry.at if before is None else min(before, entry.at)

    def _signal(self, now: datetime, begin: float, count: Count) -> Signal:
        if not count.users:
            return self._without_value(now, begin, self._why_nobody(count), count.newest)
        n, failed = len(count.users), len(count.failed)
        low, high = anytime_interval(failed, n)
        # What was too much to read is not claimed to be covered.
        since = begin if count.whole or count.oldest is None else count.oldest
        return Signal(
            name=self._name,
            source=self._source,
            at=_when(min(count.newest or begin, now.timestamp())),
            since=_when(since),
            failed_since=None if count.failed_since is None else _when(count.failed_since),
            value=failed / n,
            low=low,
            high=high,
            n=n,
            failed=failed,
            age_s=_age(now, count.newest),
        )

    def _without_value(
        self, now: datetime, begin: float, error: str, newest: float | None = None
    ) -> Signal:
        return Signal(
            name=self._name,
            source=self._source,
            at=now,
            since=_when(begin),
            age_s=_age(now, newest),
            error=error,
        )

    def _why_nobody(self, count: Count) -> str:
        if count.given_up:
            return f"none of {count.given_up} requests was waited for until it was answered"
        if count.nameless:
            return f"none of {count.nameless} requests names a user at {self._options.user}"
        if count.newest is None and count.oldest is None and count.unreadable:
            return f"none of {count.unreadable} lines is a JSON entry with a time"
        return "no user made a request in the window"

    @property
    def _source(self) -> str:
        return harmless(f"access-log {self._path}").replace("\n", " ")


def _age(now: datetime, newest: float | None) -> float | None:
    return None if newest is None else max(0.0, now.timestamp() - newest)


def _when(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
