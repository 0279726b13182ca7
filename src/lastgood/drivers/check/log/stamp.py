"""When a line of a log was written, as the line says."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import UTC, datetime

# No log is older than 1973: a larger number counts smaller parts of a second.
_FIRST_SECOND = 1e8
# Where a line's time is looked for.
_BEGINNING = 80
_ISO = re.compile(
    r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:[.,](\d{1,9}))?\s?(Z|[+-]\d\d:?\d\d)?", re.ASCII
)
_COMMON = re.compile(r"\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}", re.ASCII)
# JSON lines name their time, and rarely at the beginning.
_NAMED = re.compile(
    r'"(?:ts|t|time|timestamp|@timestamp|datetime|date|asctime|msec)"\s*:\s*"?([^",}]{1,40})'
)
_EPOCH = re.compile(r"\d{9,19}(?:\.\d{1,9})?", re.ASCII)
# Syslog names neither the year nor the zone.
_SYSLOG = re.compile(r"(?:<\d{1,3}>)?([A-Z][a-z]{2}) ([ \d]\d) (\d\d:\d\d:\d\d) ", re.ASCII)
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
_DAY = 86_400


def age_s(line: str, now: datetime) -> float | None:
    """Seconds since the line was written; None when it does not say.

    Read are ISO 8601, the common log format, syslog's, and what a JSON line names as its time, also
    in seconds (or milli-, micro-, nanoseconds) since 1970.

    Many programs write UTC without saying so, others the machine's own time: of the two the one
    nearer to now is taken, so that a fresh line is never held for an old one.
    """
    named = _NAMED.search(line) if line.lstrip().startswith("{") else None
    text = line[:_BEGINNING] if named is None else named[1].strip()
    try:
        if named is not None and _EPOCH.fullmatch(text):
            return now.timestamp() - _seconds(float(text))
        return _of_text(text, now)
    except ValueError:  # there is no such time
        return None


def _of_text(text: str, now: datetime) -> float | None:
    common = _COMMON.search(text)
    if common is not None:
        return (now - datetime.strptime(common[0], "%d/%b/%Y:%H:%M:%S %z")).total_seconds()
    syslog = _SYSLOG.match(text)
    if syslog is not None:
        return _of_syslog(*syslog.groups(), now=now)
    iso = _ISO.search(text)
    if iso is None:
        return None
    day, clock, fraction, zone = iso.groups()
    at = datetime.fromisoformat(f"{day}T{clock}.{(fraction or '0')[:6]:0<6}{zone or ''}")
    if at.tzinfo is not None:
        return (now - at).total_seconds()
    return min(_ages(at, now), key=abs)


def _of_syslog(month: str, day: str, clock: str, *, now: datetime) -> float | None:
    """The age by the year that comes nearest; a month that is still to come was last year's."""
    if month not in _MONTHS:
        return None
    ages: list[float] = []
    for year in (now.year - 1, now.year, now.year + 1):
        written = f"{year}-{_MONTHS.index(month) + 1:02}-{int(day):02}T{clock}"
        with suppress(ValueError):  # 29 February is not in every year
            ages += _ages(datetime.fromisoformat(written), now)
    return min((age for age in ages if age > -_DAY), key=abs, default=None)


def _ages(at: datetime, now: datetime) -> list[float]:
    """The ages of a time without a zone, as UTC and as this machine's."""
    return [(now - read).total_seconds() for read in (at.replace(tzinfo=UTC), at.astimezone(UTC))]


def _seconds(since_1970: float) -> float:
    """Seconds, whether it was written in them or in a thousandth, millionth, billionth of one."""
    for unit in (1e9, 1e6, 1e3):
        if since_1970 / unit > _FIRST_SECOND:
            return since_1970 / unit
    return since_1970
