"""One line of an access log: who asked, when, and what came of it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from math import isfinite
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from lastgood.drivers.signal.access_log.options import AccessLogOptions

_TIMES = ("ts", "msec", "time_iso8601", "time", "@timestamp")
_AGENTS = (("request", "headers", "User-Agent"), ("http_user_agent",), ("user_agent",))
_PATHS = (("request", "uri"), ("request_uri",), ("uri",), ("path",))
# Seconds since 1970 have this many at most before they must be milli- or nanoseconds.
_LAST_SECOND = 1e11
_LAST_MILLISECOND = 1e14
_LONGEST_USER = 64
_WAITS = (("duration",), ("request_time",))
# Nobody was there any more to be answered: nginx and Caddy write 499, Caddy also 0.
_GIVEN_UP = frozenset({0, 499})
# Who leaves a page sooner may have changed their mind; who waited this long was not served.
PATIENCE_S = 5.0


@dataclass(frozen=True, slots=True)
class Entry:
    """A request that counts.

    Attributes:
        at: seconds since 1970.
        user: who asked; None when the line does not say.
        counted: whether a user made it, not a probe, and it shows whether they were served.
        given_up: nobody waited for the answer; counted, as failed, after a long wait alone.
    """

    at: float
    user: str | bytes | None
    failed: bool
    counted: bool
    given_up: bool = False


class Reader:
    """Reads lines as the options say."""

    def __init__(self, options: AccessLogOptions) -> None:
        self._decode = msgspec.json.Decoder().decode
        self._user = tuple(options.user.split("."))
        self._status = tuple(options.status.split("."))
        times = (options.time,) if options.time is not None else _TIMES
        self._times = tuple(tuple(time.split(".")) for time in times)
        self._failed_from = options.failed
        self._agents = tuple(word.lower() for word in options.exclude.agents)
        self._paths = options.exclude.paths

    def at(self, line: bytes) -> tuple[float, dict[str, object]] | None:
        """The time of a line and its fields; None for what is no entry."""
        try:
            fields = self._decode(line)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            return None
        if not isinstance(fields, dict):
            return None
        for path in self._times:
            seconds = _seconds(_field(fields, path))
            if seconds is not None:
                return seconds, fields
        return None

    def entry(self, at: float, fields: dict[str, object]) -> Entry:
        """The entry that a line's fields make."""
        status = _status(_field(fields, self._status))
        failed = status is not None and status >= self._failed_from
        given_up = status in _GIVEN_UP and not failed
        waited = given_up and _waited_s(fields) >= PATIENCE_S
        counted = status is not None and not self._is_probe(fields)
        return Entry(
            at=at,
            user=_user(_field(fields, self._user)),
            failed=failed or waited,
            counted=counted and (waited or not given_up),
            given_up=counted and given_up,
        )

    def _is_probe(self, fields: dict[str, object]) -> bool:
        agent = _first(fields, _AGENTS).lower()
        if agent and any(word in agent for word in self._agents):
            return True
        return bool(self._paths) and _first(fields, _PATHS).startswith(self._paths)


def _field(fields: object, path: tuple[str, ...]) -> object:
    """The value at a path; header names differ in case from server to server."""
    for part in path:
        if not isinstance(fields, dict):
            return None
        found = fields.get(part)
        if found is None:
            lower = part.lower()
            found = next((fields[key] for key in fields if key.lower() == lower), None)
        fields = found
    if isinstance(fields, list):
        return fields[0] if fields else None
    return fields


def _first(fields: dict[str, object], paths: tuple[tuple[str, ...], ...]) -> str:
    for path in paths:
        value = _field(fields, path) if path[0] in fields else None
        if isinstance(value, str):
            return value
    return ""


def _user(value: object) -> str | bytes | None:
    """Who asked; a name of any length takes bounded memory."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    name = str(value)
    if name in {"", "-"}:
        return None
    if len(name) <= _LONGEST_USER:
        return name
    return hashlib.blake2b(name.encode(errors="surrogatepass"), digest_size=16).digest()


def _status(value: object) -> int | None:
    if isinstance(value, str) and value.isdecimal() and len(value) == 3:  # noqa: PLR2004 - nginx writes text
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _waited_s(fields: dict[str, object]) -> float:
    """How long the answer was waited for; 0 when the line does not say."""
    for path in _WAITS:
        value = _field(fields, path) if path[0] in fields else None
        try:
            waited = float(value) if isinstance(value, str | int | float) else 0.0
        except (ValueError, OverflowError):
            continue
        if isfinite(waited) and waited > 0:
            return waited
    return 0.0


def _seconds(value: object) -> float | None:
    """Seconds since 1970 of a number, of a number as text, or of ISO 8601; else None."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return _iso_seconds(str(value))
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < _LATEST:
        return None
    if value > _LAST_MILLISECOND:
        return value / 1e9
    return value / 1e3 if value > _LAST_SECOND else float(value)


# The year 2200 in nanoseconds.
_LATEST = 7.3e18


def _iso_seconds(text: str) -> float | None:
    try:
        at = datetime.fromisoformat(text[:40])
    except ValueError:
        return None
    # Access logs that leave out the zone are in the server's own.
    return (at if at.tzinfo else at.astimezone(UTC)).timestamp()
