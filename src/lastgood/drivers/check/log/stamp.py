"""When a line of a log was written, as the line says."""

from __future__ import annotations

import re
from datetime import UTC, datetime

# Where a line's time is looked for.
_BEGINNING = 80
_ISO = re.compile(
    r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:[.,](\d{1,9}))?\s?(Z|[+-]\d\d:?\d\d)?", re.ASCII
)
_COMMON = re.compile(r"\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}", re.ASCII)


def age_s(line: str, now: datetime) -> float | None:
    """Seconds since the line was written, by ISO 8601 or the common log format; None without.

    Many programs write UTC without saying so, others the machine's own time: of the two the one
    nearer to now is taken, so that a fresh line is never held for an old one.
    """
    beginning = line[:_BEGINNING]
    common = _COMMON.search(beginning)
    try:
        if common is not None:
            at = datetime.strptime(common[0], "%d/%b/%Y:%H:%M:%S %z")
            return (now - at).total_seconds()
        iso = _ISO.search(beginning)
        if iso is None:
            return None
        day, clock, fraction, zone = iso.groups()
        at = datetime.fromisoformat(f"{day}T{clock}.{(fraction or '0')[:6]:0<6}{zone or ''}")
    except ValueError:
        return None
    if at.tzinfo is not None:
        return (now - at).total_seconds()
    readings = (at.replace(tzinfo=UTC), at.astimezone(UTC))
    return min(((now - reading).total_seconds() for reading in readings), key=abs)
